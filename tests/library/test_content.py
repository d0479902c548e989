"""Libraries of other people's spectra, and environments made anew for another probe."""

from dataclasses import replace

import numpy as np
import pytest

from eelsmap.errors import LibraryError
from eelsmap.library.content import Record, library_from_records
from eelsmap.library.probe import Probe
from eelsmap.library.store import load_library, save_library

GRIDS = {"O_K": np.arange(525.0, 530.0), "Ni_L": np.arange(850.0, 854.0)}
GOOD = Record(
    "structure",
    "one",
    {"O_K": [0, 1, 2, 1, 1], "Ni_L": [0, 3, 1, 1]},
    {"O": 6.0, "Ni": 3.0, "Li": 1.5},
    {"li_content": 0.5, "ni_valence": 3.5},
)
PLAIN = replace(GOOD, parent="two", spectra={"O_K": [0, 2, 1, 1, 1], "Ni_L": None}, split="test", labels={})


def test_records_come_back_as_they_were_given(tmp_path):
    save_library(library_from_records([GOOD, PLAIN], GRIDS, name="mine"), tmp_path / "mine.npz")
    library = load_library(tmp_path / "mine.npz")
    assert (library.name, len(library), library.structures) == ("mine", 2, ())
    np.testing.assert_allclose(library.spectra["Ni_L"][0], [0, 3, 1, 1], atol=1e-4)
    assert np.isnan(library.spectra["Ni_L"][1]).all()
    assert library.split.tolist() == ["train", "test"]
    assert library.origin.tolist() == ["imported", "imported"]
    assert library.labels["li_count"].tolist() == [1.5, 1.5]
    assert library.labels["ni_valence"][0] == 3.5
    assert np.isnan(library.labels["li_content"][1])
    assert library.mix([[0, 0]], [[1, 1]]).labels["ni_valence"][0] == 3.5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "pixel"}, "kind 'pixel' is not known"),
        ({"split": "holdout"}, "split 'holdout'"),
        ({"phase": "spinel"}, "phase 'spinel'"),
        ({"atoms": {"Fe": 1.0}}, "element 'Fe'"),
        ({"labels": {"colour": 1.0}}, "label 'colour'"),
        ({"spectra": {"Fe_L": [1.0]}}, "edge 'Fe_L'"),
        ({"spectra": {"O_K": [1.0, 2.0]}}, r"O_K has shape \(2,\), its grid \(5,\)"),
        ({"spectra": {"O_K": [0, 1, np.nan, 1, 1]}}, "not finite"),
        ({"atoms": {"O": 6.0}}, "no Ni among its atoms"),
    ],
)
def test_records_that_do_not_follow_the_schema_are_refused(changes, message):
    with pytest.raises(LibraryError, match=message):
        library_from_records([replace(GOOD, **changes)], GRIDS, name="mine")


def test_a_parent_on_both_sides_of_the_split_is_refused():
    with pytest.raises(LibraryError, match="parent one: records of it are in both train and test"):
        library_from_records([GOOD, replace(GOOD, split="test")], GRIDS, name="mine")


def test_references_neither_train_nor_test():
    from eelsmap.models.training_mixtures import group_parents

    records = [replace(GOOD, parent=split, split=split) for split in ("train", "test", "reference")]
    library = library_from_records(records, GRIDS, name="mine")
    assert list(group_parents(library, groups=2, seed=0)) == [library.parent_names.index("train")]
    assert [library.parent_names[i] for i in library.parent[library.split == "test"]] == ["test"]


def test_a_library_needs_records():
    with pytest.raises(LibraryError, match="no records"):
        library_from_records([], GRIDS, name="mine")


def test_imported_spectra_have_no_other_probe():
    with pytest.raises(LibraryError, match="no structures"):
        library_from_records([GOOD], GRIDS, name="mine").with_probe(Probe(fwhm_nm=1.0))


def test_the_default_probe_gives_the_library_back(library):
    again = library.with_probe(Probe())
    assert again.sha256 == library.sha256
    for edge, spectra in library.spectra.items():
        np.testing.assert_array_equal(again.spectra[edge], spectra)


@pytest.fixture(scope="module")
def wide(library):
    return library.with_probe(Probe(fwhm_nm=10.0))


def test_a_wide_probe_sees_the_average_of_the_structure(library, wide):
    whole = np.flatnonzero(wide.kind == "structure")[wide.parent]
    for spectra in wide.spectra.values():
        np.testing.assert_allclose(spectra, spectra[whole], rtol=2e-5, atol=1e-6)
    for element, atoms in wide.atoms.items():
        np.testing.assert_allclose(atoms, library.atoms[element][whole], rtol=1e-6)
    for name, values in wide.labels.items():
        if name != "valence_ambiguous":
            np.testing.assert_allclose(values, library.labels[name][whole], rtol=1e-6)


def test_a_narrow_probe_sees_the_bound_atoms(library):
    narrow = library.with_probe(Probe(radius_nm=0.24))
    rows = (library.kind == "environment") & (library.phase == "layered")
    for name in ("ni_count", "mn_count", "co_count", "ni_valence", "mn_valence", "co_valence"):
        np.testing.assert_allclose(narrow.labels[name][rows], library.labels[name][rows], rtol=1e-6)
    # But for shared edges of octahedra that are shorter than 2.4 angstrom.
    assert np.mean(narrow.atoms["O"][rows] == 1.0) > 0.99


def test_probes_in_between_lie_between(library, wide):
    middle = library.with_probe(Probe(fwhm_nm=0.3))
    rows = library.kind == "environment"
    spread = [np.nanstd(entry.labels["ni_count"][rows]) for entry in (library, middle, wide)]
    assert spread[0] > spread[1] > spread[2]
    assert middle.header["probe"]["fwhm_nm"] == 0.3
    metals = sum(middle.labels[f"{element}_count"] for element in ("ni", "mn", "co"))
    pristine = (
        rows & (library.phase == "layered") & (library.labels["antisite"][np.flatnonzero(~rows)][library.parent] == 0)
    )
    np.testing.assert_allclose(metals[pristine], 3.0)
