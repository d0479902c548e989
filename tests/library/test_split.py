"""No leak between train and test, and a test side that covers what the library holds."""

import numpy as np
import pytest

from eelsmap.library.split import family, side, side_of_family


def test_no_parent_and_no_family_is_on_both_sides(library, shipped_cells):
    families = {}
    for cell in shipped_cells[0]:
        families.setdefault(family(cell), set()).add(side(cell))
    assert all(len(sides) == 1 for sides in families.values())
    for parent in np.unique(library.parent):
        assert len(set(library.split[library.parent == parent])) == 1


def test_the_test_side_covers_lithium_and_defects(library):
    held_out = (library.kind == "structure") & (library.split == "test")
    whole = library.kind == "structure"
    assert 0.15 < held_out.sum() / whole.sum() < 0.35
    assert library.labels["vacancy"][held_out].sum() >= 2
    assert library.labels["antisite"][held_out].sum() >= 2
    pristine = held_out & (library.labels["vacancy"] + library.labels["antisite"] == 0)
    lithium = library.labels["li_content"][pristine]
    assert lithium.min() == 0
    assert lithium.max() == 1
    assert ((lithium > 0.2) & (lithium < 0.8)).sum() >= 3
    for element in ("ni", "mn", "co"):
        assert np.unique(library.labels[f"{element}_count"][pristine]).size >= 3


# The assignment of the first cells must never change: trained models rest on it.
@pytest.mark.parametrize(
    ("name", "expected"),
    [("pristine|Co Mn Ni|3", "test"), ("pristine|Co Co Co|0", "test"), ("vacancy|Co Ni Ni Ni|2", "test"),
     ("antisite|Mn Ni Ni Ni|1", "test"), ("pristine|Ni Ni Ni|3", "train"), ("pristine|Co Ni Ni|0", "train")],
)  # fmt: skip
def test_assignment_is_fixed(name, expected):
    assert side_of_family(name) == expected
