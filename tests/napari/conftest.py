"""Windows need a screen: without one, and without Xvfb to make one, their tests skip, saying so."""

import os
import shutil
import sys
import time

import pytest

_SCREEN = sys.platform != "linux" or bool(os.environ.get("DISPLAY")) or shutil.which("Xvfb") is not None


@pytest.fixture
def screen(qapp):
    """Skip a test where there is no screen for its windows."""
    return qapp


def pytest_collection_modifyitems(items):
    """Skip what opens windows where there is no screen."""
    reason = pytest.mark.skip(reason="no screen: set DISPLAY or install Xvfb")
    for item in items:
        if not _SCREEN and {"qapp", "qtbot", "make_napari_viewer", "screen"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(reason)


@pytest.fixture
def add(qtbot):
    """Give a widget that needs no viewer into the care of the test."""

    def make(widget):
        qtbot.addWidget(widget)
        return widget

    return make


@pytest.fixture
def until(screen):
    """Let the window work until a condition holds; fails when it does not within some seconds."""

    def wait(condition, seconds=60.0):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "the window did not get there in time"
            screen.processEvents()
            time.sleep(0.005)

    return wait


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of a few pixels, so that small images have many."""
    monkeypatch.setattr("eelsmap.mapping.blocks._BLOCK_PIXELS", 2)


@pytest.fixture
def cancel_after_one_block(monkeypatch):
    """Cancel a run in the computing thread itself, before the blocks after the first are under way."""
    from eelsmap.napari.runs.map_run import MapRun

    take = MapRun._on_block

    def take_and_cancel(run, *block):
        take(run, *block)
        run.cancel()

    with monkeypatch.context() as patched:
        patched.setattr(MapRun, "_on_block", take_and_cancel)
        yield patched
