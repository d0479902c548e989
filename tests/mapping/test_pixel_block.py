import pickle
from dataclasses import is_dataclass

import numpy as np
import pytest

import eelsmap
from eelsmap.errors import PixelFlag
from eelsmap.mapping import pixel_block
from eelsmap.mapping.pixel_block import PropertyWork
from eelsmap.phantom import Microscope
from eelsmap.preprocess import make_plan

pytest.importorskip("numba")


@pytest.fixture(scope="module")
def image():
    """Pixels of a phantom, some of which show a single edge: elsewhere counts are those of a flat background."""
    signal = eelsmap.make_phantom((16, 20), microscope=Microscope(counts=3e5)).signal()
    energy = signal.axes_manager.signal_axes[0].axis
    block = np.asarray(signal.data, dtype=np.float64).reshape(-1, energy.size)
    block[::7, energy > 600] = block[::7, np.searchsorted(energy, 590)][:, None] * (energy[energy > 600] / 590) ** -3
    block[5, 100] = np.nan
    model = eelsmap.load_model("nmc")
    return block, make_plan(block, energy, model.recipe), model


def test_the_short_road_gives_what_the_long_one_gives(image, monkeypatch):
    block, plan, model = image
    work = PropertyWork(plan, model.recipe, model)
    shift = np.stack([np.linspace(0, 0.4, len(block)), np.full(len(block), 0.1)], axis=1)
    quick = work(block, shift=shift)
    monkeypatch.setattr(pixel_block, "can_be_fused", lambda plan, recipe: False)
    slow = work(block, shift=shift)
    np.testing.assert_array_equal(quick[:, -1], slow[:, -1])
    np.testing.assert_allclose(quick, slow, rtol=1e-6, atol=1e-7)
    flags = quick[:, -1].astype(np.uint32)
    seen = sum((flags & PixelFlag.weak(edge)) == 0 for edge in model.recipe.edge_set.names)
    assert (seen == 1).any()
    assert (seen == 4).any()


def test_values_alone_are_those_with_intervals(image):
    block, plan, model = image
    both = [PropertyWork(plan, model.recipe, model, values_only=only) for only in (False, True)]
    whole, alone = (dict(zip(work.names, work(block).T, strict=True)) for work in both)
    assert set(alone) < set(whole)
    assert set(model.targets) < set(alone)
    for name in set(alone) - {"flags"}:
        np.testing.assert_array_equal(alone[name], whole[name])
    novel = np.uint32(PixelFlag.NOVEL)
    np.testing.assert_array_equal(alone["flags"].astype(np.uint32) & ~novel, whole["flags"].astype(np.uint32) & ~novel)
    assert both[0].__dask_tokenize__() != both[1].__dask_tokenize__()


def test_dask_does_not_look_into_the_work(image):
    _, plan, model = image
    work = PropertyWork(plan, model.recipe, model)
    assert not is_dataclass(work)
    assert pickle.loads(pickle.dumps(work)).names == work.names  # noqa: S301 - our own bytes
