import subprocess
import sys

import pytest

import eelsmap


def test_every_public_name_loads():
    for name in eelsmap.__all__:
        assert getattr(eelsmap, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = eelsmap.nothing


@pytest.mark.parametrize("module", ["hyperspy", "dask", "xgboost", "matplotlib", "pandas", "napari", "qtpy"])
def test_import_is_light(module):
    code = f"import eelsmap, eelsmap.cli, sys; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
