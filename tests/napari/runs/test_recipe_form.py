"""The recipe as a form."""

import pytest

from eelsmap.errors import RecipeError
from eelsmap.recipe import Recipe

pytest.importorskip("qtpy", reason="the panel needs the napari extra")


@pytest.fixture
def form(add):
    from eelsmap.napari.runs.recipe_form import RecipeForm

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
