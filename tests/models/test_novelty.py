import io

import numpy as np
import pytest

import eelsmap
from eelsmap.errors import PixelFlag
from eelsmap.models.novelty import Novelty, fit_novelty


def curves(n, seed=0, noise=0.003):
    random = np.random.default_rng(seed)
    energy = np.linspace(0, 32, 160)
    peak = random.uniform(12, 18, n)[:, None]
    shape = np.exp(-0.5 * ((energy - peak) / 2) ** 2) + 0.1 + noise * random.normal(size=(n, 160))
    total = np.cumsum(shape, axis=1)
    return (
        (total / total[:, -1:])[:, None, :],
        np.full((n, 1), 2.0) + 0.1 * random.random((n, 1)),
        np.ones((n, 1), bool),
    )


@pytest.fixture(scope="module")
def novelty():
    distribution, log_snr, seen = curves(4000)
    return fit_novelty(distribution, log_snr, seen, np.arange(4000) % 4)


def test_known_spectra_pass_as_often_as_promised(novelty):
    assert (novelty.relative_score(*curves(4000, seed=1)) > 1).mean() == pytest.approx(0.005, abs=0.004)


def test_what_was_never_seen_is_called_novel(novelty):
    distribution, log_snr, seen = curves(200, seed=2)
    assert (novelty.relative_score(1 - distribution[..., ::-1] ** 2, log_snr, seen) > 1).all()


def test_an_edge_that_is_not_seen_does_not_count(novelty):
    distribution, log_snr, seen = curves(3)
    score = novelty.relative_score(distribution * np.nan, log_snr, np.zeros_like(seen))
    assert np.isnan(score).all()


def test_an_edge_alone_is_novel_only_when_it_is_clearer_than_any_that_stood_alone():
    random = np.random.default_rng(5)
    distribution = np.repeat(curves(2000)[0], 2, axis=1)
    log_snr = random.uniform(0.8, 2.5, (2000, 2))
    # In training the second edge is lost only where the first is noisy too.
    seen = np.stack([np.ones(2000, bool), log_snr[:, 0] > 1.5], axis=1)
    novelty = fit_novelty(distribution, log_snr, seen, np.arange(2000) % 4)
    lone = np.array([[True, False]] * 2)
    score = novelty.relative_score(distribution[:2], np.array([[1.2, 0.0], [2.3, 0.0]]), lone)
    assert score[0] < 1 < score[1]


def test_it_survives_bytes_without_pickle(novelty):
    back = Novelty.from_bytes(novelty.to_bytes())
    np.testing.assert_array_equal(back.threshold, novelty.threshold)
    buffer = io.BytesIO()
    np.savez(buffer, **{name: np.array([object()]) for name in Novelty.__dataclass_fields__})
    with pytest.raises(ValueError, match="pickle"):
        Novelty.from_bytes(buffer.getvalue())


def test_the_shipped_model_flags_another_material_and_lets_its_own_pass():
    model = eelsmap.load_model("nmc")
    library = eelsmap.load_library("nmc")
    chosen = np.flatnonzero((library.split == "test") & (library.kind == "structure"))
    grid = library.grids["O_K"]
    own = np.nan_to_num(library.spectra["O_K"][chosen])
    flat = np.full((1, 161), 1.0)
    alone = {"O_K": (grid, own[:1])} | {
        edge.name: (edge.grid(161), flat + 5.0 * np.random.default_rng(0).normal(size=(1, 161)))
        for edge in list(eelsmap.NMC_EDGES)[1:]
    }
    # One sharp line and nothing else: no O K edge looks like that.
    other = np.exp(-0.5 * ((grid - 545.0) / 1.0) ** 2)[None]
    novel = int(PixelFlag.NOVEL)
    assert (model.predict({"O_K": (grid, own)})["flags"] & novel).astype(bool).mean() < 0.2
    assert (model.predict({"O_K": (grid, other)})["flags"] & novel).all()
    assert (model.predict(alone)["flags"] & novel).all()
