import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace

import numpy as np
import pytest
import xgboost

import eelsmap
from eelsmap.errors import DeviceError, PixelFlag
from eelsmap.features import feature_matrix
from eelsmap.models.corrections import Corrections
from eelsmap.models.device_model import DeviceModel, on_device
from eelsmap.models.device_trees import DeviceTrees, require_trees
from eelsmap.models.model import Model
from eelsmap.phantom import Microscope
from eelsmap.preprocess import extract_edges, make_plan
from tests.devices import KINDS, use


@pytest.fixture(scope="module")
def model():
    return eelsmap.load_model("nmc")


@pytest.fixture(scope="module")
def stack(model):
    """Edges of a phantom's pixels, some of which show a single edge."""
    signal = eelsmap.make_phantom((12, 16), microscope=Microscope(counts=3e5)).signal()
    energy = signal.axes_manager.signal_axes[0].axis
    block = np.asarray(signal.data, dtype=np.float64).reshape(-1, energy.size)
    ratio = (energy[energy > 600] / 590) ** -3
    block[::7, energy > 600] = block[::7, np.searchsorted(energy, 590)][:, None] * ratio
    block[3::7, energy < 680] = 100.0 * (energy[energy < 680] / 590) ** -3
    return extract_edges(block, make_plan(block, energy, model.recipe), model.recipe)


def asked(model, stack, **options):
    """Predictions and flags of a copy, since flags are set in place."""
    copy = stack._replace(flags=stack.flags.copy())
    return model.predict_stack(copy, axis_uncertainty=0.4, **options), copy.flags


def same_answers(found, expected):
    """Predictions equal to 1e-6 and flags alike."""
    np.testing.assert_array_equal(found[1], expected[1])
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-6, atol=1e-6)


def moved(model, device):
    """A model on a device; on the CPU its array code, which is not asked for there otherwise."""
    if device != "cpu":
        return on_device(model, device)
    return DeviceModel(**{part.name: getattr(model, part.name) for part in fields(Model)}, device=device)


@pytest.mark.parametrize("kind", KINDS)
def test_trees_say_what_the_compiled_ones_say(model, stack, kind, monkeypatch):
    device = use(kind, monkeypatch)
    features = feature_matrix(stack, model.recipe, axis_uncertainty=0.4)
    names = [name for name, trees in model.boosters.items() if trees.num_features() == features.shape[1]]
    classes = list(model.probabilities)
    assert classes
    trees = DeviceTrees(model.boosters, device)
    for as_value in ((), tuple(classes)):
        expected = model._trees.predict(features, names, as_value=as_value)
        found = trees.predict(features, names, as_value=as_value)
        assert isinstance(found, np.ndarray)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_on_a_device_answers_as_the_model_does(model, stack, kind, monkeypatch):
    on = moved(model, use(kind, monkeypatch))
    assert isinstance(on, DeviceModel)
    assert not on.reads_features_only
    expected = asked(model, stack)
    same_answers(asked(on, stack), expected)
    lone = stack.seen.sum(axis=1) == 1
    metals = stack.seen[:, 1:].sum(axis=1) == 1
    assert (lone & metals & ((expected[1] & PixelFlag.O_K_WEAK) != 0)).any()


@pytest.mark.parametrize("kind", KINDS)
def test_corrections_are_kept_on_a_device(model, stack, kind, monkeypatch):
    corrections = Corrections(
        shift={"O_K": 0.7}, fwhm={"Ni_L": 1.2}, affine={"li_content": (0.1, 0.8)}, interval_factor={"li_content": 2.0}
    )
    corrected = replace(model, corrections=corrections)
    on = moved(corrected, use(kind, monkeypatch))
    expected = asked(corrected, stack)
    assert not np.allclose(expected[0], asked(model, stack)[0], equal_nan=True)
    same_answers(asked(on, stack), expected)


def test_a_model_on_a_device_travels_without_what_lies_there(model, stack, monkeypatch):
    on = on_device(model, use("stand_in", monkeypatch))
    before = asked(on, stack)
    assert on._trees._moved
    again = pickle.loads(pickle.dumps(on))  # noqa: S301 - our own bytes
    assert again.device == "cuda"
    assert not again._trees._moved
    same_answers(asked(again, stack), before)


def test_threads_share_a_device(model, stack, monkeypatch):
    on = on_device(model, use("stand_in", monkeypatch))
    expected = asked(model, stack)
    with ThreadPoolExecutor(4) as threads:
        for found in threads.map(lambda _: asked(on, stack), range(8)):
            same_answers(found, expected)


def test_a_model_goes_to_a_device_and_back(model, monkeypatch):
    assert model.runs_on == "cpu"
    assert on_device(model, "cpu") is model
    on = on_device(model, use("stand_in", monkeypatch))
    assert on.runs_on == "cuda: stand-in (CuPy 0.0)"
    back = on_device(on, "cpu")
    assert type(back) is Model
    assert back == model


def test_a_booster_of_the_model_stays_on_the_cpu(model, stack, monkeypatch):
    on = on_device(model, use("stand_in", monkeypatch))
    asked(on, stack)
    assert on._trees._moved
    assert all(trees is not model.boosters[name] for name, trees in on._trees._moved.items())


def test_an_xgboost_without_cuda_is_refused_in_words(model, monkeypatch):
    use("stand_in", monkeypatch)
    monkeypatch.setattr(xgboost, "build_info", lambda: {"USE_CUDA": False})
    require_trees("cpu")
    with pytest.raises(DeviceError, match="without CUDA: install the package xgboost in place of xgboost-cpu"):
        on_device(model, "cuda")
