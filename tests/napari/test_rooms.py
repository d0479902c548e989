"""Folders of the panel import each other in one direction only."""

import ast
from pathlib import Path

import pytest

import eelsmap

FOLDER = Path(eelsmap.__file__).parent / "napari"
MAY_IMPORT = {
    "window": set(),
    "image": {"window"},
    "runs": {"image", "window"},
    "maps": {"image", "window"},
    "spectrum": {"window"},
    "export": {"window"},
    "series": {"maps", "spectrum", "image", "window"},
}


def test_every_folder_has_its_place():
    assert {path.parent.name for path in FOLDER.glob("*/*.py")} == set(MAY_IMPORT)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_imports_run_downwards(room):
    imported = {
        node.module.removeprefix("eelsmap.napari").strip(".").split(".")[0]
        for path in (FOLDER / room).glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("eelsmap.napari")
    }
    assert imported - {room} <= MAY_IMPORT[room]
