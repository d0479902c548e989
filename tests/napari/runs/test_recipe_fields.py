"""What the form knows of a recipe comes from the recipe itself."""

from dataclasses import fields

import pytest

from eelsmap.errors import RecipeError
from eelsmap.napari.runs.recipe_fields import changed, recipe_groups, with_values
from eelsmap.recipe import Recipe


def test_every_field_of_every_step_has_words():
    groups = recipe_groups(Recipe())
    for group in groups:
        assert group.words.endswith(".")
        assert [item.name for item in group.fields] == [item.name for item in fields(getattr(Recipe(), group.step))]
        assert all(item.words for item in group.fields)
    steps = {group.step for group in groups}
    # Edges and features are what a model learned from: they are no field of the form.
    assert {item.name for item in fields(Recipe)} - steps == {"edge_set", "features"}


def test_texts_with_few_values_are_choices():
    for group in recipe_groups(Recipe()):
        for item in group.fields:
            assert bool(item.choices) == (item.kind is str)
            if item.choices:
                assert getattr(getattr(Recipe(), item.step), item.name) in item.choices


def test_words_are_plain_text():
    said = [item.words for group in recipe_groups(Recipe()) for item in group.fields]
    assert not any("`" in words or "*" in words for words in said)


def test_changes_are_said_in_words():
    values = {("noise", "average"): 1.5, ("noise", "denoise"): True, ("energy_axis", "offset"): -3.0}
    other = with_values(Recipe(), values)
    assert changed(other, Recipe()) == ["Energy axis: offset -3 eV", "Noise: average 1.5 px", "Noise: denoise yes"]
    assert changed(Recipe(), Recipe()) == []


def test_values_that_cannot_be_used_are_refused():
    with pytest.raises(RecipeError, match="threshold"):
        with_values(Recipe(), {("spikes", "threshold"): 1.0})
