"""Charge balance and the moments that decide."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eelsmap.errors import LibraryError
from eelsmap.library.valence import REFERENCE_MOMENTS, assign_valences

ions = st.sampled_from([(symbol, valence) for symbol, table in REFERENCE_MOMENTS.items() for valence in table])


@given(st.lists(ions, min_size=1, max_size=4), st.data())
def test_true_valences_come_back_from_their_moments(metals, data):
    symbols = [symbol for symbol, _ in metals]
    noise = data.draw(st.lists(st.floats(-0.1, 0.1), min_size=len(metals), max_size=len(metals)))
    moments = [REFERENCE_MOMENTS[s][v] + n for (s, v), n in zip(metals, noise, strict=True)]
    found = assign_valences(symbols, moments, sum(v for _, v in metals))
    assert found.values == tuple(v for _, v in metals)
    assert not found.sites_ambiguous


def test_balance_overrules_moments():
    # Both moments say Ni4+, charge balance leaves room for one.
    found = assign_valences(["Ni", "Ni"], [0.1, 0.35], 7)
    assert found.values == (4, 3)


def test_equal_moments_with_unequal_valences_are_flagged():
    found = assign_valences(["Mn", "Mn", "Co"], [2.95, 2.95, 0.0], 10)
    assert sorted(found.values[:2]) == [3, 4]
    assert found.sites_ambiguous
    assert not found.elements_ambiguous


def test_five_fold_cobalt_is_not_read_by_its_moment():
    assert assign_valences(["Co", "Ni"], [0.9, 0.1], 7, five_fold=[True, False]).values == (3, 4)
    assert assign_valences(["Co", "Ni"], [0.9, 0.9], 7).values == (4, 3)


def test_nickel_on_a_lithium_site_is_divalent_unless_balance_forbids():
    assert assign_valences(["Ni", "Ni"], [1.3, 1.4], 5, on_lithium_site=[True, False]).values == (2, 3)
    forced = assign_valences(["Ni", "Co"], [1.6, 0.85], 7, on_lithium_site=[True, False])
    assert forced.values == (3, 4)
    assert forced.elements_ambiguous


def test_impossible_balance_is_refused():
    with pytest.raises(LibraryError, match="add up to 9"):
        assign_valences(["Ni", "Mn"], [1.0, 2.9], 9)


def test_every_structure_record_balances_charge(library):
    rows = library.kind == "structure"
    charge = sum(
        library.atoms[element][rows] * np.nan_to_num(library.labels[f"{element.lower()}_valence"][rows])
        for element in ("Ni", "Mn", "Co")
    )
    np.testing.assert_allclose(charge + library.atoms["Li"][rows], 2 * library.atoms["O"][rows], atol=1e-9)
