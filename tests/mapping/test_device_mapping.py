import sys

import dask
import numpy as np
import pytest

import eelsmap
from eelsmap.errors import DeviceError
from eelsmap.mapping.pixel_block import PropertyWork
from eelsmap.mapping.planned_image import plan_signal
from eelsmap.mapping.script import command_of, script_of
from eelsmap.models.device_model import on_device
from eelsmap.phantom import Microscope
from tests.devices import use
from tests.run_command import run


@pytest.fixture(scope="module")
def signal():
    return eelsmap.make_phantom((20, 26), microscope=Microscope(counts=1e6), seed=3).signal()


@pytest.fixture(scope="module")
def model():
    return eelsmap.load_model("nmc")


@pytest.fixture(scope="module")
def on_cpu(signal, model):
    return eelsmap.map_properties(signal, model)


@pytest.mark.parametrize("kind", ["stand_in", "gpu"])
def test_maps_of_a_gpu_are_those_of_the_cpu(signal, model, on_cpu, kind, monkeypatch):
    device = use(kind, monkeypatch)
    maps = eelsmap.map_properties(signal, model, device=device)
    assert maps.names == on_cpu.names
    np.testing.assert_array_equal(maps.array("flags"), on_cpu.array("flags"))
    for name in set(maps) - {"flags"}:
        found, expected = maps.array(name), on_cpu.array(name)
        np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
        differs = np.abs(found - expected) > 1e-6 * (1 + np.abs(expected))
        # Rounding can move a feature across a split of a tree; anything larger would be a mistake.
        assert differs.mean() < 0.01, name


def test_threads_and_blocks_share_a_device(signal, model, on_cpu, monkeypatch):
    device = use("stand_in", monkeypatch)
    lazy = signal.as_lazy()
    lazy.data = lazy.data.rechunk((4, 26, -1))
    with dask.config.set(scheduler="threads", num_workers=3):
        maps = eelsmap.map_properties(lazy, model, device=device).compute(progress=False)
    np.testing.assert_array_equal(maps.array("flags"), on_cpu.array("flags"))
    differs = np.abs(maps.stack - on_cpu.stack) > 1e-6 * (1 + np.abs(on_cpu.stack))
    assert differs.mean() < 0.01


def test_maps_say_where_they_were_computed(signal, model, on_cpu, monkeypatch):
    assert on_cpu.provenance["model"]["device"] == "cpu"
    maps = eelsmap.map_properties(signal, on_device(model, use("stand_in", monkeypatch)), lazy=True)
    provenance = maps.provenance
    assert provenance["model"]["device"] == "cuda: stand-in (CuPy 0.0)"
    assert "map_properties(signal, model, device='cuda')" in script_of(provenance)
    assert " --device cuda " in command_of(provenance)[0]
    assert "device" not in script_of(on_cpu.provenance)
    assert eelsmap.map_properties(signal, on_device(model, "cuda"), device="cpu", lazy=True).provenance[
        "model"
    ] == on_cpu.provenance["model"]  # fmt: skip


def test_values_alone_are_those_of_the_cpu(signal, model, monkeypatch):
    image = plan_signal(eelsmap.io.prepare(signal), model.recipe)
    pixels = np.asarray(signal.data).reshape(-1, signal.data.shape[-1])[100:300]
    on = on_device(model, use("stand_in", monkeypatch))
    works = [PropertyWork(image.plan, model.recipe, one, values_only=True) for one in (model, on)]
    expected, found = (work(pixels) for work in works)
    differs = np.abs(found - expected) > 1e-6 * (1 + np.abs(expected))
    assert differs.mean() < 0.01
    assert works[0].__dask_tokenize__() != works[1].__dask_tokenize__()


def test_a_gpu_that_is_not_there_is_refused_before_any_work(signal, model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(DeviceError, match="needs CuPy"):
        eelsmap.map_properties(signal, model, device="cuda", lazy=True)
    with pytest.raises(DeviceError, match="must be one of cpu, cuda"):
        eelsmap.map_properties(signal, model, device="gpu")
    result = run("map", tmp_path / "image.hspy", "--out", tmp_path / "maps", "--device", "cuda")
    assert result.exit_code == 1
    assert result.output.startswith("Error: the GPU needs CuPy")


def test_the_command_line_maps_on_a_device(signal, on_cpu, tmp_path, monkeypatch):
    use("stand_in", monkeypatch)
    signal.save(tmp_path / "image.hspy")
    result = run("map", tmp_path / "image.hspy", "--out", tmp_path / "maps", "--device", "cuda")
    assert result.exit_code == 0, result.output
    maps = eelsmap.PropertyMaps.load(next((tmp_path / "maps").glob("*.hspy")))
    assert maps.provenance["model"]["device"].startswith("cuda: ")
    np.testing.assert_array_equal(maps.array("flags"), on_cpu.array("flags"))


def test_a_series_is_mapped_on_a_device(signal, model, on_cpu, tmp_path, monkeypatch):
    device = use("stand_in", monkeypatch)
    signal.save(tmp_path / "frame_1.hspy")
    result = eelsmap.map_series(
        [tmp_path / "frame_1.hspy"], on_device(model, device), out=tmp_path / "run", say=lambda _sentence: None
    )
    assert list(result.frames["status"]) == ["mapped"]
    np.testing.assert_allclose(np.asarray(result["li_content"].data).squeeze(), on_cpu.array("li_content"), rtol=1e-5)
    monkeypatch.setitem(sys.modules, "cupy", None)
    refused = run("series", tmp_path / "frame_1.hspy", "--out", tmp_path / "other", "--device", "cuda")
    assert refused.exit_code == 1
    assert "needs CuPy" in refused.output
