"""Ridge regression and active choice against plain linear algebra and brute force."""

import numpy as np
import pytest

from eelsmap.errors import LibraryError
from eelsmap.library.active_choice import choose_atoms, choose_groups
from eelsmap.library.ridge_regression import Regression, components_of, family_folds, scaling
from eelsmap.library.surrogate_calibration import level_and_slope, reliability

RIDGE = 0.3


@pytest.fixture
def problem():
    random = np.random.default_rng(3)
    rows = random.normal(size=(30, 6)) + 2.0
    return rows, rows[:20] @ random.normal(size=(6, 4)) + random.normal(size=(20, 4)) + 5.0


def test_regression_is_ridge_with_an_intercept(problem):
    rows, targets = problem
    model = Regression(rows @ rows.T, np.arange(20), RIDGE)
    mean = rows[:20].mean(axis=0)
    centred = rows - mean
    matrix = centred[:20].T @ centred[:20] + RIDGE * np.eye(6)
    slope = np.linalg.solve(matrix, centred[:20].T @ (targets - targets.mean(axis=0)))
    judged = np.arange(20, 30)
    np.testing.assert_allclose(model.predict(targets, judged), centred[20:] @ slope + targets.mean(axis=0))
    expected = np.einsum("ij,jk,ik->i", centred[20:], np.linalg.inv(matrix), centred[20:])
    np.testing.assert_allclose(model.leverage(judged), expected)


def summed_variance(rows, chosen):
    return np.trace(rows @ np.linalg.inv(rows[chosen].T @ rows[chosen] + RIDGE * np.eye(rows.shape[1])) @ rows.T)


def test_every_atom_chosen_lowers_the_summed_variance_most(problem):
    rows = problem[0] - problem[0].mean(axis=0)
    order = choose_atoms(rows @ rows.T / RIDGE, 5)
    for step, atom in enumerate(order):
        left = [i for i in range(len(rows)) if i not in order[:step]]
        best = min(left, key=lambda i: summed_variance(rows, [*order[:step], i]))
        assert atom == best
    assert sorted(choose_atoms(rows @ rows.T / RIDGE, 99)) == list(range(30))


def test_every_cell_chosen_lowers_the_summed_variance_most(problem):
    rows = problem[0] - problem[0].mean(axis=0)
    groups = np.arange(30) // 4
    order = choose_groups(rows @ rows.T / RIDGE, groups, 4)
    for step, cell in enumerate(order):
        known = np.isin(groups, order[:step])
        left = [number for number in np.unique(groups) if number not in order[:step]]
        best = min(left, key=lambda number: summed_variance(rows, np.nonzero(known | (groups == number))[0]))
        assert cell == best


@pytest.mark.parametrize("method", ["NMF", "PCA"])
def test_components_rebuild_spectra_that_they_can_hold(method):
    random = np.random.default_rng(1)
    spectra = random.random((40, 3)) @ random.random((3, 50))
    coefficients, components, base = components_of(spectra, method, 3)
    # NMF stops after a fixed number of steps, some percent from its best; PCA is exact.
    np.testing.assert_allclose(coefficients @ components + base, spectra, atol=0.05 if method == "NMF" else 1e-9)
    if method == "NMF":
        assert coefficients.min() >= 0
        assert components.min() >= 0


def test_folds_never_part_a_family():
    families = [f"family {i % 13}" for i in range(100)]
    fold = family_folds(families, 4)
    assert {len(set(fold[np.array(families) == name])) for name in set(families)} == {1}
    assert sorted(set(fold)) == [0, 1, 2, 3]
    with pytest.raises(LibraryError, match="too few for 20 folds"):
        family_folds(families, 20)


def test_scaling_gives_blocks_one_size_and_keeps_constant_columns_finite():
    random = np.random.default_rng(2)
    soap = random.normal(size=(50, 7)) * [1, 2, 3, 4, 5, 6, 1e-9]
    moments = np.column_stack([random.normal(size=(50, 2)) * [1e-3, 1e3], np.full(50, 4.0)])
    scaled = scaling({"soap": soap, "moments": moments}, ("soap", "moments"))
    rows = (np.concatenate([soap, moments], axis=1) - scaled.mean) * scaled.scale
    assert (rows[:, :7] ** 2).sum(axis=1).mean() == pytest.approx(1)
    np.testing.assert_allclose(rows[:, 7].std(), rows[:, 8].std())
    assert np.isfinite(scaled.scale).all()
    # The column that hardly varies stays small: it must not rule a prediction.
    assert np.abs(rows[:, 6]).max() < 1e-6


def test_calibration_finds_the_variance_that_errors_were_drawn_with():
    random = np.random.default_rng(5)
    leverage = random.exponential(size=20000)
    errors = random.normal(size=(20000, 1)) * np.sqrt(0.4 + 0.8 * leverage)[:, None]
    level, slope = level_and_slope(errors[:, 0] ** 2, leverage)
    assert level == pytest.approx(0.4, rel=0.1)
    assert slope == pytest.approx(0.8, rel=0.1)
    found = reliability(errors, np.sqrt(level + slope * leverage)[:, None])
    assert found["within_1"] == pytest.approx(0.683, abs=0.02)
    assert found["ratio"] == pytest.approx(1, abs=0.02)
    # A single error is a poor measure of its own variance: the rank correlation stays far below 1 when all is right.
    assert found["rank"] > 0.2
