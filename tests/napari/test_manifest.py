"""The manifest is valid, is found after installation, and names functions that exist."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import yaml

MANIFEST = Path(__file__).resolve().parents[2] / "napari.yaml"
npe2 = pytest.importorskip("npe2", reason="the manifest is validated with npe2")


def test_manifest_file_is_valid():
    manifest = npe2.PluginManifest.from_file(MANIFEST)
    manifest.validate_imports()
    assert manifest.name == "eelsmap"


def test_commands_name_functions_that_exist():
    content = yaml.safe_load(MANIFEST.read_text())["contributions"]
    commands = {item["id"]: item["python_name"] for item in content["commands"]}
    for name in commands.values():
        module, function = name.split(":")
        assert callable(getattr(import_module(module), function))
    used = [item["command"] for kind in ("readers", "sample_data", "widgets") for item in content[kind]]
    assert set(used) == set(commands)


def test_installed_manifest_is_the_same():
    installed = npe2.PluginManifest.from_distribution("eelsmap")
    written = npe2.PluginManifest.from_file(MANIFEST)
    # An editable install holds a copy, too.
    assert installed.contributions == written.contributions, "napari.yaml was changed: run pip install -e . again"


def test_nothing_imports_qt_or_napari(tmp_path):
    code = (
        "import sys, eelsmap.napari.reader, eelsmap.napari.sample_data\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('napari', 'qtpy', 'PyQt6', 'PySide6', 'vispy')])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
