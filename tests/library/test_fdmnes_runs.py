"""A folder of FDMNES runs, made from the package's own structures and spectra in the format of its outputs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eelsmap.errors import LibraryError
from eelsmap.library.fdmnes import import_published_json
from eelsmap.library.fdmnes_input import write_fdmnes_inputs
from eelsmap.library.fdmnes_runs import import_fdmnes_runs, spectrum_of_table
from eelsmap.library.text_table import read_text_table
from tests.library.published_example import ENERGIES, records, write

HEAD = (
    " {edge:.3f}  {number}  1  1  9.5222797E-03 -4.9956723E+00 -3.2821184E-01  1  1  7.2650319E+03 = "
    "E_edge, Z, n_edge, j_edge, Abs_before_edge, VO_interstitial, E_cut, ninitl, ninit1, Epsii\n"
)


@pytest.fixture(scope="module")
def example(shipped_cells):
    content, _ = records(6)
    cells = {cell.name: cell for cell in shipped_cells[0]}
    return content, [cells[record["structure_id"]] for record in content]


def write_output(path, energy, *columns, names=("<xanes>",)):
    rows = "\n".join(" ".join(f"{value:13.7E}" for value in row) for row in zip(energy, *columns, strict=True))
    path.write_text(f"    Energy    {'  '.join(names)}\n{rows}\n")


@pytest.fixture
def runs(example, tmp_path):
    """One folder a structure: an input and a convolved output for each edge."""
    content, cells = example
    for path in write_fdmnes_inputs({cell.name: cell for cell in cells}, tmp_path):
        element = path.name.split("_")[0]
        record = next(record for record in content if record["structure_id"] == path.parent.name)
        write_output(path.parent / f"{path.parent.name}_{element}_conv.txt", *record[element])
    return tmp_path


def test_runs_and_the_published_form_give_the_same_library(runs, example, tmp_path_factory):
    library, report = import_fdmnes_runs(runs)
    path = write(tmp_path_factory.mktemp("json") / "same.json", example[0])
    other = import_published_json(path).library
    assert (report.read, report.used, report.skipped) == (6, 6, [])
    order = [
        next(i for i, name in enumerate(other.parent_names) if name.split("/")[1] in own)
        for own in library.parent_names
    ]
    for edge in library.grids:
        np.testing.assert_allclose(library.spectra[edge], other.spectra[edge][order], rtol=1e-3, atol=2e-3)
    for label, values in library.labels.items():
        np.testing.assert_allclose(values, other.labels[label][order], atol=2e-4, err_msg=label)
    np.testing.assert_array_equal(library.split, other.split[order])


def test_files_and_hashes_are_kept(runs):
    library = import_fdmnes_runs(runs, name="mine").library
    assert library.name == "mine"
    hashes = library.header["import"]["sha256"]
    assert len(hashes) == len(list(runs.rglob("*_conv.txt")))
    assert all(len(value) == 64 for value in hashes.values())
    assert "_conv.txt" in library.source[0]["O_K"]


def test_energies_about_the_fermi_level_get_the_edge_energy_of_the_header(runs, example):
    before = import_fdmnes_runs(runs, place="given").library
    numbers = {"O": 8, "Mn": 25, "Co": 27, "Ni": 28}
    for path in runs.rglob("*_conv.txt"):
        element = path.name.split("_")[-2]
        table = read_text_table(path)
        zero = ENERGIES[element][0] + 7.25
        write_output(path, table.energy - zero, table.columns[:, 0])
        head = HEAD.format(edge=zero, number=numbers[element])
        path.with_name(path.name.replace("_conv", "")).write_text(head + path.read_text())
    after, report = import_fdmnes_runs(runs, place="given")
    for edge in before.grids:
        np.testing.assert_allclose(after.spectra[edge], before.spectra[edge], rtol=0.01, atol=0.01)
    assert any("about the Fermi level" in note for note in report.notes)


def test_atoms_without_a_common_spectrum_are_averaged(runs):
    before = import_fdmnes_runs(runs).library
    for path in list(runs.rglob("*_O_conv.txt")):
        table = read_text_table(path)
        for number, factor in ((1, 0.5), (2, 1.5)):
            write_output(
                path.with_name(path.name.replace("_conv", f"_{number}_conv")),
                table.energy,
                factor * table.columns[:, 0],
            )
        path.unlink()
    after, report = import_fdmnes_runs(runs)
    np.testing.assert_allclose(after.spectra["O_K"], before.spectra["O_K"], rtol=1e-3, atol=1e-3)
    assert report.notes["atoms of a run without a common spectrum, averaged with equal weights"] == 6


def test_what_is_missing_is_said_and_the_rest_is_used(runs):
    first, second, third, *_ = sorted(path for path in runs.iterdir())
    next(first.glob("*_O_conv.txt")).unlink()
    (second / "O_in.txt").write_text("Filout\n x\n\nMolecule\n 1 1 1 90 90 90\n")
    (third / "extra_in.txt").write_text((third / "O_in.txt").read_text())
    library, report = import_fdmnes_runs(runs)
    assert len(library) == report.used == 3
    said = dict(report.skipped)
    assert "no output" in said[f"{first.name}/{first.name}"]
    assert "keyword molecule" in said[f"{second.name}/O_in.txt"]
    assert any("has no O_K spectrum" in reason for reason in said.values())
    assert any("there twice" in reason for reason in said.values()), said


def test_damaged_outputs_are_named(runs):
    path = next(runs.rglob("*_O_conv.txt"))
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:10], "  539.0 ********", *lines[10:]]))
    report = import_fdmnes_runs(runs).report
    assert [reason for _, reason in report.skipped if f"{path.name}: row 11" in reason]


def test_no_folder_and_an_empty_one_are_refused(tmp_path):
    with pytest.raises(LibraryError, match="no such folder"):
        import_fdmnes_runs(tmp_path / "none")
    with pytest.raises(LibraryError, match="no record can be used"):
        import_fdmnes_runs(tmp_path)


def test_lost_exponents_and_repeated_rows_are_understood(tmp_path):
    path = tmp_path / "x_conv.txt"
    path.write_text("    Energy    <xanes>\n -1.0 1.5-101\n -1.0 1.5-101\n -0.8 2.0D-02\n -0.6 3.0E-02\n")
    table = read_text_table(path)
    np.testing.assert_allclose(table.energy, [-1.0, -0.8, -0.6])
    np.testing.assert_allclose(table.columns[:, 0], [1.5e-101, 0.02, 0.03])
    assert table.names == ("<xanes>",)


@settings(max_examples=30, deadline=None)
@given(
    values=st.lists(st.lists(st.floats(-1e30, 1e30), min_size=3, max_size=3), min_size=1, max_size=20, unique_by=tuple),
    separator=st.sampled_from(["  ", "\t", ","]),
    header=st.sampled_from(["", "# a comment\n", "Energy a b\n", " 7112.0 26 = E_edge, Z\n Energy a b\n"]),
)
def test_tables_are_read_as_they_were_written(tmp_path_factory, values, separator, header):
    path = tmp_path_factory.mktemp("table") / "table.txt"
    path.write_text(header + "\n".join(separator.join(repr(value) for value in row) for row in values))
    table = read_text_table(path)
    np.testing.assert_array_equal(np.column_stack([table.energy, table.columns]), values)
    assert table.constants == ({"E_edge": 7112.0, "Z": 26.0} if "E_edge" in header else {})
    if "Energy" in header:
        assert table.names == ("a", "b")


@pytest.mark.parametrize("content", [b"", b"only words\n", b"\x00\xff\xfe", b"1 2\n1 2 3\n", b"1\n2\n", b"1 2\nend\n"])
def test_files_without_a_table_are_refused(tmp_path, content):
    path = tmp_path / "table.txt"
    path.write_bytes(content)
    with pytest.raises(LibraryError, match=r"table\.txt"):
        read_text_table(path)


def test_columns_that_are_neither_atoms_nor_named_are_refused(tmp_path):
    path = tmp_path / "table.txt"
    energy = np.linspace(530, 560, 40)
    write_output(path, energy, energy, energy, names=("a", "b"))
    with pytest.raises(LibraryError, match="2 columns for 5 absorbing atoms"):
        spectrum_of_table(read_text_table(path), 5, "table")
    np.testing.assert_allclose(spectrum_of_table(read_text_table(path), 2, "table")[1], energy)


@pytest.mark.parametrize("snapshot", ["0K", "15ps"])
def test_a_real_table_of_one_column_an_atom(shared_data, snapshot):
    real = shared_data / "feo_oxygen_k"
    table = read_text_table(real / f"{snapshot}_Combo_O_all.dat")
    counts = (real / f"POSCAR_{snapshot.lower()}").read_text().splitlines()
    oxygen = dict(zip(counts[5].split(), map(int, counts[6].split()), strict=True))["O"]
    assert table.columns.shape == (1200, oxygen)
    energy, mean = spectrum_of_table(table, oxygen, snapshot)
    np.testing.assert_allclose(mean, table.columns.mean(axis=1))
    assert energy[-1] - energy[0] > 100
    with pytest.raises(LibraryError, match="49 columns for 48"):
        spectrum_of_table(table, oxygen - 1, snapshot)
