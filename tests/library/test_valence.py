"""Charge balance, and the moments and bond lengths that decide: the rules, on made-up metals."""

import time
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eelsmap.errors import LibraryError
from eelsmap.library.reference_ions import (
    CALCULATED_MOMENTS,
    FIVE_FOLD_COBALT_DISTANCES,
    REFERENCE_DISTANCES,
    REFERENCE_MOMENTS,
    bond_valence_distance,
)
from eelsmap.library.valence import assign_valences

ions = st.sampled_from([(symbol, valence) for symbol, table in REFERENCE_MOMENTS.items() for valence in table])


@given(st.lists(ions, min_size=1, max_size=5), st.booleans(), st.data())
def test_true_valences_come_back_from_their_moments_and_distances(metals, with_distances, data):
    symbols = [symbol for symbol, _ in metals]
    noise = st.lists(st.floats(-0.1, 0.1), min_size=len(metals), max_size=len(metals))
    moments = [REFERENCE_MOMENTS[s][v] + n for (s, v), n in zip(metals, data.draw(noise), strict=True)]
    distances = [REFERENCE_DISTANCES[s][v] + n / 25 for (s, v), n in zip(metals, data.draw(noise), strict=True)]
    found = assign_valences(
        symbols, moments, sum(v for _, v in metals), distances=distances if with_distances else None
    )
    assert found.values == tuple(v for _, v in metals)


@given(st.lists(ions, min_size=1, max_size=5), st.integers(0, 2**32 - 1))
def test_ranking_finds_what_trying_all_finds(metals, seed):
    random = np.random.default_rng(seed)
    symbols = [symbol for symbol, _ in metals]
    moments = list(random.uniform(0, 4.5, len(metals)))
    total = sum(valence for _, valence in metals)
    found = assign_valences(symbols, moments, total)
    step = {"Ni": 0.75, "Mn": 0.85, "Co": 0.85}
    cost = [
        {
            valence: ((moment - reference) / step[symbol]) ** 2
            for valence, reference in REFERENCE_MOMENTS[symbol].items()
        }
        for symbol, moment in zip(symbols, moments, strict=True)
    ]
    balanced = [choice for choice in product((2, 3, 4), repeat=len(symbols)) if sum(choice) == total]
    all_of_them = [(sum(one[v] for one, v in zip(cost, choice, strict=True)), choice) for choice in balanced]
    all_of_them.sort()
    assert found.deviation == pytest.approx(all_of_them[0][0])
    close = [choice for cost, choice in all_of_them if cost - found.deviation < 0.25 and choice != found.values]
    assert found.sites_ambiguous == bool(close)

    def sums(choice):
        return {s: sum(v for other, v in zip(symbols, choice, strict=True) if other == s) for s in symbols}

    assert found.elements_ambiguous == any(sums(choice) != sums(found.values) for choice in close)


def test_balance_overrules_moments():
    # Both moments say Ni4+, charge balance leaves room for one.
    found = assign_valences(["Ni", "Ni"], [0.1, 0.35], 7)
    assert found.values == (4, 3)


def test_bond_lengths_settle_what_moments_leave_open():
    alike = {"symbols": ["Ni", "Ni"], "moments": [0.5, 0.5], "total": 7}
    assert assign_valences(**alike).sites_ambiguous
    settled = assign_valences(**alike, distances=[1.94, 1.88])
    assert settled.values == (3, 4)
    assert not settled.sites_ambiguous


def test_equal_metals_with_unequal_valences_are_flagged():
    found = assign_valences(["Mn", "Mn", "Co"], [2.95, 2.95, 0.2], 10, distances=[1.91, 1.91, 1.92])
    assert sorted(found.values[:2]) == [3, 4]
    assert found.sites_ambiguous
    assert not found.elements_ambiguous
    # The second moments of metals that share an electron add up to that; if both are those of Ni2+, one is forced.
    pair = {"symbols": ["Ni", "Ni", "Mn"], "moments": [1.3, 1.3, 2.84], "total": 9, "distances": [2.0, 2.0, 1.903]}
    ni, mn = CALCULATED_MOMENTS["Ni"], CALCULATED_MOMENTS["Mn"]
    shared = assign_valences(**pair, calculated_moments=[(ni[2] + ni[3]) / 2] * 2 + [mn[4]])
    assert shared.sites_ambiguous
    assert not shared.elements_ambiguous
    forced = assign_valences(**pair, calculated_moments=[ni[2] + 0.05] * 2 + [mn[4]])
    assert sorted(forced.values[:2]) == [2, 3]
    assert forced.strained
    assert forced.elements_ambiguous


