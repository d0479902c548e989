"""Eight float64 (or sixteen float32) side by side as one number of a numba kernel.

What a kernel does to one pixel, or channel, it does to eight. Loops over small arrays are turned into vector
instructions only where the compiler can prove that nothing overlaps; a type of its own needs no proof. It is written in
LLVM's terms, which become whatever the processor has. Code that uses it reads like that of one number: ``+ - * /``,
comparisons (which give masks), ``where(mask, a, b)``. Without numba there are the names, and nobody calls them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

try:
    from eelsmap.preprocess.lane_channels import begin_tally, end_tally, fetch, standing_out, tally
    from eelsmap.preprocess.lane_functions import (
        absolute,
        anywhere,
        get_lane,
        multiply_add,
        power_of_two,
        root,
        set_lane,
        split_float,
        spread,
        where,
        whole_part,
    )  # fmt: skip
    from eelsmap.preprocess.lane_memory import (
        add_square,
        add_taps,
        gather,
        gather_pair,
        load,
        read_rows,
        store,
        write_rows,
        write_square,
    )  # fmt: skip
except ImportError:

    def _absent(*arguments: Any) -> Any:
        raise ImportError("kernels need numba")

    absolute = anywhere = get_lane = multiply_add = power_of_two = root = set_lane = split_float = spread = _absent
    where = whole_part = gather = gather_pair = load = read_rows = add_square = add_taps = store = _absent
    write_rows = write_square = begin_tally = end_tally = fetch = standing_out = tally = _absent

__all__ = [
    "LANES", "absolute", "add_square", "add_taps", "aligned_rows", "anywhere", "begin_tally", "end_tally", "fetch",
    "gather", "gather_pair", "get_lane", "load", "multiply_add", "power_of_two", "read_rows", "root", "set_lane",
    "split_float", "spread", "standing_out", "store", "tally", "where", "whole_part", "write_rows", "write_square",
]  # fmt: skip

LANES = 8
"""How many pixels lie side by side."""


def aligned_rows(rows: int, /) -> Any:
    """Room for an array of shape (row, 8), float64, that begins at a line of the cache."""
    room = np.empty(rows * LANES + LANES)
    skip = (-room.ctypes.data % 64) // 8
    return room[skip : skip + rows * LANES].reshape(rows, LANES)
