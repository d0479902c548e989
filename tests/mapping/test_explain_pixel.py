import numpy as np
import pytest

import eelsmap
from eelsmap.errors import NO_ANSWER, RecipeError
from eelsmap.io import prepare
from eelsmap.mapping import plan_signal
from eelsmap.mapping.explain_pixel import explain_pixel
from eelsmap.phantom import write_demo


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    path = tmp_path_factory.mktemp("image") / "particle.hspy"
    write_demo(path, shape=(8, 10), counts=1e6)
    return path


@pytest.fixture(scope="module")
def model():
    return eelsmap.load_model("nmc")


@pytest.mark.parametrize("lazy", [True, False])
@pytest.mark.parametrize("target", ["li_content", "mn_valence"])
def test_a_pixel_is_explained_as_it_is_mapped(image, model, lazy, target):
    signal = eelsmap.load(image, lazy=lazy)
    maps = eelsmap.map_properties(signal, model, lazy=False)
    values = maps.array(target)
    answered = np.argwhere(np.isfinite(values))
    place = tuple(answered[len(answered) // 2])
    explanation = explain_pixel(signal, place, target, model)
    assert np.clip(explanation.value[0], *eelsmap.properties.PROPERTIES[target].limits) == pytest.approx(
        float(values[place]), abs=1e-5
    )
    np.testing.assert_allclose(explanation.total(), explanation.value, atol=1e-4)


def test_an_image_that_was_planned_once_gives_the_same(image, model):
    core = prepare(eelsmap.load(image, lazy=True))
    planned = plan_signal(core, model.recipe)
    again = explain_pixel(core, (4, 5), "li_content", model, planned=planned)
    once = explain_pixel(eelsmap.load(image, lazy=True), (4, 5), "li_content", model)
    np.testing.assert_array_equal(again.contributions["O_K"], once.contributions["O_K"])


def test_vacuum_has_nothing_to_explain(image, model):
    signal = eelsmap.load(image, lazy=False)
    flags = eelsmap.map_properties(signal, model).array("flags").astype(int)
    place = tuple(np.argwhere(flags & NO_ANSWER)[0])
    explanation = explain_pixel(signal, place, "li_content", model)
    assert np.isnan(explanation.value[0])
    assert not explanation.contributions["O_K"].any()


@pytest.mark.parametrize("place", [(8, 0), (0,), (0, 0, 0), (), (0, -11)])
def test_a_pixel_that_is_not_there_is_refused(image, model, place):
    with pytest.raises(RecipeError, match=r"there is no pixel .*the shape \(8, 10\)"):
        explain_pixel(eelsmap.load(image, lazy=True), place, "li_content", model)
