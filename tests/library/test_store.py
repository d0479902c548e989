"""Schema, round trip, refusal of bad files, and mixing."""

import json
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eelsmap.errors import LibraryError
from eelsmap.library import load_library, save_library
from eelsmap.library.labels import LABELS
from eelsmap.library.store import ELEMENT_OF_EDGE


def rewrite(path, target, **changes):
    with np.load(path, allow_pickle=False) as content:
        arrays = {name: content[name] for name in content.files}
    np.savez_compressed(target, **(arrays | changes))


def test_shipped_library_follows_the_schema(library):
    count = len(library)
    for edge, grid in library.grids.items():
        np.testing.assert_allclose(np.diff(grid), 0.1, atol=1e-6)
        assert library.spectra[edge].shape == (count, grid.size)
        assert library.spectra[edge].dtype == np.float32
        table = library.sites[edge]
        share = np.add.reduceat(np.append(table.weight, 0), table.start[:-1])[np.diff(table.start) > 0]
        np.testing.assert_allclose(share, 1, rtol=1e-5)
    words = (library.kind, library.split, library.origin, library.phase)
    for values in (*library.labels.values(), *library.atoms.values(), library.parent, *words):
        assert values.shape == (count,)
    assert set(library.labels) == set(LABELS)
    assert {name: (entry["unit"], entry["element"]) for name, entry in library.header["labels"].items()} == {
        name: (label.unit, label.element) for name, label in LABELS.items()
    }
    assert len(library.source) == count
    assert set(library.kind) == {"structure", "environment"}
    assert set(library.split) <= {"train", "test", "reference"}
    assert set(library.origin) <= {"calculated", "surrogate"}
    assert [structure.name for structure in library.structures] == list(library.parent_names)
    assert library.parent.max() + 1 == len(library.parent_names)


def test_a_spectrum_is_absent_exactly_where_the_element_is(library):
    for edge, element in ELEMENT_OF_EDGE.items():
        absent = np.isnan(library.spectra[edge])
        np.testing.assert_array_equal(absent.all(axis=1), library.atoms[element] == 0)
        np.testing.assert_array_equal(absent.any(axis=1), absent.all(axis=1))


def test_spectra_are_positive_and_labels_in_range(library):
    for values in library.spectra.values():
        assert np.nanmin(values) > 0
    assert library.labels["li_content"].min() >= 0
    assert library.labels["li_content"][library.phase == "layered"].max() <= 1
    for name in ("ni_valence", "mn_valence", "co_valence"):
        assert 2 <= np.nanmin(library.labels[name]) <= np.nanmax(library.labels[name]) <= 4


def test_loading_is_quick():
    # Processor time: other programs on the machine must not fail it.
    started = time.process_time()
    _ = load_library("nmc").spectra
    assert time.process_time() - started < 1


def test_one_structure_and_one_environment_of_each_oxygen_atom(library):
    for number, structure in enumerate(library.structures):
        rows = library.kind[library.parent == number]
        assert rows[0] == "structure"
        assert (rows[1:] == "environment").all()
        assert len(rows) == 1 + structure.species.count("O")


def test_families_are_on_one_side_of_the_split(library):
    side = {}
    for structure in library.structures:
        assert side.setdefault(structure.family, structure.split) == structure.split
        assert (structure.split == "reference") == (structure.kind == "reference")


def test_round_trip(library, tmp_path):
    save_library(library, tmp_path / "copy.npz")
    copy = load_library(tmp_path / "copy.npz")
    assert {k: v for k, v in copy.header.items() if k != "hashes"} == {
        k: v for k, v in library.header.items() if k != "hashes"
    }
    assert copy.sha256 == library.sha256
    assert copy.source == library.source
    assert copy.parent_names == library.parent_names
    for edge in library.grids:
        np.testing.assert_array_equal(copy.spectra[edge], library.spectra[edge])
    np.testing.assert_array_equal(copy.split, library.split)
    assert list(tmp_path.iterdir()) == [tmp_path / "copy.npz"]


def test_unknown_name_is_refused_with_what_there_is():
    with pytest.raises(LibraryError, match="shipped: nmc"):
        load_library("no-such-library")


def test_changed_data_are_refused(library, tmp_path):
    save_library(library, tmp_path / "good.npz")
    labels = library.labels["vacancy"].copy()
    labels[0] = 1 - labels[0]
    rewrite(tmp_path / "good.npz", tmp_path / "bad.npz", **{"label/vacancy": labels})
    with pytest.raises(LibraryError, match="sha256: label/vacancy"):
        load_library(tmp_path / "bad.npz")


def test_additional_data_are_refused(library, tmp_path):
    save_library(library, tmp_path / "good.npz")
    rewrite(tmp_path / "good.npz", tmp_path / "bad.npz", extra=np.zeros(3))
    with pytest.raises(LibraryError, match="extra"):
        load_library(tmp_path / "bad.npz")


