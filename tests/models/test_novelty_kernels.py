import numpy as np
import pytest

from eelsmap.models import novelty as novelty_module
from eelsmap.models.aligned_novelty import fit_both_looks, relative_score_of_both
from eelsmap.models.novelty import Novelty
from eelsmap.recipe import Recipe
from tests.models.small_model import features

pytest.importorskip("numba")


def fresh(novelty):
    """The same without what it has laid out already."""
    return Novelty(**novelty.arrays())


def test_scores_are_the_same_without_numba(monkeypatch):
    recipe, table = Recipe(), features().copy()
    looks = fit_both_looks(table, recipe, np.arange(len(table)) % 3)
    table[0, :] = np.nan
    table[1, 200:] = np.nan
    for given in (looks, (looks[0], None)):
        compiled = relative_score_of_both(*given, table, recipe)
        monkeypatch.setattr(novelty_module, "AVAILABLE", False)
        plain = [None if look is None else fresh(look) for look in given]
        assert not plain[0].compiled
        np.testing.assert_allclose(compiled, relative_score_of_both(*plain, table, recipe), rtol=1e-9)
        monkeypatch.undo()
    assert np.isnan(compiled[0])
    np.testing.assert_array_equal(relative_score_of_both(*looks, table[5:9], recipe)[1:2],
                                  relative_score_of_both(*looks, table[6:7], recipe))  # fmt: skip


def test_more_directions_than_a_kernel_holds_are_left_to_numpy():
    recipe, table = Recipe(), features()
    novelty = fit_both_looks(table, recipe, np.arange(len(table)) % 3)[0]
    wide = {**novelty.arrays(), "components": np.repeat(novelty.components, 2, axis=1)}
    wide["spread"] = np.repeat(novelty.spread, 2, axis=1)
    assert not Novelty(**wide).compiled
    assert np.isfinite(relative_score_of_both(Novelty(**wide), None, table, recipe)).any()
    with pytest.raises(ValueError, match="directions"):
        Novelty(**wide).relative_score_of_columns(table, np.zeros((4, 2), int), np.ones((1, 4), bool), table[:, :4],
                                                  np.ones((1, 4), bool))  # fmt: skip
