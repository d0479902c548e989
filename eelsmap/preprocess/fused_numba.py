"""Compiled kernels, where numba is installed; without it the NumPy functions do the same work.

Kernels are serial and release the lock of the interpreter: numba's own threads inside dask's abort the process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

try:
    import numba
except ImportError:
    numba = None  # type: ignore[assignment]

__all__ = ["AVAILABLE", "Kernel", "as_input", "helper"]

AVAILABLE = numba is not None
"""Whether there is anything to compile with."""

# Division by zero gives infinity or NaN as in NumPy, and no sum is put in another order.
_OPTIONS: dict[str, Any] = {"nogil": True, "fastmath": False, "error_model": "numpy"}
_NATIVE = tuple(np.dtype(name) for name in ("u1", "u2", "u4", "i2", "i4", "f4", "f8"))


def helper(function: Callable[..., Any], /) -> Any:
    """Compile a function that only kernels of the same file call; it is stored with them."""
    return function if numba is None else numba.njit(**_OPTIONS)(function)


class Kernel:
    """A function that is compiled at its first call, and stored on disk for the next process where that is possible.

    Parameters
    ----------
    function
        Takes arrays and numbers only.
    """

    def __init__(self, function: Callable[..., Any], /) -> None:
        self._function = function
        self._compiled: Any = None
        self.__doc__ = function.__doc__

    def __call__(self, *arguments: Any) -> Any:
        """Call the compiled function."""
        if self._compiled is None:
            self._compiled = self._stored()
        try:
            return self._compiled(*arguments)
        except OSError:
            # The folder of the cache is full or was taken away; kernels themselves touch no file.
            self._compiled = helper(self._function)
            return self._compiled(*arguments)

    def _stored(self) -> Any:
        """Compile with a cache on disk; without one where no folder can be written."""
        if numba is None:
            return self._function
        try:
            return numba.njit(cache=True, **_OPTIONS)(self._function)
        except (RuntimeError, OSError):
            return helper(self._function)


def as_input(array: NDArray[Any], /) -> NDArray[Any]:
    """Give an array to a kernel in a form that needs no further compilation.

    Parameters
    ----------
    array
        Numbers of any type and order of bytes, in any order in memory.

    Returns
    -------
    numpy.ndarray
        A read-only, C-contiguous view where the type is one of those that detectors record, else a copy as float64.
    """
    native = array.dtype if array.dtype in _NATIVE and array.dtype.isnative else np.dtype(np.float64)
    view = np.ascontiguousarray(array, dtype=native).view()
    view.flags.writeable = False
    return view
