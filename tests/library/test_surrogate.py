"""The surrogate: fit, file, prediction, uncertainty, and the shipped one against calculated spectra."""

import json

import numpy as np
import pytest

from eelsmap.errors import LibraryError
from eelsmap.library import split, surrogate_selection
from eelsmap.library.active_choice import next_cells
from eelsmap.library.assemble import GRIDS, oxygen_spectra
from eelsmap.library.surrogate import cells_sha256, load_surrogate, save_surrogate
from eelsmap.library.surrogate_errors import Errors, Scale, cell_means, group_of, nearest_in_composition
from eelsmap.library.surrogate_fit import fit, fit_file
from eelsmap.library.surrogate_summary import described
from eelsmap.plot.surrogate import save_surrogate_figures

pytest.importorskip("dscribe")


@pytest.fixture(scope="module")
def quick(shipped_cells):
    """A small surrogate, fitted on a third of the cells with little to choose from."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(surrogate_selection, "SETS", (("acsf",), ("acsf", "moments")))
        patch.setattr(surrogate_selection, "RIDGES", (0.03, 0.3))
        patch.setattr(surrogate_selection, "COMPONENTS", (("NMF", 6), ("PCA", 8)))
        patch.setattr(surrogate_selection, "FOLDS", 4)
        return fit(shipped_cells[0][::3], shipped_cells[2], lambda line: None)


@pytest.fixture(scope="module")
def shipped():
    return load_surrogate()


def rewrite(path, target, **changes):
    with np.load(path, allow_pickle=False) as content:
        arrays = {name: content[name] for name in content.files}
    np.savez_compressed(target, **(arrays | changes))


def test_round_trip_predicts_the_same(quick, shipped_cells, tmp_path):
    save_surrogate(quick, tmp_path / "copy.npz")
    copy = load_surrogate(tmp_path / "copy.npz")
    cells = shipped_cells[0][1:3]
    for one, other in zip(quick.predict(cells), copy.predict(cells), strict=True):
        np.testing.assert_array_equal(one, other)
    assert list(tmp_path.iterdir()) == [tmp_path / "copy.npz"]


def test_changed_and_foreign_files_are_refused(quick, tmp_path):
    save_surrogate(quick, tmp_path / "good.npz")
    rewrite(tmp_path / "good.npz", tmp_path / "weights.npz", weights=quick.arrays["weights"] * 1.01)
    with pytest.raises(LibraryError, match="sha256: weights"):
        load_surrogate(tmp_path / "weights.npz")
    with np.load(tmp_path / "good.npz") as content:
        header = json.loads(str(content["header"]))
    header["ridge"] *= 2
    rewrite(tmp_path / "good.npz", tmp_path / "header.npz", header=np.array(json.dumps(header)))
    with pytest.raises(LibraryError, match="sha256: header"):
        load_surrogate(tmp_path / "header.npz")
    header["schema"] = 99
    rewrite(tmp_path / "good.npz", tmp_path / "schema.npz", header=np.array(json.dumps(header)))
    with pytest.raises(LibraryError, match="schema 99"):
        load_surrogate(tmp_path / "schema.npz")
    (tmp_path / "text.npz").write_text("no surrogate")
    with pytest.raises(LibraryError, match="not a surrogate"):
        load_surrogate(tmp_path / "text.npz")


def test_the_test_side_never_trains(quick, shipped_cells):
    sides = {cell.name: split.side(cell) for cell in shipped_cells[0]}
    assert {sides[name] for name in quick.header["training_cells"]} == {"train"}


def test_a_spectrum_of_a_training_cell_is_closer_than_its_uncertainty_says(quick, shipped_cells):
    cells = shipped_cells[0][::3]
    spectra, _ = oxygen_spectra(cells, shipped_cells[2])
    numbers = [i for i, cell in enumerate(cells) if cell.name in quick.header["training_cells"]][:10]
    for number in numbers:
        found = quick.evaluate(cells[number])
        assert found.spectra.shape == found.uncertainty.shape == spectra[number].shape
        assert np.sqrt(((found.spectra - spectra[number]) ** 2).mean()) < 2 * found.uncertainty.mean()
        assert found.average_uncertainty.mean() < found.uncertainty.mean()
        assert found.spectra.min() > 0


def test_far_from_training_is_flagged_and_more_uncertain(quick, shipped_cells):
    from dataclasses import replace

    near = next(cell for cell in shipped_cells[0] if cell.name == quick.header["training_cells"][0])
    far = replace(near, lattice=near.lattice * 0.8)
    one, other = quick.evaluate(near), quick.evaluate(far)
    assert other.extrapolated.all()
    assert not one.extrapolated.any()
    assert (other.uncertainty > one.uncertainty).all()


def test_next_cells_prefers_what_the_surrogate_has_not_seen(quick, shipped_cells):
    from dataclasses import replace

    known = {cell.name: cell for cell in shipped_cells[0]}
    seen = [known[name] for name in quick.header["training_cells"][:4]]
    stranger = replace(seen[0], name="stranger", lattice=seen[0].lattice * 1.08)
    chosen = next_cells(quick, [*seen, stranger], 2)
    assert chosen[0].name == "stranger"
    assert len(chosen) == 2


def test_errors_measure_what_they_say():
    energy = np.arange(525.0, 550.0, 0.5)
    true = np.ones((2, energy.size))
    scale = Scale(energy, 533.0, -0.1, -1.0)
    same = Errors.of(true, true, scale)
    assert same.relative == same.share == same.cumulative == 0
    scaled = Errors.of(1.1 * true, true, scale)
    assert scaled.relative == pytest.approx(0.1)
    np.testing.assert_allclose(scaled.per_energy, 0.1)
    assert scaled.share == pytest.approx(0, abs=1e-12)
    more = true + 0.2 * (energy < 533)
    found = Errors.of(more, true, scale)
    assert found.share_bias == pytest.approx(16 * 1.2 / (50 + 16 * 0.2) - 16 / 50)
    assert found.row(scale)["lithium"] == pytest.approx(found.share / 0.1, abs=1e-4)


def test_figures_and_words_come_from_the_file(quick, tmp_path):
    save_surrogate(quick, tmp_path / "quick.npz")
    copy = load_surrogate(tmp_path / "quick.npz")
    assert "test side, surrogate" in described(copy)
    for path in save_surrogate_figures(copy, tmp_path / "figures"):
        assert path.stat().st_size > 10_000


def test_too_few_cells_are_refused(shipped_cells, tmp_path):
    with pytest.raises(LibraryError):
        fit_file(tmp_path, tmp_path / "out.npz")
    sides = {side: [cell for cell in shipped_cells[0] if split.side(cell) == side] for side in ("train", "test")}
    with pytest.raises(LibraryError, match="none of the cells is on the test side"):
        fit(sides["train"][:9], shipped_cells[2])
    defects = [cell for cell in sides["train"] if cell.kind == "vacancy"][:3]
    with pytest.raises(LibraryError, match="change of the pre-edge with lithium cannot be measured"):
        fit([*defects, *sides["test"][:1]], shipped_cells[2])
    pristine = {cell.li_content: cell for cell in sides["train"] if group_of(cell) == "pristine"}
    with pytest.raises(LibraryError, match="too few for 8 folds"):
        fit([*list(pristine.values())[:3], *sides["test"][:2]], shipped_cells[2])
    assert not list(tmp_path.iterdir())


def test_shipped_surrogate_was_fitted_on_the_shipped_cells(shipped, shipped_cells):
    assert shipped.header["cells_sha256"] == cells_sha256(shipped_cells[0])
    np.testing.assert_array_equal(shipped.energy, GRIDS["O_K"])
    sides = {cell.name: split.side(cell) for cell in shipped_cells[0]}
    assert set(shipped.header["training_cells"]) == {name for name, side in sides.items() if side == "train"}
    # The mean of what it learned is the mean of what the program gives today: placement and broadening are the same.
    spectra, _ = oxygen_spectra(shipped_cells[0], shipped_cells[2])
    train = np.concatenate(
        [rows for cell, rows in zip(shipped_cells[0], spectra, strict=True) if sides[cell.name] == "train"]
    )
    np.testing.assert_allclose(shipped.arrays["mean_spectrum"], train.mean(axis=0), rtol=1e-3)


def test_shipped_surrogate_on_held_out_cells(shipped, shipped_cells):
    spectra, _ = oxygen_spectra(shipped_cells[0], shipped_cells[2])
    sides = np.array([split.side(cell) for cell in shipped_cells[0]])
    tested, trained = ([shipped_cells[0][i] for i in np.nonzero(sides == side)[0]] for side in ("test", "train"))
    true = np.concatenate([spectra[i] for i in np.nonzero(sides == "test")[0]])
    index = np.repeat(np.arange(len(tested)), [len(cell.oxygen) for cell in tested])
    predicted = np.concatenate(shipped.predict(tested))
    means = np.array([spectra[i].mean(axis=0) for i in np.nonzero(sides == "train")[0]])
    nearest = means[nearest_in_composition(tested, trained)][index]
    scale = Scale.of(trained, means, shipped.energy)
    error = Errors.of(predicted, true, scale)
    assert error.relative == pytest.approx(
        shipped.header["metrics"]["test"]["surrogate"]["all"]["atom"]["relative"], rel=0.02
    )
    assert error.relative < 0.75 * Errors.of(nearest, true, scale).relative
    averages = Errors.of(cell_means(predicted, index), cell_means(true, index), scale)
    assert averages.row(scale)["lithium"] < 0.06
    scaled = (predicted - true) / np.concatenate(shipped.uncertainty(tested))
    assert 0.6 < (np.abs(scaled) < 1).mean() < 0.85