def test_five_fold_cobalt_is_read_by_its_distance_only():
    assert assign_valences(["Co", "Ni"], [0.9, 0.1], 7, five_fold=[True, False]).values == (3, 4)
    assert assign_valences(["Co", "Ni"], [0.9, 0.9], 7).values == (4, 3)
    for valence, distance in FIVE_FOLD_COBALT_DISTANCES.items():
        found = assign_valences(
            ["Co", "Mn"], [0.9, 2.84], valence + 4, distances=[distance, 1.903], five_fold=[True, False]
        )
        assert found.values == (valence, 4)


def test_nickel_on_a_lithium_site_is_divalent_unless_balance_forbids():
    assert assign_valences(["Ni", "Ni"], [1.3, 1.4], 5, on_lithium_site=[True, False]).values == (2, 3)
    forced = assign_valences(["Ni", "Co"], [1.6, 0.85], 7, on_lithium_site=[True, False])
    assert forced.values == (3, 4)
    assert forced.elements_ambiguous


def test_second_moments_that_disagree_are_flagged():
    ni, mn = CALCULATED_MOMENTS["Ni"], CALCULATED_MOMENTS["Mn"]
    given = {"symbols": ["Ni", "Mn"], "moments": [0.9, 3.6], "total": 6, "distances": [1.94, 2.0]}
    agreed = assign_valences(**given, calculated_moments=[ni[3], mn[3]])
    assert agreed.values == (3, 3)
    assert not agreed.contradicted
    assert not agreed.sites_ambiguous
    against = assign_valences(**given, calculated_moments=[ni[2], mn[4]])
    assert against.values == (3, 3)  # the label does not depend on whether a second calculation exists
    assert against.contradicted
    assert against.sites_ambiguous
    assert against.elements_ambiguous


def test_distance_of_equal_bonds_is_their_length_and_a_missing_one_counts():
    assert bond_valence_distance([1.95] * 6) == pytest.approx(1.95)
    assert bond_valence_distance([1.95] * 5) == pytest.approx(1.95 + 0.37 * np.log(6 / 5))
    # Stretching two bonds and shrinking four at a constant mean makes the bonds stronger, the distance smaller.
    assert bond_valence_distance([1.9] * 4 + [2.2] * 2) < 2.0


def test_a_metal_that_balance_forces_is_flagged():
    # The Ni on the lithium site is Ni2+ by moment and bonds; with Mn4+ and Ni4+ beside it balance leaves it 3+, so that
    # a charge must be on oxygen.
    symbols, moments, distances = ["Mn", "Ni", "Ni"], [2.84, 0.15, 1.68], [1.903, 1.876, 2.05]
    forced = assign_valences(symbols, moments, 11, distances=distances, on_lithium_site=[False, False, True])
    assert forced.values == (4, 4, 3)
    assert forced.strained
    assert forced.sites_ambiguous
    assert forced.elements_ambiguous
    free = assign_valences(symbols, moments, 10, distances=distances, on_lithium_site=[False, False, True])
    assert free.values == (4, 4, 2)
    assert not free.sites_ambiguous


def test_impossible_balance_is_refused():
    with pytest.raises(LibraryError, match="add up to 9"):
        assign_valences(["Ni", "Mn"], [1.0, 2.9], 9)
    with pytest.raises(LibraryError, match="add up to 3"):
        assign_valences(["Ni", "Mn"], [1.0, 2.9], 3, oxidised_oxygen=True)


def test_what_metals_cannot_carry_is_oxidised_oxygen_not_a_higher_valence():
    found = assign_valences(["Mn", "Mn"], [2.84, 2.8], 10, distances=[1.903, 1.9], oxidised_oxygen=True)
    assert found.values == (4, 4)
    assert found.oxygen_holes == 2
    assert found.sites_ambiguous
    assert found.elements_ambiguous
    full = assign_valences(["Mn", "Mn"], [2.84, 2.8], 8, distances=[1.903, 1.9], oxidised_oxygen=True)
    assert full.oxygen_holes == 0
    assert not full.sites_ambiguous


def test_forty_metals_take_a_moment():
    started = time.perf_counter()
    found = assign_valences(["Ni"] * 24 + ["Mn"] * 8 + ["Co"] * 8, [0.9] * 24 + [2.8] * 8 + [0.1] * 8, 24 * 3 + 32 + 24)
    assert found.values == (3,) * 24 + (4,) * 8 + (3,) * 8
    assert time.perf_counter() - started < 5


def test_every_structure_record_balances_charge_or_is_flagged(library):
    rows = (library.kind == "structure") & (library.labels["valence_ambiguous"] == 0)
    assert rows.sum() > 0.7 * (library.kind == "structure").sum()
    charge = sum(
        library.atoms[element][rows] * np.nan_to_num(library.labels[f"{element.lower()}_valence"][rows])
        for element in ("Ni", "Mn", "Co")
    )
    np.testing.assert_allclose(charge + library.atoms["Li"][rows], 2 * library.atoms["O"][rows], atol=1e-6)
