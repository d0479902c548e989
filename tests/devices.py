"""Devices for tests: the CPU, a stand-in for a GPU, and a GPU where there is one.

The stand-in is NumPy behind CuPy's manners: arrays on it meet neither NumPy's arrays nor NumPy's functions, and only
those functions and arguments exist that are listed here, each of which CuPy has (test_devices.py asks the real CuPy
where it is installed). It shows what would fail on a GPU for want of a function or for an array left behind; it cannot
show what a GPU makes of the numbers.
"""

import sys
from functools import cache
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.ndimage
import xgboost

from eelsmap.models import device_trees
from eelsmap.models.device_booster import gpu_booster

# Boosters of one model serve many tests.
_PREPARED = cache(gpu_booster)

KINDS = ("cpu", "stand_in", "gpu")

FUNCTIONS: dict[str, tuple[str, ...]] = {
    "abs": (), "arange": (), "arctan": (), "argmax": ("axis",), "broadcast_to": (), "clip": (),
    "concatenate": ("axis",), "cumsum": ("axis", "dtype"), "diff": ("axis",), "full": (), "isfinite": (),
    "maximum": (), "minimum": (), "nan_to_num": (), "nansum": ("axis",), "stack": ("axis",), "where": (), "zeros": (),
}  # fmt: skip
METHODS = ("astype", "max", "reshape", "sum")
OPERATORS = (
    "add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "and", "or", "lt", "le", "gt", "ge", "neg",
    "invert",
)  # fmt: skip


class Array:
    """An array that refuses what CuPy's refuses."""

    __module__ = "cupy"
    __array_ufunc__ = None

    def __init__(self, values: Any) -> None:
        self.values = np.asarray(values)
        self.shape, self.dtype, self.size = self.values.shape, self.values.dtype, self.values.size

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, place: Any) -> "Array":
        return Array(self.values[plain(place)])

    def __setitem__(self, place: Any, value: Any) -> None:
        self.values[plain(place)] = plain(value)


def plain(value: Any) -> Any:
    """What NumPy understands; arrays of NumPy are refused."""
    if isinstance(value, Array):
        return value.values
    if isinstance(value, np.ndarray):
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    return type(value)(plain(part) for part in value) if isinstance(value, list | tuple) else value


def on_stand_in(function: Any, allowed: tuple[str, ...] | None = None) -> Any:
    def called(*arguments: Any, **options: Any) -> Any:
        assert allowed is None or set(options) <= set(allowed), f"{function.__name__}: {options}"
        result = function(*(plain(one) for one in arguments), **{name: plain(one) for name, one in options.items()})
        return result if result is NotImplemented else Array(result)

    return called


for _name in OPERATORS:
    setattr(Array, f"__{_name}__", on_stand_in(getattr(np.ndarray, f"__{_name}__")))
for _name in METHODS:
    setattr(Array, _name, on_stand_in(getattr(np.ndarray, _name)))


def stand_in() -> dict[str, ModuleType]:
    """Modules that take the place of CuPy's."""
    names = ("cupy", "cupyx", "cupyx.scipy", "cupyx.scipy.ndimage")
    modules = {name: ModuleType(name) for name in names}
    cupy: Any = modules["cupy"]
    for name, allowed in FUNCTIONS.items():
        setattr(cupy, name, on_stand_in(getattr(np, name), allowed))
    cupy.asarray = lambda array, dtype=None: Array(np.array(getattr(array, "values", array), dtype=dtype))
    cupy.asnumpy = lambda array: array.values.copy()
    cupy.__version__ = "0.0"
    cupy.cuda = SimpleNamespace(
        runtime=SimpleNamespace(
            getDeviceCount=lambda: 1, getDevice=lambda: 0, getDeviceProperties=lambda number: {"name": b"stand-in"}
        )
    )
    ndimage: Any = modules["cupyx.scipy.ndimage"]
    ndimage.gaussian_filter1d = on_stand_in(scipy.ndimage.gaussian_filter1d, ("axis", "mode"))
    return modules


def use(kind: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make a device of :data:`KINDS` ready, and give its name for eelsmap; skips where there is no GPU."""
    if kind == "gpu":
        cupy = pytest.importorskip("cupy", reason="no GPU: CuPy is not installed")
        try:
            count = cupy.cuda.runtime.getDeviceCount()
        except RuntimeError as error:
            pytest.skip(f"no GPU: {error}")
        if count < 1:
            pytest.skip("no GPU")
    if kind == "stand_in":
        for name, module in stand_in().items():
            monkeypatch.setitem(sys.modules, name, module)
        _let_xgboost_take_part(monkeypatch)
    return "cpu" if kind == "cpu" else "cuda"


def _let_xgboost_take_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let boosters that were sent to a GPU take arrays of the stand-in, and nothing else."""
    predict, set_param = xgboost.Booster.inplace_predict, xgboost.Booster.set_param
    sent: dict[int, Any] = {}

    def send(booster: Any, parameters: Any, *rest: Any) -> None:
        if parameters == {"device": "cuda"}:
            sent[id(booster)] = booster
        else:
            set_param(booster, parameters, *rest)

    def answer(booster: Any, data: Any, **options: Any) -> Any:
        assert isinstance(data, Array) == (id(booster) in sent)
        said = predict(booster, getattr(data, "values", data), **options)
        return Array(said) if id(booster) in sent else said

    monkeypatch.setattr(device_trees, "gpu_booster", _PREPARED)
    monkeypatch.setattr(xgboost, "build_info", lambda: {"USE_CUDA": True})
    monkeypatch.setattr(xgboost.Booster, "set_param", send)
    monkeypatch.setattr(xgboost.Booster, "inplace_predict", answer)
