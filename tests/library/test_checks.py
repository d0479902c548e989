"""The checks of the library's physics, on the shipped library."""

import numpy as np

from eelsmap.library import checks
from eelsmap.library.content import Record, library_from_records
from eelsmap.library.reference_ions import REFERENCE_MOMENTS


def test_the_nickel_l3_line_moves_up_on_delithiation(library):
    lithium, centroid = checks.nickel_centroids(library)
    assert lithium.size > 150
    assert np.corrcoef(lithium, centroid)[0, 1] < -0.7
    assert np.polyfit(lithium, centroid, 1)[0] < -0.3


def test_a_vacancy_reduces_its_metals_at_low_and_at_high_lithium(library):
    found = checks.vacancy_valences(library)
    # In three-metal cells all metals are beside it.
    larger = [s for s in library.structures if s.kind == "vacancy" and s.phase == "layered" and s.layer_sites > 3]
    assert found.lithium.size == len(larger)
    for part in (found.lithium < 0.34, found.lithium > 0.66):
        assert part.sum() > 50
        beside, others = (np.mean(values[part] - found.complete[part]) for values in (found.beside, found.others))
        assert beside < -0.4
        assert beside < others - 0.1
    # All electrons of the missing oxygen stay in the cell.
    assert (found.others <= found.complete + 1).all()


def test_moments_are_those_of_the_assigned_ions(library):
    found = checks.ion_moments(library)
    assert set(found) == {f"{metal}{valence}" for metal in ("Ni", "Mn", "Co") for valence in (2, 3, 4)}
    for ion, values in found.items():
        assert abs(values.mean() - REFERENCE_MOMENTS[ion[:-1]][int(ion[-1])]) < 0.25, ion


def test_every_structure_balances_charge_or_is_flagged(library):
    for structure in library.structures:
        charge = np.nansum(structure.valence) + structure.mask("Li").sum() - 2 * structure.mask("O").sum()
        assert abs(charge) < 1e-6 or structure.sites_ambiguous, structure.name


def test_a_library_of_others_has_no_structures_to_check():
    record = Record("structure", "mine", {"Ni_L": np.ones(20)}, {"Ni": 3.0, "O": 6.0}, {"ni_valence": 3.0})
    assert checks.described_checks(library_from_records([record], {"Ni_L": np.arange(850.0, 870.0)}, name="mine")) == []
