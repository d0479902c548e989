"""The parts of the panel that need a window but no viewer."""

from pathlib import Path

import pytest

from eelsmap.errors import EelsmapError, RecipeError
from eelsmap.napari.looked_at import Corrections, corrected, look_at
from eelsmap.recipe import Recipe
from tests.small_images import image

pytest.importorskip("qtpy", reason="the panel needs the napari extra")


@pytest.fixture
def add(qtbot):
    def make(widget):
        qtbot.addWidget(widget)
        return widget

    return make


@pytest.fixture
def form(add):
    from eelsmap.napari.recipe_form import RecipeForm

    return add(RecipeForm())


def test_the_form_gives_back_the_recipe_it_was_given(form):
    recipe = Recipe()
    form.set_recipe(recipe)
    assert form.recipe() == recipe


def test_changes_reach_the_recipe_and_can_be_taken_back(form):
    told = []
    form.edited.connect(lambda: told.append(form.recipe()))
    form.set_value("noise", "average", 1.5)
    form.set_value("background", "method", "two_area")
    form.set_value("noise", "denoise", True)
    form.set_value("energy_axis", "offset", -7.25)
    recipe = form.recipe()
    assert (recipe.noise.average, recipe.noise.denoise, recipe.background.method) == (1.5, True, "two_area")
    assert recipe.energy_axis.offset == -7.25
    assert len(told) == 4
    form.reset()
    assert form.recipe() == Recipe()


def test_a_value_that_cannot_be_used_is_said(form):
    form.set_value("spikes", "threshold", 1.0)
    with pytest.raises(RecipeError):
        form.recipe()
    assert "at least 4" in form._said.text()


def test_every_editor_has_a_name_and_help(form):
    for editor in form._editors.values():
        assert editor.accessibleName()
        assert editor.toolTip()


def test_the_summary_says_what_was_found_and_takes_corrections(add):
    from eelsmap.napari.file_summary import FileSummary

    summary = add(FileSummary())
    assert "Open a spectrum image" in summary.texts()[0]
    summary.show_found(look_at(corrected(image(), Corrections(beam_energy=300.0)), Recipe()))
    assert "O K, Mn L, Co L, Ni L found" in summary.texts()
    assert summary.corrections().beam_energy == 300.0
    told = []
    summary.corrected.connect(lambda: told.append(summary.corrections()))
    summary._entries["collection_angle"].setValue(35.0)
    summary.set_low_loss(Path("low.dm4"))
    summary._simultaneous.setCurrentIndex(1)
    assert told[-1] == Corrections(300.0, None, 35.0, Path("low.dm4"), True)
    summary.set_corrections(Corrections())
    assert summary.corrections().low_loss is None


def test_a_model_is_loaded_in_the_background_and_shows_its_card(add, until):
    from eelsmap.napari.model_choice import ModelChoice

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
    from eelsmap.napari.model_choice import ModelChoice

    choice = add(ModelChoice())
    failed = []
    choice.failed.connect(failed.append)
    choice.add(tmp_path)
    until(lambda: failed)
    assert choice.model is None
    assert str(tmp_path) in failed[0]


def test_a_task_answers_in_the_window_or_says_why_not(until, screen):
    from threading import current_thread

    from eelsmap.napari.background_task import BackgroundTask

    answers, failures = [], []

    def fail():
        raise EelsmapError("it is gone; open it again")

    BackgroundTask(
        lambda: current_thread().name, lambda name: answers.append((name, current_thread().name)), failures.append
    ).start()
    task = BackgroundTask(fail, answers.append, failures.append).start()
    forgotten = BackgroundTask(lambda: 3, answers.append, failures.append)
    forgotten.forget()
    forgotten.start()
    until(lambda: answers and failures)
    assert forgotten.wait(5)
    assert task.wait(5)
    screen.processEvents()
    assert answers == [("eelsmap background task", "MainThread")]
    assert failures == ["it is gone; open it again"]


def test_the_message_stays_until_it_is_closed(add):
    from eelsmap.napari.message_line import MessageLine

    line = add(MessageLine())
    assert line.isHidden()
    line.complain("the disk is full")
    assert line.text == "The disk is full"
    assert not line.isHidden()
    line.clear()
    assert line.isHidden()
