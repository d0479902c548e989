import numpy as np
import pytest

import eelsmap
from eelsmap.errors import NO_ANSWER
from eelsmap.models.aligned_novelty import aligned_distributions, fit_both_looks, relative_score_of_both
from eelsmap.models.foreign_spectra import KINDS, KNOWN, foreign_stack
from eelsmap.models.novelty_measurement import measure_novelty, novelty_lines
from eelsmap.recipe import Recipe
from tests.models.small_model import features


@pytest.fixture(scope="module")
def library():
    return eelsmap.load_library("nmc")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_spectra_can_be_made(library, kind):
    stack, counts = foreign_stack(kind, library, Recipe(), 16, 3)
    again, _ = foreign_stack(kind, library, Recipe(), 16, 3)
    assert stack.net.shape == (16, 4, 161)
    assert counts.shape == (16,)
    np.testing.assert_array_equal(stack.net, again.net)


def test_background_alone_gets_no_answer_and_layered_oxides_do(library):
    refused = {
        kind: ((foreign_stack(kind, library, Recipe(), 30, 3)[0].flags & NO_ANSWER) != 0).mean()
        for kind in (KNOWN, "vacuum", "background alone")
    }
    assert refused[KNOWN] < 0.2
    assert refused["vacuum"] > 0.8
    assert refused["background alone"] > 0.8


def test_the_table_tells_other_materials_from_known_ones(library):
    kinds = ("carbonate-like O K", "layered, white lines exchanged")
    found = measure_novelty(eelsmap.load_model("nmc"), library, rows=60, kinds=kinds)
    assert [item.kind for item in found] == [KNOWN, *kinds]
    assert found[0].refused < 0.2
    assert np.isnan(found[0].auroc)
    assert all(item.auroc > 0.9 for item in found[1:])
    assert len(novelty_lines(found)) == 5
    assert "AUROC" in novelty_lines(found)[0]


def test_the_second_look_sees_a_shape_that_a_shift_hides():
    recipe, table = Recipe(), features()
    group = np.arange(len(table)) % 3
    novelty, aligned = fit_both_looks(table, recipe, group)
    both = relative_score_of_both(novelty, aligned, table, recipe)
    one = relative_score_of_both(novelty, None, table, recipe)
    assert (both >= one).all()
    assert (both > 1).mean() < 0.1
    curves, _, seen = aligned_distributions(table, recipe)
    assert curves.shape[:2] == seen.shape
    np.testing.assert_allclose(curves[seen][:, -1], 1.0, atol=0.35)
    strange = table.copy()
    names = [name for name in eelsmap.features.feature_names(recipe) if name.startswith("aligned Mn_L")]
    columns = [eelsmap.features.feature_names(recipe).index(name) for name in names]
    strange[:, columns] = strange[:, columns[::-1]]
    rows = seen[:, 1]
    assert (relative_score_of_both(novelty, aligned, strange, recipe)[rows] > 1).mean() > 0.8
    assert (relative_score_of_both(novelty, None, strange, recipe)[rows] > 1).mean() < 0.1
