"""Functions of eight numbers side by side, for kernels; see :mod:`eelsmap.preprocess.lanes`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from eelsmap.preprocess.lane_types import (
    INT32,
    LANES,
    VECTOR,
    WHOLE,
    lanes,
    mask,
    spread_out,
)  # fmt: skip

__all__ = [
    "absolute", "anywhere", "get_lane", "multiply_add", "power_of_two", "root", "set_lane",
    "split_float", "spread", "where", "whole_part",
]  # fmt: skip


def _constant(value: float) -> Any:
    """Vector of one number that is known to the compiler."""
    return ir.Constant(VECTOR, [float(value)] * LANES)


def _intrinsic(result: Any, *given: Any) -> Callable[[Callable[..., Any]], Any]:
    """Make a function of lanes from what it emits."""

    def decorate(emit: Callable[..., Any]) -> Any:
        def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
            return emit(builder, *arguments)

        # numba asks how many arguments there are.
        def of_one(typing_context: Any, a: Any) -> Any:
            return result(*given), generate

        def of_two(typing_context: Any, a: Any, b: Any) -> Any:
            return result(*given), generate

        def of_three(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
            return result(*given), generate

        typer: Any = (of_one, of_two, of_three)[len(given) - 1]
        typer.__name__, typer.__doc__ = emit.__name__, emit.__doc__
        return intrinsic(typer)

    return decorate


@_intrinsic(lanes, types.float64)
def spread(builder: Any, value: Any) -> Any:
    """One number in all lanes."""
    return spread_out(builder, value)


@_intrinsic(lanes, mask, lanes, lanes)
def where(builder: Any, chosen: Any, yes: Any, no: Any) -> Any:
    """Of each lane the first value where the mask says so, else the second."""
    return builder.select(chosen, yes, no)


@_intrinsic(lanes, lanes, lanes, lanes)
def multiply_add(builder: Any, first: Any, second: Any, third: Any) -> Any:
    """Product of two plus a third, rounded once where the processor can."""
    kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
    return builder.call(builder.module.declare_intrinsic("llvm.fmuladd.v8f64", (), kind), [first, second, third])


def _unary(builder: Any, name: str, value: Any) -> Any:
    kind = ir.FunctionType(VECTOR, [VECTOR])
    return builder.call(builder.module.declare_intrinsic(f"{name}.v8f64", (), kind), [value])


@_intrinsic(lanes, lanes)
def root(builder: Any, value: Any) -> Any:
    """Square root."""
    return _unary(builder, "llvm.sqrt", value)


@_intrinsic(lanes, lanes)
def absolute(builder: Any, value: Any) -> Any:
    """Absolute value."""
    return _unary(builder, "llvm.fabs", value)


@_intrinsic(lanes, lanes)
def whole_part(builder: Any, value: Any) -> Any:
    """Whole numbers, rounded towards zero."""
    return _unary(builder, "llvm.trunc", value)


@_intrinsic(types.float64, lanes, types.int64)
def get_lane(builder: Any, value: Any, place: Any) -> Any:
    """Return the number in one lane."""
    return builder.extract_element(value, builder.trunc(place, INT32))


@_intrinsic(lanes, lanes, types.int64, types.float64)
def set_lane(builder: Any, value: Any, place: Any, number: Any) -> Any:
    """Put another number into one lane."""
    return builder.insert_element(value, number, builder.trunc(place, INT32))


@_intrinsic(lanes, lanes)
def power_of_two(builder: Any, exponent: Any) -> Any:
    """Two to the power of whole numbers between -1022 and 1023."""
    # Adding it rounds to an integer, which then stands in the lowest bits.
    shifted = builder.bitcast(builder.fadd(exponent, _constant(6755399441055744.0)), WHOLE)
    whole = builder.add(shifted, ir.Constant(WHOLE, [1023] * LANES))
    return builder.bitcast(builder.shl(whole, ir.Constant(WHOLE, [52] * LANES)), VECTOR)


@_intrinsic(types.UniTuple(lanes, 2), lanes)
def split_float(builder: Any, value: Any) -> Any:
    """Exponent and the rest, between 1 and 2, of positive normal numbers."""
    bits = builder.bitcast(value, WHOLE)
    exponent = builder.lshr(bits, ir.Constant(WHOLE, [52] * LANES))
    # The whole number in the lowest bits of 2 ** 52, which is then taken off with the bias.
    biased = builder.bitcast(builder.or_(exponent, ir.Constant(WHOLE, [0x4330000000000000] * LANES)), VECTOR)
    power = builder.fsub(biased, _constant(4503599627370496.0 + 1023.0))
    fraction = builder.and_(bits, ir.Constant(WHOLE, [0x000FFFFFFFFFFFFF] * LANES))
    rest = builder.bitcast(builder.or_(fraction, ir.Constant(WHOLE, [0x3FF0000000000000] * LANES)), VECTOR)
    return cgutils.pack_array(builder, [power, rest])


@_intrinsic(types.boolean, mask)
def anywhere(builder: Any, chosen: Any) -> Any:
    """Whether a mask holds in any lane."""
    bits = ir.IntType(LANES)
    return builder.icmp_unsigned("!=", builder.bitcast(chosen, bits), bits(0))
