"""The published set: a stand-in of the same format (see `published_example`) becomes a library like the shipped one.

The real file is not at hand; nothing here was tried on it.
"""

import copy
import json
import re

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from eelsmap.errors import LibraryError
from eelsmap.library import load_library, save_library
from eelsmap.library.content import ELEMENT_OF_EDGE
from eelsmap.library.fdmnes import import_published_json
from tests.library.published_example import EDGES, SHIFTS, records, write


@pytest.fixture(scope="module")
def example():
    return records()


@pytest.fixture(scope="module")
def few(example):
    return example[0][:12]


@pytest.fixture(scope="module")
def imported(example, tmp_path_factory):
    path = write(tmp_path_factory.mktemp("published") / "NMC_fdmnes.json", example[0])
    return import_published_json(path)


def test_every_record_is_used(imported, example):
    library, report = imported
    assert (report.read, report.used, report.skipped) == (len(example[0]), len(example[0]), [])
    assert len(library) == len(example[0])
    assert set(library.kind) == {"structure"}


def test_labels_are_those_of_the_structures(imported, example, library):
    own, rows = imported.library, example[1]
    for label in ("li_content", "li_count", "ni_count", "mn_count", "co_count", "vacancy", "antisite"):
        np.testing.assert_allclose(own.labels[label], library.labels[label][rows], atol=1e-9, err_msg=label)


def test_valences_are_known_only_where_charge_balance_fixes_them(imported, example, library):
    own, rows = imported.library, example[1]
    unknown = np.zeros(len(own), bool)
    for metal in ("ni", "mn", "co"):
        value, truth = own.labels[f"{metal}_valence"], library.labels[f"{metal}_valence"][rows]
        known = np.isfinite(value)
        assert known.any()
        np.testing.assert_allclose(value[known], truth[known], atol=0.1)
        unknown |= ~known & (own.labels[f"{metal}_count"] > 0)
    np.testing.assert_array_equal(own.labels["valence_ambiguous"] > 0, unknown)
    assert unknown.any()


def test_shifts_are_found_again(imported):
    for edge, shift in SHIFTS.items():
        assert imported.report.shifts[edge] == pytest.approx(-shift, abs=0.15)


def test_spectra_come_back_in_the_unit_of_the_library(imported, example, library):
    own, rows = imported.library, example[1]
    for edge, grid in library.grids.items():
        covered = (grid > grid[0] + 12) & (grid < grid[-1] - 10)
        truth, got = library.spectra[edge][rows][:, covered], own.spectra[edge][:, covered]
        np.testing.assert_array_equal(np.isnan(got), np.isnan(truth))
        # Through 1 eV of resolution: placement is good to 0.1 eV, and the lines of Ni4+ are half an eV wide.
        truth, got = (gaussian_filter1d(rows_, 1.0 / 2.355 / 0.1, axis=1) for rows_ in (truth, got))
        # Oxygen of each record is scaled by its own continuum, which scatters by 8 % in the shipped library.
        tolerance = 0.15 if edge in ("O_K", "Ni_L") else 0.06
        assert np.sqrt(np.nanmean((got - truth) ** 2)) < tolerance * np.nanmean(truth), edge


def test_absent_elements_have_neither_spectrum_nor_atoms(imported):
    library = imported.library
    for edge, element in ELEMENT_OF_EDGE.items():
        np.testing.assert_array_equal(np.isnan(library.spectra[edge]).all(axis=1), library.atoms[element] == 0)
    assert any("Co spectrum ignored" in note for note in imported.report.notes)


def test_families_stay_on_the_side_that_they_have_in_the_shipped_library(imported, example, library):
    np.testing.assert_array_equal(imported.library.split, library.split[example[1]])


def test_round_trip_through_a_file(imported, tmp_path):
    save_library(imported.library, tmp_path / "published.npz")
    copy_ = load_library(tmp_path / "published.npz")
    for edge in imported.library.grids:
        np.testing.assert_allclose(copy_.spectra[edge], imported.library.spectra[edge], rtol=1e-3, atol=1e-3)
    assert copy_.parent_names == imported.library.parent_names
    entry = copy_.header["import"]
    assert entry["source"] == "NMC_fdmnes.json"
    assert len(entry["sha256"]) == 64
    assert entry["shifts_eV"] == imported.report.shifts
    assert "covers" in copy_.source[0]["O_K"]


def test_neither_order_nor_units_matter(few, tmp_path):
    one = import_published_json(write(tmp_path / "one.json", few)).library
    changed = copy.deepcopy(few)[::-1]
    for factor, record in enumerate(changed, 2):
        for element in EDGES:
            record[element][1] = [factor * value for value in record[element][1]]
    other = import_published_json(write(tmp_path / "other.json", changed)).library
    order = [other.parent_names.index(name) for name in one.parent_names]
    for edge in one.grids:
        np.testing.assert_allclose(other.spectra[edge][order], one.spectra[edge], rtol=1e-3, atol=2e-3)
    np.testing.assert_array_equal(other.split[order], one.split)


def test_energies_about_the_fermi_level_are_placed(few, tmp_path):
    onset = {"O": 530.0, "Mn": 640.0, "Co": 779.0, "Ni": 854.0}
    changed = copy.deepcopy(few)
    for record in changed:
        for element, energy in onset.items():
            record[element][0] = [value - energy for value in record[element][0]]
    one = import_published_json(write(tmp_path / "one.json", few)).library
    other, report = import_published_json(write(tmp_path / "relative.json", changed))
    for edge in one.grids:
        np.testing.assert_allclose(other.spectra[edge], one.spectra[edge], rtol=0.02, atol=0.02)
    assert any("about the Fermi level" in note for note in report.notes)


