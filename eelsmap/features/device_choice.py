"""Where features and trees are computed: the CPU, or a GPU of NVIDIA through CuPy and XGBoost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np

from eelsmap.errors import DeviceError

__all__ = ["DEVICES", "device_module", "device_name", "one_at_a_time", "require_device"]

DEVICES = ("cpu", "cuda")

_OTHERWISE = 'or map with the device "cpu"'
_lock = threading.Lock()


def device_module(device: str, /) -> Any:
    """Return the array module of a device.

    Parameters
    ----------
    device
        One of :data:`DEVICES`.

    Returns
    -------
    module
        ``numpy`` or ``cupy``.

    Raises
    ------
    DeviceError
        There is no such device, CuPy is not installed or does not work, or it sees no GPU.
    """
    if device not in DEVICES:
        raise DeviceError(f"device {device!r} is unknown; it must be one of {', '.join(DEVICES)}")
    if device == "cpu":
        return np
    try:
        cupy = import_module("cupy")
    except ImportError as error:
        raise DeviceError(
            f"the GPU needs CuPy, which cannot be loaded ({error}): install eelsmap[gpu], {_OTHERWISE}"
        ) from error
    try:
        count = int(cupy.cuda.runtime.getDeviceCount())
    except RuntimeError as error:
        raise DeviceError(
            f"no GPU can be used ({error}): check that nvidia-smi lists one and that its driver serves CUDA 12, "
            f"{_OTHERWISE}"
        ) from error
    if count < 1:
        raise DeviceError(f"no GPU is seen: check nvidia-smi and CUDA_VISIBLE_DEVICES, {_OTHERWISE}")
    return cupy


def require_device(device: str, /) -> None:
    """Refuse a device that cannot do a sum, which on a GPU takes more than CuPy and a driver.

    Raises
    ------
    DeviceError
        As :func:`device_module`; or CuPy lacks libraries of CUDA.
    """
    module = device_module(device)
    if module is np:
        return
    try:
        module.asnumpy(module.arange(3) + 1)
    except Exception as error:
        raise DeviceError(
            f"CuPy cannot compute on the GPU ({_first_line(error)}): it needs the libraries of CUDA 12 (a toolkit, or "
            f"cupy-cuda12x[ctk], which eelsmap[gpu] installs), {_OTHERWISE}"
        ) from error


def device_name(device: str, /) -> str:
    """Say in words which device this is, for provenance, for instance ``"cuda: NVIDIA L4 (CuPy 13.6.0)"``."""
    if device == "cpu":
        return device
    cupy = device_module(device)
    name = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.runtime.getDevice())["name"]
    return f"{device}: {name.decode() if isinstance(name, bytes) else name} (CuPy {cupy.__version__})"


@contextmanager
def one_at_a_time(device: str, /) -> Iterator[Any]:
    """Give the array module of a device to one thread of this process at a time: blocks share the GPU's memory.

    Raises
    ------
    DeviceError
        As :func:`device_module`; or the GPU ran out of memory meanwhile.
    """
    module = device_module(device)
    if module is np:
        yield module
        return
    with _lock:
        try:
            yield module
        except Exception as error:
            if not isinstance(error, MemoryError) and "out of memory" not in str(error).lower():
                raise
            raise DeviceError(
                f"the GPU has too little memory left ({_first_line(error)}): end what else uses it, {_OTHERWISE}"
            ) from error


def _first_line(error: Exception) -> str:
    """Take the first line of what an error says, or its type where it says nothing."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__