def test_other_schema_is_refused(library, tmp_path):
    save_library(library, tmp_path / "good.npz")
    header = json.dumps(library.header | {"schema": 99})
    rewrite(tmp_path / "good.npz", tmp_path / "bad.npz", header=np.array(header))
    with pytest.raises(LibraryError, match="schema 99"):
        load_library(tmp_path / "bad.npz")


def test_files_of_the_first_schema_are_refused_with_what_to_do(tmp_path):
    np.savez(tmp_path / "old.npz", header=np.array(json.dumps({"schema": 1, "hashes": {}, "sources": []})))
    with pytest.raises(LibraryError, match=r"schema 1; this version of eelsmap reads 2\. Assemble it again"):
        load_library(tmp_path / "old.npz")


def test_a_changed_header_is_refused(library, tmp_path):
    save_library(library, tmp_path / "good.npz")
    with np.load(tmp_path / "good.npz") as content:
        header = json.loads(str(content["header"]))
    header["name"] = "other"
    rewrite(tmp_path / "good.npz", tmp_path / "bad.npz", header=np.array(json.dumps(header)))
    with pytest.raises(LibraryError, match="sha256: header"):
        load_library(tmp_path / "bad.npz")


def test_a_file_that_never_had_a_part_is_refused(library, tmp_path):
    save_library(replace(library, atoms={}, grids={"O_L": library.grids["O_K"]}), tmp_path / "bad.npz")
    with pytest.raises(LibraryError, match="does not follow the schema"):
        load_library(tmp_path / "bad.npz")


def test_a_missing_part_is_refused(library, tmp_path):
    save_library(library, tmp_path / "good.npz")
    with np.load(tmp_path / "good.npz") as content:
        arrays = {name: content[name] for name in content.files if name != "atoms/Ni"}
    np.savez_compressed(tmp_path / "bad.npz", **arrays)
    with pytest.raises(LibraryError, match="sha256: atoms/Ni"):
        load_library(tmp_path / "bad.npz")


class Payload:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle in the file was executed",))


def test_pickled_content_is_refused_without_being_run(tmp_path):
    np.savez(tmp_path / "hostile.npz", header=np.array([Payload()], dtype=object))
    with pytest.raises(LibraryError, match="not a library file"):
        load_library(tmp_path / "hostile.npz")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"plain text"])
def test_files_of_another_kind_are_refused(tmp_path, content):
    path = tmp_path / "other.npz"
    path.write_bytes(content)
    with pytest.raises(LibraryError, match="not a library file"):
        load_library(path)


def test_truncated_file_is_refused(library, tmp_path):
    save_library(library, tmp_path / "good.npz")
    content = (tmp_path / "good.npz").read_bytes()
    (tmp_path / "short.npz").write_bytes(content[: len(content) // 2])
    with pytest.raises(LibraryError, match="not a library file"):
        load_library(tmp_path / "short.npz")


def test_mixing_a_record_with_itself_changes_nothing(library):
    mixture = library.mix([[3, 3]], [[0.2, 0.8]])
    for edge, values in library.spectra.items():
        np.testing.assert_allclose(mixture.spectra[edge][0], values[3], rtol=1e-6)
    for name, values in library.labels.items():
        np.testing.assert_allclose(mixture.labels[name][0], values[3])


def test_absent_elements_do_not_spoil_a_mixture(library):
    without = int(np.flatnonzero(library.atoms["Co"] == 0)[0])
    with_two = int(np.flatnonzero(library.atoms["Co"] == 2)[0])
    mixture = library.mix([[without, with_two]], [[3, 1]])
    np.testing.assert_allclose(mixture.spectra["Co_L"][0], library.spectra["Co_L"][with_two], rtol=1e-6)
    assert mixture.labels["co_valence"][0] == library.labels["co_valence"][with_two]
    assert mixture.atoms["Co"][0] == pytest.approx(0.5)
    assert np.isnan(library.mix([[without]], [[1]]).spectra["Co_L"]).all()


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_mixing_conserves_the_signal_of_all_atoms(library, data):
    rows = data.draw(st.lists(st.integers(0, len(library) - 1), min_size=1, max_size=5))
    shares = np.array(data.draw(st.lists(st.floats(0.01, 10), min_size=len(rows), max_size=len(rows))))
    mixture = library.mix([rows], [shares])
    shares = shares / shares.sum()
    for edge, element in ELEMENT_OF_EDGE.items():
        atoms = library.atoms[element][rows]
        total = sum(s * a * library.spectra[edge][r] for s, a, r in zip(shares, atoms, rows, strict=True) if a)
        np.testing.assert_allclose(
            np.nan_to_num(mixture.spectra[edge][0] * mixture.atoms[element][0]), total, rtol=1e-4
        )


@pytest.mark.parametrize(
    ("indices", "weights"), [([[1, 2]], [[1]]), ([1, 2], [1, 2]), ([[1, 2]], [[0, 0]]), ([[1, 2]], [[-1, 2]])]
)
def test_mixing_refuses_bad_weights(library, indices, weights):
    with pytest.raises(LibraryError, match="mix needs"):
        library.mix(indices, weights)