def test_given_energies_and_own_shifts_are_kept(few, tmp_path):
    path = write(tmp_path / "few.json", few)
    given = import_published_json(path, place="given").report.shifts
    assert given == dict.fromkeys(EDGES.values(), 0.0)
    mixed = import_published_json(path, place="given", shifts={"Ni_L": -1.0}).report.shifts
    assert mixed == dict.fromkeys(EDGES.values(), 0.0) | {"Ni_L": -1.0}


def test_valences_by_the_order_of_redox_are_flagged(few, tmp_path):
    library = import_published_json(write(tmp_path / "few.json", few), valences="redox").library
    present = library.labels["ni_count"] > 0
    assert np.isfinite(library.labels["ni_valence"][present]).mean() > 0.8
    mixed = (library.labels["mn_count"] > 0) & (library.labels["li_content"] > 0.3)
    assert (library.labels["valence_ambiguous"][mixed] == 1).all()


DAMAGE = {
    "no structure": (lambda r: r.pop("structure"), "has no structure"),
    "no oxygen": (lambda r: r.pop("O"), "holds O but has no spectrum"),
    "null": (lambda r: r.update(O=None), "holds O but has no spectrum"),
    "not a pair": (lambda r: r.update(O=[1, 2, 3]), "not \\[energies, intensities\\]"),
    "not numbers": (lambda r: r.update(O=[["x"] * 20, ["y"] * 20]), "O: energies and intensities must be numbers"),
    "lengths": (lambda r: r["O"][1].pop(), "O: energies of shape"),
    "not a number": (lambda r: r["O"][1].__setitem__(4, float("nan")), "O: row 5, column intensity: nan"),
    "turning back": (lambda r: r["O"][0].__setitem__(4, 10.0), "O: row 5, column energy"),
    "few points": (lambda r: r.update(O=[r["O"][0][:8], r["O"][1][:8]]), "O: 8 points are too few"),
    "cut": (lambda r: r.update(O=[r["O"][0][:70], r["O"][1][:70]]), "O_K: cut off"),
    "constant": (lambda r: r["O"].__setitem__(1, [0.1] * len(r["O"][1])), "O: a constant stands in"),
    "foreign": (lambda r: r["structure"]["sites"][0]["species"][0].update(element="Si"), "holds Si"),
    "structure of text": (lambda r: r.update(structure="{broken"), "structure: not valid JSON"),
    "structure of numbers": (lambda r: r.update(structure=[1, 2]), "structure: not the dictionary"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_one_bad_record_never_ends_an_import(few, tmp_path, kind):
    change, reason = DAMAGE[kind]
    content = copy.deepcopy(few)
    change(content[3])
    library, report = import_published_json(write(tmp_path / "bad.json", content))
    assert (report.read, report.used) == (12, 11)
    assert len(library) == 11
    (name, why), *rest = report.skipped
    assert not rest
    assert few[3]["structure_id"] in name or kind == "no structure"
    assert re.search(reason, why), why
    assert library.header["import"]["skipped"] == [[name, why]]


def test_structures_as_text_are_read(few, tmp_path):
    content = copy.deepcopy(few)
    for record in content:
        record["structure"] = json.dumps(record["structure"])
    assert import_published_json(write(tmp_path / "text.json", content)).report.used == 12


def test_the_same_name_twice_is_two_structures(few, tmp_path):
    content = copy.deepcopy(few)
    content[1]["structure_id"] = content[0]["structure_id"]
    content[1]["composition"] = content[0]["composition"]
    library = import_published_json(write(tmp_path / "twice.json", content)).library
    assert len(library.parent_names) == 12


def test_where_nothing_is_left_the_reasons_are_said(few, tmp_path):
    content = [{key: value for key, value in record.items() if key != "O"} for record in few]
    with pytest.raises(LibraryError, match=r"no record can be used \(.*has no spectrum"):
        import_published_json(write(tmp_path / "none.json", content))
    with pytest.raises(LibraryError, match="nothing was found"):
        import_published_json(write(tmp_path / "empty.json", []))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"place": "somewhere"}, "placement 'somewhere'"),
        ({"valences": "guess"}, "valences by 'guess'"),
        ({"scale": "height"}, "scale 'height'"),
        ({"shifts": {"Fe_L": 1.0}}, "unknown edge 'Fe_L'"),
    ],
)
def test_unknown_settings_are_refused(few, tmp_path, options, match):
    with pytest.raises(LibraryError, match=match):
        import_published_json(write(tmp_path / "few.json", few), **options)


def test_progress_is_told(few, tmp_path):
    said = []
    import_published_json(write(tmp_path / "few.json", few), progress=lambda count, name: said.append((count, name)))
    assert [count for count, _ in said] == list(range(1, 13))


def test_a_phantom_can_be_made_of_it(imported):
    from eelsmap import make_phantom

    phantom = make_phantom((4, 5), library=imported.library)
    assert phantom.core_loss.sum() > 0
    assert np.nanmax(phantom.truth["li_content"]) > 0.5


def test_training_spectra_can_be_made_of_it(imported):
    from eelsmap.models.training_mixtures import group_parents, sample_mixtures
    from eelsmap.models.training_spectra import make_training_spectra
    from eelsmap.recipe import Recipe

    library, random = imported.library, np.random.default_rng(0)
    plan = sample_mixtures(library, group_parents(library, groups=3, seed=0), 40, random)
    (chunk,) = make_training_spectra(library, plan, Recipe(), random)
    assert len(chunk.features) > 20
    assert np.isfinite(chunk.labels["li_content"]).all()
