"""A folder of spectra with a label table becomes a library; what is wrong is named with file, row and column."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eelsmap.errors import LibraryError
from eelsmap.library import load_library, save_library
from eelsmap.library.imported import import_folder
from eelsmap.library.label_table import read_label_table
from eelsmap.library.resampling import placement, shipped_reference
from eelsmap.library.spectrum_files import read_spectrum_file

EDGES = ("O_K", "Mn_L", "Co_L", "Ni_L")


def write_spectrum(path, edge, factor=100.0, shift=0.0, step=0.25, header="energy_eV,intensity\n"):
    reference = shipped_reference()
    grid = reference.grids[edge]
    energy = np.arange(grid[0] + 1, grid[-1] - 1, step)
    intensity = factor * np.interp(energy, grid, reference.mean[edge])
    path.write_text(header + "".join(f"{x + shift:.3f},{y:.6g}\n" for x, y in zip(energy, intensity, strict=True)))


@pytest.fixture
def folder(tmp_path):
    """Two specimens with four edges each, one with two edges only."""
    lines = ["file,edge,specimen,property,value"]
    for name, edges in (("fresh", EDGES), ("charged", EDGES), ("partial", ("O_K", "Mn_L"))):
        for edge in edges:
            file = f"{name}_{edge}.csv"
            write_spectrum(tmp_path / file, edge)
            lines.append(f"{file},{edge},{name},,")
    lines += [
        "fresh_O_K.csv,O_K,fresh,li_content,1.0",
        "fresh_Mn_L.csv,Mn_L,fresh,mn_valence,4",
        "fresh_Ni_L.csv,Ni_L,fresh,ni_valence,2.67",
        "fresh_Ni_L.csv,Ni_L,fresh,ni_count,1.8",
        "fresh_Ni_L.csv,Ni_L,fresh,mn_count,0.6",
        "fresh_Ni_L.csv,Ni_L,fresh,co_count,0.6",
        "charged_O_K.csv,O_K,charged,li_content,0.3",
        "charged_O_K.csv,O_K,charged,vacancy,0",
        "partial_O_K.csv,O_K,partial,ni_count,2",
    ]
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_a_folder_becomes_a_library(folder):
    library, report = import_folder(folder)
    assert (report.read, report.used, report.skipped) == (3, 3, [])
    assert library.parent_names == ("fresh", "charged", "partial")
    labels = library.labels
    np.testing.assert_allclose(labels["li_content"], [1.0, 0.3, np.nan])
    np.testing.assert_allclose(labels["li_count"], [3.0, 0.9, np.nan])
    np.testing.assert_allclose(labels["ni_count"], [1.8, np.nan, np.nan])
    np.testing.assert_allclose(labels["mn_valence"], [4, np.nan, np.nan])
    np.testing.assert_allclose(labels["vacancy"], [np.nan, 0, np.nan])
    np.testing.assert_allclose(library.atoms["Ni"], [1.8, 1, 0])
    np.testing.assert_allclose(library.atoms["Mn"], [0.6, 1, 3])
    reference = shipped_reference()
    for edge, grid in reference.grids.items():
        inside = (grid > grid[0] + 2) & (grid < grid[-1] - 2)
        np.testing.assert_allclose(
            library.spectra[edge][0][inside], reference.mean[edge][inside], atol=0.05 * reference.mean[edge].max()
        )
    assert np.isnan(library.spectra["Ni_L"][2]).all()
    assert library.source[2]["Ni_L"] == "not measured"
    assert report.notes["ni_count dropped: Ni was not measured"] == 1


def test_round_trip_and_provenance(folder, tmp_path_factory):
    library = import_folder(folder, name="mine").library
    path = tmp_path_factory.mktemp("out") / "mine.npz"
    save_library(library, path)
    copy = load_library(path)
    assert copy.name == "mine"
    for edge in EDGES:
        np.testing.assert_allclose(copy.spectra[edge], library.spectra[edge], rtol=1e-3, atol=1e-3)
    hashes = copy.header["import"]["sha256"]
    assert set(hashes) == {"labels.csv", *(path.name for path in folder.glob("*_?*_?.csv"))}


def test_the_wide_table_says_the_same(folder):
    one = import_folder(folder).library
    lines = ["file,edge,specimen,li_content,mn_valence,ni_valence,ni_count,mn_count,co_count,vacancy"]
    for name, edges in (("fresh", EDGES), ("charged", EDGES), ("partial", ("O_K", "Mn_L"))):
        for edge in edges:
            values = {"fresh": "1.0,4,2.67,1.8,0.6,0.6,", "charged": "0.3,,,,,,0", "partial": ",,,2,,,"}[name]
            lines.append(f"{name}_{edge}.csv,{edge},{name},{values}")
    (folder / "wide.csv").write_text("\n".join(lines))
    other = import_folder(folder, folder / "wide.csv").library
    for label, values in one.labels.items():
        np.testing.assert_array_equal(other.labels[label], values, err_msg=label)


@settings(max_examples=10, deadline=None)
@given(factors=st.lists(st.floats(1e-6, 1e6), min_size=4, max_size=4), order=st.permutations(range(4)))
def test_neither_units_nor_the_order_of_rows_matter(tmp_path_factory, factors, order):
    results = []
    for units, rows in (([1.0] * 4, range(4)), (factors, order)):
        path = tmp_path_factory.mktemp("folder")
        for edge, factor in zip(EDGES, units, strict=True):
            write_spectrum(path / f"{edge}.csv", edge, factor)
        lines = [f"{EDGES[row]}.csv,{EDGES[row]},one,0.5" for row in rows]
        (path / "labels.csv").write_text("\n".join(["file,edge,specimen,li_content", *lines]))
        results.append(import_folder(path).library)
    for edge in EDGES:
        np.testing.assert_allclose(results[1].spectra[edge], results[0].spectra[edge], rtol=1e-3, atol=1e-3)


def test_without_a_specimen_each_file_is_one(tmp_path):
    for name in ("a", "b"):
        write_spectrum(tmp_path / f"{name}.csv", "O_K")
    (tmp_path / "labels.csv").write_text("file,edge,li_content\na.csv,O K,0.2\nb.csv,O_K,\n")
    library = import_folder(tmp_path).library
    assert library.parent_names == ("a", "b")
    np.testing.assert_allclose(library.labels["li_content"], [0.2, np.nan])
    # Both would train: one is kept for testing.
    assert set(library.split) == {"train", "test"}


def test_all_edges_can_be_placed_by_one_constant(folder):
    for path in folder.glob("*_Mn_L.csv"):
        write_spectrum(path, "Mn_L", shift=4.0)
    as_given = import_folder(folder)
    placed = import_folder(folder, place="library")
    told = import_folder(folder, shifts={"Mn_L": -4.0})
    assert as_given.report.shifts["Mn_L"] == 0.0
    (doubt,) = (note for note in as_given.report.notes if "usual energy" in note)
    assert doubt.startswith("Mn_L taken as given, though a shift of -4.")
    assert placed.report.shifts["Mn_L"] == pytest.approx(-4.0, abs=0.15)
    assert told.report.shifts == dict.fromkeys(EDGES, 0.0) | {"Mn_L": -4.0}
    np.testing.assert_allclose(told.library.spectra["Mn_L"], placed.library.spectra["Mn_L"], rtol=0.05, atol=0.1)


BAD_FILES = {
    "missing": (None, "no such file"),
    "no unit": ("energy,intensity\n530,1\n", "row 1, column 'energy': no unit of energy"),
    "turning back": (
        "energy_eV,intensity\n" + "".join(f"{540 - abs(i - 9)},1\n" for i in range(20)),
        "does not come after",
    ),
    "few points": ("530,1\n531,2\n", "2 points are too few"),
    "not a number": ("energy_eV,intensity\n530,1\n531,abc\n", "row 3, column intensity: 'abc' is no number"),
    "nan": ("".join(f"{520 + i},{'nan' if i == 4 else 1}\n" for i in range(40)), "row 5, column intensity: nan"),
    "three columns": ("530,1,2\n", "row 1: 3 columns"),
    "empty": ("", "empty"),
    "cut": ("".join(f"{520 + i / 2},1\n" for i in range(40)), "O_K: cut off at 539.5 eV"),
    "elsewhere": ("".join(f"{20 + i / 2},1\n" for i in range(100)), "O_K: cut off at 69.5 eV"),
    "binary": ("\x00\x01\x02", "row 1|empty|no unit"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_one_bad_file_never_ends_an_import(folder, kind):
    content, reason = BAD_FILES[kind]
    path = folder / "charged_O_K.csv"
    path.unlink()
    if content is not None:
        path.write_text(content)
    library, report = import_folder(folder)
    assert library.parent_names == ("fresh", "partial")
    ((name, why),) = report.skipped
    assert name == "charged"
    assert re.search(reason, why), why
    with pytest.raises(LibraryError, match=reason):
        import_folder(folder, strict=True)


BAD_TABLES = {
    "": "empty",
    "file,edge,property,value\n": "no rows",
    "file,property,value\na.csv,li_content,1\n": "no column 'edge'",
    "file,edge,colour\na.csv,O_K,red\n": "column 'colour' is not known",
    "file,edge,property,value\na.csv,Fe_L,li_content,1\n": "row 2, column edge: 'Fe_L' is not known; known: O_K",
    "file,edge,property,value\na.csv,O_K,colour,1\n": "row 2, column property: 'colour' is not known",
    "file,edge,property,value\na.csv,O_K,li_content,much\n": "row 2, column value: 'much' is no number",
    "file,edge,property,value\na.csv,O_K,li_content,7\n": "row 2, column value: li_content = 7 is not between",
    "file,edge,property,value\na.csv,O_K,mn_valence,inf\n": "row 2, column value: mn_valence = inf",
    "file,edge,mn_valence\na.csv,Mn_L,9\n": "row 2, column mn_valence: mn_valence = 9",
    "file,edge,li_content\na.csv,O_K,1\na.csv,O_K,1\n": "row 3, column edge: specimen a has O_K already",
    "file,edge,specimen,li_content\na.csv,O_K,s,1\nb.csv,O_K,s,1\n": "row 3, column edge: specimen s has O_K already",
    "file,edge,specimen,li_content\na.csv,O_K,s,1\nb.csv,Mn_L,s,0\n": "row 3, li_content of specimen s is 0 here",
    "file,edge,property,value\na.csv,O_K,li_content\n": "row 2, 3 values for 4 columns",
    "file,edge,property,value\n,O_K,li_content,1\n": "row 2, column file: empty",
    "file,edge,property,value\na.csv,O_K,,1\n": "row 2, column property: empty",
    "file,edge,edge\na.csv,O_K,O_K\n": "there twice",
    "file,edge,li_content\na.csv,X,1\nb.csv,Y,1\n": "row 2.*row 3",
}


@pytest.mark.parametrize("content", BAD_TABLES)
def test_bad_tables_name_row_and_column(tmp_path, content):
    path = tmp_path / "labels.csv"
    path.write_text(content)
    with pytest.raises(LibraryError, match=BAD_TABLES[content]):
        read_label_table(path)
    with pytest.raises(LibraryError, match=r"labels\.csv"):
        import_folder(tmp_path)


def test_a_missing_table_or_folder_is_refused(tmp_path):
    with pytest.raises(LibraryError, match="cannot be read"):
        import_folder(tmp_path)
    with pytest.raises(LibraryError, match="no such folder"):
        import_folder(tmp_path / "none")


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=300) | st.text(alphabet="file,edgO_Kproptyvlu\n\"'0123456789.ein", max_size=300))
def test_no_table_ends_in_another_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("table") / "labels.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    try:
        result = read_label_table(path)
    except LibraryError as error:
        result = [str(error)]
        assert "labels.csv" in result[0]
    assert result


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=300), ending=st.sampled_from([".csv", ".msa", ".txt", ".dat"]))
def test_no_spectrum_file_ends_in_another_error(tmp_path_factory, content, ending):
    path = tmp_path_factory.mktemp("spectrum") / f"spectrum{ending}"
    path.write_bytes(content)
    with pytest.raises(LibraryError, match="spectrum"):
        read_spectrum_file(path)


def test_files_outside_the_folder_are_refused(folder):
    write_spectrum(folder.parent / "outside.csv", "O_K")
    (folder / "labels.csv").write_text("file,edge\n../outside.csv,O_K\nfresh_O_K.csv,O_K\n")
    report = import_folder(folder).report
    assert report.used == 1
    assert "lies outside the folder" in report.skipped[0][1]


def test_other_endings_are_refused(folder):
    (folder / "image.png").write_bytes(b"x")
    with pytest.raises(LibraryError, match=r"\.png is not read; read are \.csv"):
        read_spectrum_file(folder / "image.png")


def test_kilovolts_are_understood(tmp_path):
    path = tmp_path / "k.csv"
    path.write_text("Energy loss (keV),counts\n" + "".join(f"{0.5 + i / 1000},{i}\n" for i in range(60)))
    (energy, intensity), note = read_spectrum_file(path)
    assert (energy[0], intensity[-1], note) == (500.0, 59.0, "")


def test_a_count_of_zero_contradicts_a_spectrum(folder):
    with (folder / "labels.csv").open("a") as stream:
        stream.write("charged_O_K.csv,O_K,charged,mn_count,0\n")
    report = import_folder(folder).report
    assert report.skipped == [("charged", "charged: mn_count is 0, but there is a Mn_L spectrum")]


def msa(unit, count=100):
    head = (
        "#FORMAT      : EMSA/MAS Spectral Data File\n#VERSION     : 1.0\n#TITLE       : x\n#DATE        : \n"
        f"#TIME        : \n#OWNER       : \n#NPOINTS     : {count}\n#NCOLUMNS    : 1\n#XUNITS      : {unit}\n"
        "#YUNITS      : Counts\n#DATATYPE    : XY\n#XPERCHAN    : 0.5\n#OFFSET      : 515.0\n#SIGNALTYPE  : ELS\n"
        "#SPECTRUM    : Spectral Data Starts Here\n"
    )
    return head + "".join(f"{515 + i / 2}, {i + 1}\n" for i in range(count)) + "#ENDOFDATA   : \n"


def test_msa_is_read_with_its_unit(tmp_path):
    path = tmp_path / "spectrum.msa"
    path.write_text(msa("eV"))
    (energy, intensity), _ = read_spectrum_file(path)
    np.testing.assert_allclose(energy, 515 + 0.5 * np.arange(100))
    np.testing.assert_allclose(intensity, np.arange(100) + 1)
    path.write_text(msa("nm"))
    with pytest.raises(LibraryError, match="XUNITS is 'nm'"):
        read_spectrum_file(path)


def bring(file, target):
    (target / file.name).write_bytes(file.read_bytes())


def test_measured_edges_become_a_library(shared_data, tmp_path):
    """Of the four extracted edges all are read; O K and Mn L have a continuum, and energies need the known shifts."""
    files = {"O_K": "oxygen_edge.msa", "Mn_L": "Mn_edge.msa", "Co_L": "Co_edge.msa", "Ni_L": "Ni_edge.msa"}
    for file in files.values():
        bring(shared_data / "nmc_si_doped" / file, tmp_path)
    rows = [f"{file},{edge},si-doped" for edge, file in files.items() if edge in ("O_K", "Mn_L")]
    (tmp_path / "labels.csv").write_text("\n".join(["file,edge,specimen", *rows]))
    library, report = import_folder(tmp_path, place="library")
    assert report.used == 1
    # The axis is known to be about 11 eV low here (SOURCES.md of the data).
    assert 8 < report.shifts["O_K"] < 14
    assert 8 < report.shifts["Mn_L"] < 14
    grid, manganese = library.grids["Mn_L"], library.spectra["Mn_L"][0]
    assert grid[manganese.argmax()] == pytest.approx(643, abs=1.5)
    assert np.isnan(library.labels["li_content"]).all()
    # The nickel axis is 19.5 eV low; cobalt is close to noise there and is not placed by it.
    nickel, cobalt = (read_spectrum_file(tmp_path / files[edge])[0] for edge in ("Ni_L", "Co_L"))
    assert placement([nickel], "Ni_L") == pytest.approx(19.5, abs=1.0)
    with pytest.raises(LibraryError, match="nothing like it"):
        placement([cobalt], "Co_L")
    for file in files.values():
        (energy, intensity), _ = read_spectrum_file(tmp_path / file)
        assert energy.size == intensity.size > 1900


def test_a_real_simulation_of_one_column_an_atom_becomes_a_library(shared_data, tmp_path):
    for snapshot in ("0K", "15ps"):
        bring(shared_data / "feo_oxygen_k" / f"{snapshot}_Combo_O_all.dat", tmp_path)
    (tmp_path / "labels.csv").write_text("file,edge\n0K_Combo_O_all.dat,O_K\n15ps_Combo_O_all.dat,O_K\n")
    with pytest.raises(LibraryError, match="cut off at"):
        import_folder(tmp_path)
    library, _ = import_folder(tmp_path, shifts={"O_K": 530.0})
    assert len(library) == 2
    assert "mean of 49 columns" in library.source[0]["O_K"]
    assert library.spectra["O_K"].max() > 1
