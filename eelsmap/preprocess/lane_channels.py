"""Sixteen neighbouring channels of a spectrum at once, for kernels; see :mod:`eelsmap.preprocess.lanes`."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from eelsmap.preprocess.lane_memory import as_double, element_pointer, emitting
from eelsmap.preprocess.lane_types import (
    DOUBLE,
    FLOAT,
    INT32,
    INT64,
    LANES,
    NARROW,
    lanes,
    narrow,
    spread_out,
)

__all__ = ["begin_tally", "end_tally", "fetch", "standing_out", "tally"]

_CHUNK = 2 * LANES
_HALVES = [ir.Constant(ir.VectorType(INT32, LANES), list(range(first, first + LANES))) for first in (0, LANES)]
_TALLIES = {
    kind: types.Tuple((lanes, lanes, narrow, *highest)) for kind, highest in ((True, (narrow,)), (False, (lanes,) * 2))
}


def _fits_narrow(element: Any) -> bool:
    """Whether float32 holds every number of a type."""
    return element is types.float32 or (not isinstance(element, types.Float) and element.bitwidth <= 16)


def _pointer(context: Any, builder: Any, kind: Any, table: Any, row: Any, column: Any) -> Any:
    """Pointer to an element of a C-contiguous table."""
    whole = context.make_array(kind)(context, builder, table)
    width = cgutils.unpack_tuple(builder, whole.shape, 2)[1]
    return builder.gep(whole.data, [builder.add(builder.mul(row, width), column)])


def _narrowed(builder: Any, element: Any, values: Any, factor: Any) -> Any:
    """Sixteen numbers of any type times one, as float32."""
    if element is types.float64:
        # Only afterwards do numbers in any unit fit.
        return builder.fptrunc(builder.fmul(values, spread_out(builder, factor, _CHUNK)), NARROW)
    if not isinstance(element, types.Float):
        values = (builder.sitofp if element.signed else builder.uitofp)(values, NARROW)
    return builder.fmul(values, spread_out(builder, builder.fptrunc(factor, FLOAT)))


@emitting
def begin_tally(typing_context: Any, table: Any) -> Any:
    """Give :func:`tally` something to begin with."""
    tally = _TALLIES[_fits_narrow(table.dtype)]

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        parts = [spread_out(builder, kind(0.0)) for kind in (DOUBLE, DOUBLE, FLOAT)]
        for kind in tally.types[3:]:
            parts.append(spread_out(builder, (FLOAT if kind is narrow else DOUBLE)(float("-inf"))))
        return context.make_tuple(builder, tally, parts)

    return tally(table), generate


@emitting
def tally(
    typing_context: Any, table: Any, row: Any, column: Any, factor: Any, scaled: Any, place: Any, state: Any
) -> Any:
    """Look at sixteen channels of a row of a C-contiguous table of any number type.

    They are added to two sums of eight lanes, what is below zero is counted, and the largest is kept, NaN left out;
    times a factor they are written into a float32 array.
    """
    element, tally = table.dtype, _TALLIES[_fits_narrow(table.dtype)]

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        table, row, column, factor, scaled, place, state = arguments
        kind = ir.VectorType(context.get_value_type(element), _CHUNK)
        pointer = _pointer(context, builder, sig.args[0], table, row, column)
        values = builder.load(builder.bitcast(pointer, kind.as_pointer()), align=max(element.bitwidth // 8, 1))
        sums, more, below, *highest = cgutils.unpack_tuple(builder, state)
        low, high = (as_double(builder, element, builder.shuffle_vector(values, values, half)) for half in _HALVES)
        if isinstance(element, types.Float):
            negative = builder.fcmp_ordered("<", values, ir.Constant(kind, [0.0] * _CHUNK))
        else:
            compare = builder.icmp_signed if element.signed else builder.icmp_unsigned
            negative = compare("<", values, ir.Constant(kind, [0] * _CHUNK))
        below = builder.fadd(below, builder.uitofp(negative, NARROW))
        own = [low, high]
        if len(highest) == 1:
            own = [values if element is types.float32 else _narrowed(builder, element, values, DOUBLE(1.0))]
        kept = [
            builder.select(builder.fcmp_ordered(">", one, top), one, top) for one, top in zip(own, highest, strict=True)
        ]
        target = element_pointer(context, builder, sig.args[4], scaled, place)
        narrowed = _narrowed(builder, element, values, factor)
        builder.store(narrowed, builder.bitcast(target, NARROW.as_pointer()), align=4)
        parts = [builder.fadd(sums, low), builder.fadd(more, high), below, *kept]
        return context.make_tuple(builder, tally, parts)

    return tally(table, types.int64, types.int64, types.float64, scaled, types.int64, tally), generate


@emitting
def end_tally(typing_context: Any, state: Any) -> Any:
    """How many channels were below zero, and the largest of all."""

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        _, _, below, *highest = cgutils.unpack_tuple(builder, arguments[0])
        number, most = DOUBLE(0.0), DOUBLE(float("-inf"))
        for lane in range(_CHUNK):
            number = builder.fadd(number, builder.fpext(builder.extract_element(below, INT32(lane)), DOUBLE))
            one = builder.extract_element(
                highest[lane // (_CHUNK // len(highest))], INT32(lane % (_CHUNK // len(highest)))
            )
            one = builder.fpext(one, DOUBLE) if one.type == FLOAT else one
            most = builder.select(builder.fcmp_ordered(">", one, most), one, most)
        return cgutils.pack_array(builder, [number, most])

    return types.UniTuple(types.float64, 2)(state), generate


@emitting
def standing_out(typing_context: Any, data: Any, place: Any, side: Any, squared: Any) -> Any:
    """Which of sixteen channels from a place on are peaks far above the three two to four channels away on one side.

    `data`: float32, electrons. `side`: -1 or 1. `squared`: the height that it takes in standard deviations, squared.
    The answer is the lowest bits of a number.
    """

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        data, place, side, squared = arguments

        def read(at: Any) -> Any:
            pointer = element_pointer(context, builder, sig.args[0], data, at)
            return builder.load(builder.bitcast(pointer, NARROW.as_pointer()), align=4)

        def larger(first: Any, second: Any) -> Any:
            return builder.select(builder.fcmp_ordered(">", first, second), first, second)

        here, zero, bound = read(place), ir.Constant(NARROW, [0.0] * _CHUNK), spread_out(builder, squared)
        beside = [read(builder.add(place, INT64(step))) for step in (-1, 1)]
        two, three, four = (read(builder.add(place, builder.mul(side, INT64(step)))) for step in (2, 3, 4))
        above = larger(larger(two, three), four)
        height = larger(builder.fsub(here, above), zero)
        least = builder.fadd(builder.fmul(larger(above, zero), bound), bound)
        high = builder.fcmp_ordered(">", builder.fmul(height, height), least)
        peak = builder.fcmp_ordered(">=", here, larger(*beside))
        return builder.zext(builder.bitcast(builder.and_(high, peak), ir.IntType(_CHUNK)), INT64)

    return types.uint64(data, types.int64, types.int64, types.float32), generate


@emitting
def fetch(typing_context: Any, table: Any, row: Any, column: Any) -> Any:
    """Ask for the line of the cache that holds an element of a C-contiguous table, which is wanted soon."""

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        pointer = _pointer(context, builder, sig.args[0], *arguments)
        byte = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte, INT32, INT32, INT32])
        wanted = builder.module.declare_intrinsic("llvm.prefetch", (byte,), kind)
        # To be read, into all levels, and no instruction.
        builder.call(wanted, [builder.bitcast(pointer, byte), INT32(0), INT32(3), INT32(1)])
        return context.get_dummy_value()

    return types.void(table, types.int64, types.int64), generate
