"""Reference oxides and rock salts: coordination and bond lengths of the known crystal structures."""

from itertools import product

import numpy as np
import pytest

from eelsmap.library.references import references

ENTRIES = {entry.name: entry for entry in references()}


def neighbours(entry, limit=2.45):
    images = np.array(list(product((-1, 0, 1), repeat=3)))
    offset = entry.fractional[None, :, None] - entry.fractional[:, None, None] + images
    distance = np.linalg.norm(offset @ entry.lattice, axis=-1)
    oxygen = [i for i, symbol in enumerate(entry.species) if symbol == "O"]
    return [np.sort(row[row < limit]) for row in (distance[i][oxygen].ravel() for i in range(entry.cations))], distance


@pytest.mark.parametrize("name", ENTRIES)
def test_cations_come_first_and_nothing_overlaps(name):
    entry = ENTRIES[name]
    assert all(symbol != "O" for symbol in entry.species[: entry.cations])
    assert all(symbol == "O" for symbol in entry.species[entry.cations :])
    _, distance = neighbours(entry)
    assert distance[distance > 1e-6].min() > 1.8


@pytest.mark.parametrize("name", ENTRIES)
def test_metals_are_octahedra(name):
    entry = ENTRIES[name]
    bonds, _ = neighbours(entry)
    metals = [k for k in range(entry.cations) if entry.species[k] != "Li"]
    assert all(len(bonds[k]) == 6 for k in metals)


def test_known_bonds():
    mean = {name: np.mean(neighbours(entry)[0][0]) for name, entry in ENTRIES.items()}
    assert mean["reference-NiO"] == pytest.approx(2.09, abs=0.01)
    assert mean["reference-MnO"] == pytest.approx(2.22, abs=0.01)
    assert mean["reference-MnO2-rutile"] == pytest.approx(1.89, abs=0.02)
    assert mean["reference-LiMn2O4-spinel"] == pytest.approx(1.96, abs=0.01)
    zigzag = neighbours(ENTRIES["reference-LiMnO2-zigzag"])[0][0]
    assert zigzag[4:].min() > zigzag[:4].max() + 0.2  # two long bonds of Mn3+
    spinel = ENTRIES["reference-LiMn2O4-spinel"]
    assert [len(bonds) for bonds in neighbours(spinel)[0][4:]] == [4, 4]  # tetrahedral lithium
