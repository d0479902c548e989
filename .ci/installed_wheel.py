"""What must work from the installed wheel, away from the checkout: entry points, manifest, shipped data."""

import subprocess
import sys
import time
from pathlib import Path

SCRIPTS = Path(sys.executable).parent


def run(*arguments):
    return subprocess.run([SCRIPTS / arguments[0], *arguments[1:]], capture_output=True, text=True, check=True).stdout


def test_the_package_comes_from_site_packages():
    import eelsmap

    assert "site-packages" in eelsmap.__file__


def test_help_answers_within_half_a_second():
    run("eelsmap", "--help")
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        assert "map" in run("eelsmap", "--help")
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.5


def test_import_brings_in_nothing_heavy():
    code = (
        "import eelsmap, sys; print([n for n in ('hyperspy', 'dask', 'xgboost', 'napari', 'qtpy') if n in sys.modules])"
    )
    assert run("python", "-c", code).strip() == "[]"


def test_hyperspy_knows_the_signal_types(capsys):
    import hyperspy.api as hs

    hs.print_known_signal_types()
    printed = capsys.readouterr().out
    assert "MultiEdgeEELS" in printed
    assert "PropertyMap" in printed


def test_npe2_finds_a_valid_manifest():
    from npe2 import PluginManager

    manager = PluginManager()
    manager.discover()
    assert manager.get_manifest("eelsmap").name == "eelsmap"
    run("npe2", "validate", "eelsmap")


def test_shipped_library_and_model_load_and_map_a_phantom():
    import numpy as np

    import eelsmap

    assert len(eelsmap.load_library("nmc")) > 100
    assert "whole and safe" in run("eelsmap", "model", "check", "nmc")
    model = eelsmap.load_model("nmc")
    phantom = eelsmap.make_phantom((12, 16))
    maps = eelsmap.map_properties(phantom.signal(), model)
    assert np.isfinite(maps.array("li_content")).any()
    assert maps.provenance["model"]["sha256"] == model.sha256
