"""Descriptors: the symmetries that they must have, and that they see what they are for."""

import json
from dataclasses import replace

import numpy as np
import pytest

from eelsmap.library.descriptors import BLOCKS, Describer, DescriptorSettings, cell_values, moment_sums, shell_weights

pytest.importorskip("dscribe")


@pytest.fixture(scope="module")
def describer():
    return Describer(DescriptorSettings())


@pytest.fixture(scope="module")
def cell(shipped_cells):
    return next(cell for cell in shipped_cells[0] if cell.kind == "antisite")


def doubled(cell):
    """The same crystal in a cell of twice the size, all first copies before the second ones."""
    lattice = cell.lattice * np.array([[1.0], [1.0], [2.0]])
    halves = [(cell.fractional + np.array([0, 0, shift])) / [1, 1, 2] for shift in (0, 1)]
    return replace(
        cell,
        species=cell.species * 2,
        lattice=lattice,
        fractional=np.concatenate(halves),
        moments=np.tile(cell.moments, 2),
    )


def test_rotation_translation_and_images_change_nothing(describer, cell):
    angle = 0.7
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    moved = replace(cell, lattice=cell.lattice @ turn.T, fractional=cell.fractional + np.array([0.3, -1.4, 2.2]))
    one, other = describer(cell), describer(moved)
    for name in BLOCKS:
        np.testing.assert_allclose(other[name], one[name], rtol=1e-6, atol=1e-6 * np.abs(one[name]).max())


def test_a_larger_cell_of_the_same_crystal_gives_the_same_rows(describer, cell):
    one, other = describer(cell), describer(doubled(cell))
    for name in BLOCKS:
        expected = np.tile(one[name], (2, 1))
        np.testing.assert_allclose(other[name], expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


def test_shell_weights_count_neighbours_as_a_plain_loop_does(cell):
    weights = shell_weights(cell, (2.9, 5.0))
    for cutoff, found in zip((2.9, 5.0), weights, strict=True):
        expected = 0.0
        origin = cell.fractional[cell.oxygen[0]] @ cell.lattice
        for image in np.ndindex(13, 13, 13):
            there = (cell.fractional[0] + np.array(image) - 6) @ cell.lattice
            distance = np.linalg.norm(there - origin)
            if distance < cutoff:
                expected += (1 + np.cos(np.pi * distance / cutoff)) / 2
        assert found[0, 0] == pytest.approx(expected)


def test_moments_are_seen_by_their_magnitude_only(cell):
    reduced = replace(cell, moments=np.where(np.isin(cell.species, ("Ni",)), 1.7, cell.moments))
    assert not np.allclose(moment_sums(reduced, (2.9, 5.0)), moment_sums(cell, (2.9, 5.0)))
    np.testing.assert_allclose(
        moment_sums(replace(cell, moments=-cell.moments), (2.9, 5.0)), moment_sums(cell, (2.9, 5.0))
    )


def test_cell_values_hold_the_formal_valence(cell):
    expected = (2 * len(cell.oxygen) - len(cell.lithium)) / len(cell.metals)
    assert cell_values(cell)[-2] == pytest.approx(expected)
    assert cell_values(cell)[-1] == pytest.approx(abs(np.linalg.det(cell.lattice)) / len(cell.oxygen))


def test_settings_survive_json():
    settings = DescriptorSettings(radius=4.5, pair_terms=((1.0, 0.5),))
    assert DescriptorSettings.from_dict(json.loads(json.dumps(settings.as_dict()))) == settings
