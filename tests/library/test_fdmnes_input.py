"""FDMNES inputs: written as the published ones are, read back, and refused where they say something else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eelsmap.errors import LibraryError
from eelsmap.library.crystal import layered_cell
from eelsmap.library.fdmnes_input import PUBLISHED, fdmnes_inputs, read_fdmnes_input, write_fdmnes_inputs


def words(text):
    """Lines as lists of words, numbers by value."""

    def meaning(word):
        try:
            return float(word)
        except ValueError:
            return word

    return [[meaning(word) for word in line.split()] for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize("element", PUBLISHED)
def test_published_inputs_are_written_line_for_line(shared_data, element):
    path = shared_data / "structures" / f"{element}_in.txt"
    content = read_fdmnes_input(path)
    assert words(content.text()) == words(path.read_text())
    (own,) = [entry for name, entry in fdmnes_inputs(content.crystal, "0").items() if name == element]
    assert own.output == content.output
    assert words(own.text()) == words(path.read_text())


def test_the_published_structure_is_the_one_named_in_its_sources(shared_data):
    cell = layered_cell(read_fdmnes_input(shared_data / "structures" / "O_in.txt").crystal, "published")
    assert (cell.kind, cell.layer_sites, cell.li_content) == ("pristine", 10, 1.0)
    assert {symbol: cell.species.count(symbol) for symbol in set(cell.species)} == {
        "Li": 10,
        "Ni": 6,
        "Mn": 2,
        "Co": 2,
        "O": 20,
    }


@pytest.fixture(scope="module")
def cell(shipped_cells):
    return next(cell for cell in shipped_cells[0] if {"Ni", "Mn", "Co", "Li"} <= set(cell.species))


def distances(lattice, fractional):
    """Distances between all pairs of atoms, nearest images within one cell each way."""
    images = np.array(list(np.ndindex(3, 3, 3))) - 1
    offset = fractional[:, None, None] - fractional[None, :, None] + images
    return np.sort(np.linalg.norm(offset @ lattice, axis=-1).ravel())


def test_an_input_gives_its_structure_back(cell, tmp_path):
    paths = write_fdmnes_inputs({"one": cell}, tmp_path)
    assert [path.name for path in paths] == ["O_in.txt", "Mn_in.txt", "Co_in.txt", "Ni_in.txt"]
    for path in paths:
        content = read_fdmnes_input(path)
        element = path.name.split("_")[0]
        assert (content.absorber, content.output) == (element, f"one_{element}")
        assert content.edge == ("K" if element == "O" else "L23")
        assert content.settings == PUBLISHED[element]
        assert content.convolution
        assert content.crystal.species == cell.species
        np.testing.assert_allclose(
            distances(content.crystal.lattice, content.crystal.fractional),
            distances(cell.lattice, cell.fractional),
            atol=1e-4,
        )
    assert (tmp_path / "one" / "fdmfile.txt").read_text() == "4\nO_in.txt\nMn_in.txt\nCo_in.txt\nNi_in.txt\n"


def test_absent_elements_get_no_input(shipped_cells):
    cell = next(cell for cell in shipped_cells[0] if "Mn" not in cell.species and "Co" in cell.species)
    assert "Mn" not in fdmnes_inputs(cell, "x")


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_reading_and_writing_again_changes_nothing(cell, tmp_path_factory, data):
    element = data.draw(st.sampled_from(list(PUBLISHED)))
    text = fdmnes_inputs(cell, "again")[element].text()
    lines = text.splitlines()
    # Case of keywords, comments and blank lines mean nothing to FDMNES.
    for i, line in enumerate(lines):
        if line and line[0].isalpha():
            lines[i] = data.draw(st.sampled_from([line, line.upper(), line.lower()]))
        if i > 2 and data.draw(st.booleans()):
            lines[i] += "   ! a comment"
    path = tmp_path_factory.mktemp("inputs") / "in.txt"
    path.write_text("! written by a test\n" + "\n\n".join(lines) + "\nafter the end\n")
    again = read_fdmnes_input(path).text()
    assert [str(word).lower() for line in words(again) for word in line] == [
        str(word).lower() for line in words(text) for word in line
    ]


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("Crystal\n", "Molecule\n", "keyword molecule"),
        ("Crystal\n", "Spgroup\n R-3m\n\nCrystal\n", "keyword spgroup"),
        ("Crystal\n", "Lattice\n", "crystal is missing"),
        ("Z_Absorber", "Absorbers", "z_absorber is missing"),
        ("Filout", "Output", "filout is missing"),
        ("  6\n", "  six\n", "cannot be read|can be read"),
        ("Z_Absorber\n  8", "Z_Absorber\n  99", "can be read"),
    ],
)
def test_other_inputs_are_refused(cell, tmp_path, old, new, match):
    text = fdmnes_inputs(cell, "x")["O"].text()
    assert old in text
    path = tmp_path / "in.txt"
    path.write_text(text.replace(old, new))
    with pytest.raises(LibraryError, match=match):
        read_fdmnes_input(path)


def test_files_that_are_no_inputs_are_refused(tmp_path):
    path = tmp_path / "in.txt"
    for content in (b"", b"\x00\xff\xfe\x00", b"hello\nworld"):
        path.write_bytes(content)
        with pytest.raises(LibraryError, match=r"in\.txt"):
            read_fdmnes_input(path)
    with pytest.raises(LibraryError, match="cannot be read"):
        read_fdmnes_input(tmp_path / "none.txt")


@pytest.mark.parametrize("name", ["", "..", "a/b", "/tmp/x"])  # noqa: S108 - refused as a name
def test_names_that_lead_elsewhere_are_refused(cell, tmp_path, name):
    with pytest.raises(LibraryError, match="cannot name a folder"):
        write_fdmnes_inputs({name: cell}, tmp_path)


def test_other_elements_get_no_input(cell):
    other = cell.__class__(**{**vars(cell), "species": ("Si", *cell.species[1:])})
    with pytest.raises(LibraryError, match="Si"):
        fdmnes_inputs(other, "x")
