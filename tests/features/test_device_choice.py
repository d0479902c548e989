import sys
from types import SimpleNamespace

import numpy as np
import pytest

from eelsmap.errors import DeviceError, EelsmapError
from eelsmap.features.device_choice import device_module, device_name, one_at_a_time, require_device
from tests.devices import stand_in, use


def with_count(monkeypatch, count):
    """A CuPy that counts GPUs in this way."""
    cupy = stand_in()["cupy"]
    cupy.cuda = SimpleNamespace(runtime=SimpleNamespace(getDeviceCount=count))
    monkeypatch.setitem(sys.modules, "cupy", cupy)


def broken_driver():
    raise RuntimeError("cudaErrorInsufficientDriver: the driver is too old")


def test_the_cpu_is_numpy_and_needs_nothing():
    assert device_module("cpu") is np
    assert device_name("cpu") == "cpu"


def test_a_gpu_says_its_name(monkeypatch):
    assert use("stand_in", monkeypatch) == "cuda"
    assert device_name("cuda") == "cuda: stand-in (CuPy 0.0)"


@pytest.mark.parametrize("device", ["gpu", "", "cuda:1", "CUDA"])
def test_unknown_devices_are_refused(device):
    with pytest.raises(DeviceError, match="must be one of cpu, cuda"):
        device_module(device)


def test_what_is_missing_is_said(monkeypatch):
    assert issubclass(DeviceError, EelsmapError)
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(DeviceError, match=r"needs CuPy.*install eelsmap\[gpu\], or map with the device \"cpu\""):
        device_module("cuda")
    with_count(monkeypatch, broken_driver)
    with pytest.raises(DeviceError, match=r"cudaErrorInsufficientDriver.*nvidia-smi.*CUDA 12"):
        device_module("cuda")
    with_count(monkeypatch, lambda: 0)
    with pytest.raises(DeviceError, match=r"no GPU is seen.*CUDA_VISIBLE_DEVICES"):
        device_module("cuda")


def test_a_cupy_without_the_libraries_of_cuda_is_refused_in_words(monkeypatch):
    def arange(_number):
        raise RuntimeError("CuPy failed to load libnvrtc.so.12\nstack")

    require_device("cpu")
    use("stand_in", monkeypatch)
    require_device("cuda")
    monkeypatch.setattr(sys.modules["cupy"], "arange", arange)
    with pytest.raises(
        DeviceError, match=r"cannot compute on the GPU \(CuPy failed to load libnvrtc.so.12\): .*\[ctk\]"
    ):
        require_device("cuda")


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("cudaErrorMemoryAllocation: Out of memory\nstack")])
def test_a_full_gpu_is_said_in_words_and_given_back(error, monkeypatch):
    use("stand_in", monkeypatch)
    for _ in range(2):
        with pytest.raises(DeviceError, match="too little memory left"), one_at_a_time("cuda"):
            raise error
    with pytest.raises(MemoryError), one_at_a_time("cpu"):
        raise MemoryError


def test_other_errors_stay_as_they_are(monkeypatch):
    use("stand_in", monkeypatch)
    with pytest.raises(KeyError), one_at_a_time("cuda"):
        raise KeyError("x")
    with one_at_a_time("cuda") as module:
        assert module is sys.modules["cupy"]
