"""Whether the stand-in for a GPU has CuPy's manners."""

import inspect

import numpy as np
import pytest

from tests.devices import FUNCTIONS, METHODS, OPERATORS, stand_in


def test_cupy_has_what_the_stand_in_has():
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
    from cupyx.scipy.ndimage import gaussian_filter1d

    for name, options in FUNCTIONS.items():
        function = getattr(cupy, name)
        if options:
            assert set(options) <= set(inspect.signature(function).parameters), name
    assert {"axis", "mode"} <= set(inspect.signature(gaussian_filter1d).parameters)
    assert {"dtype"} <= set(inspect.signature(cupy.asarray).parameters)
    assert callable(cupy.asnumpy)
    assert all(hasattr(cupy.ndarray, name) for name in (*METHODS, *(f"__{name}__" for name in OPERATORS)))
    assert cupy.ndarray.__module__.partition(".")[0] == "cupy"
    runtime = cupy.cuda.runtime
    assert callable(runtime.getDeviceCount)
    assert callable(runtime.getDevice)
    assert callable(runtime.getDeviceProperties)
    assert issubclass(runtime.CUDARuntimeError, RuntimeError)
    assert issubclass(cupy.cuda.memory.OutOfMemoryError, MemoryError)


def test_the_stand_in_refuses_what_cupy_refuses():
    cupy = stand_in()["cupy"]
    host, device = np.arange(3.0), cupy.asarray(np.arange(3.0))
    np.testing.assert_array_equal(cupy.asnumpy(2.0 - device * np.float64(2)), [2.0, 0.0, -2.0])
    for action in (
        lambda: host + device, lambda: device + host, lambda: np.abs(device), lambda: np.asarray(device),
        lambda: np.where(device > 0, device, 0.0), lambda: cupy.where(host > 0, device, 0.0),
        lambda: device[host > 0], lambda: cupy.concatenate([device, host]),
    ):  # fmt: skip
        with pytest.raises(TypeError):
            action()
    with pytest.raises(AttributeError):
        cupy.nanmedian(device)
