"""Which model: shipped or from disk, loaded in the background."""

import pytest

pytest.importorskip("qtpy", reason="the panel needs the napari extra")


def test_a_model_is_loaded_in_the_background_and_shows_its_card(add, until):
    from eelsmap.napari.runs.model_choice import ModelChoice

    choice = add(ModelChoice())
    loaded = []
    choice.loaded.connect(loaded.append)
    choice.load()
    until(lambda: loaded)
    assert loaded[0].name == "nmc"
    dialog = add(choice.show_card())
    text = next(child for child in dialog.children() if hasattr(child, "toPlainText")).toPlainText()
    assert "simulated spectra" in text


def test_a_folder_that_is_no_model_is_said(add, until, tmp_path):
    from eelsmap.napari.runs.model_choice import ModelChoice

    choice = add(ModelChoice())
    failed = []
    choice.failed.connect(failed.append)
    choice.add(tmp_path)
    until(lambda: failed)
    assert choice.model is None
    assert str(tmp_path) in failed[0]
