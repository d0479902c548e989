"""Eight numbers side by side to and from arrays, for kernels; see :mod:`eelsmap.preprocess.lanes`."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from eelsmap.preprocess.lane_types import FLOAT, INT32, INT64, LANES, NARROW, VECTOR, lanes, narrow

__all__ = [
    "gather", "gather_pair", "load", "load_narrow", "read_channels", "read_rows", "store", "store_narrow", "write_rows",
]  # fmt: skip


def emitting(function: Any) -> Any:
    """Make a function of kernels from one that says its type and emits its code."""
    return intrinsic(function)


def _as_double(builder: Any, element: Any, values: Any) -> Any:
    """Eight numbers of any type as float64."""
    if isinstance(element, types.Float):
        return values if element is types.float64 else builder.fpext(values, VECTOR)
    return (builder.sitofp if element.signed else builder.uitofp)(values, VECTOR)


def _element(context: Any, builder: Any, kind: Any, array: Any, place: Any) -> Any:
    """Pointer to an element of a contiguous array by its number in memory."""
    return builder.gep(context.make_array(kind)(context, builder, array).data, [place])


@emitting
def load(typing_context: Any, array: Any, row: Any) -> Any:
    """Eight numbers in a row of an array of shape (row, 8), C-contiguous float64."""

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        place = builder.shl(arguments[1], INT64(3))
        pointer = _element(context, builder, sig.args[0], arguments[0], place)
        return builder.load(builder.bitcast(pointer, VECTOR.as_pointer()), align=8)

    return lanes(array, types.int64), generate


@emitting
def store(typing_context: Any, array: Any, row: Any, value: Any) -> Any:
    """Write eight numbers into a row of an array of shape (row, 8), C-contiguous float64."""

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        place = builder.shl(arguments[1], INT64(3))
        pointer = _element(context, builder, sig.args[0], arguments[0], place)
        builder.store(arguments[2], builder.bitcast(pointer, VECTOR.as_pointer()), align=8)
        return context.get_dummy_value()

    return types.void(array, types.int64, lanes), generate


@emitting
def load_narrow(typing_context: Any, array: Any, place: Any) -> Any:
    """Sixteen numbers of a float32 array from a place on."""

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        pointer = _element(context, builder, sig.args[0], arguments[0], arguments[1])
        return builder.load(builder.bitcast(pointer, NARROW.as_pointer()), align=4)

    return narrow(array, types.int64), generate


@emitting
def store_narrow(typing_context: Any, array: Any, place: Any, value: Any) -> Any:
    """Write sixteen numbers into a float32 array from a place on."""

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        pointer = _element(context, builder, sig.args[0], arguments[0], arguments[1])
        builder.store(arguments[2], builder.bitcast(pointer, NARROW.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(array, types.int64, narrow), generate


@emitting
def read_channels(typing_context: Any, table: Any, row: Any, column: Any) -> Any:
    """Take eight neighbouring numbers of a row of a C-contiguous table of any number type."""
    element = table.dtype

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        whole = context.make_array(sig.args[0])(context, builder, arguments[0])
        width = cgutils.unpack_tuple(builder, whole.shape, 2)[1]
        kind = ir.VectorType(context.get_value_type(element), LANES)
        pointer = builder.gep(whole.data, [builder.add(builder.mul(arguments[1], width), arguments[2])])
        values = builder.load(builder.bitcast(pointer, kind.as_pointer()), align=max(element.bitwidth // 8, 1))
        return _as_double(builder, element, values)

    return lanes(table, types.int64, types.int64), generate


@emitting
def gather(typing_context: Any, array: Any, rows: Any) -> Any:
    """Of an array of shape (row, 8) each lane's number in a row of its own; the rows are whole numbers as float64."""

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        whole = builder.fptosi(arguments[1], ir.VectorType(INT32, LANES))
        result = ir.Constant(VECTOR, ir.Undefined)
        # One by one: instructions that gather are slow on processors whose leaks were mended.
        for lane in range(LANES):
            row = builder.sext(builder.extract_element(whole, INT32(lane)), INT64)
            place = builder.add(builder.shl(row, INT64(3)), INT64(lane))
            value = builder.load(_element(context, builder, sig.args[0], arguments[0], place))
            result = builder.insert_element(result, value, INT32(lane))
        return result

    return lanes(array, lanes), generate


@emitting
def gather_pair(typing_context: Any, array: Any, rows: Any) -> Any:
    """As :func:`gather`, of a row and the next."""

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        whole = builder.fptosi(arguments[1], ir.VectorType(INT32, LANES))
        pair = [ir.Constant(VECTOR, ir.Undefined)] * 2
        for lane in range(LANES):
            row = builder.sext(builder.extract_element(whole, INT32(lane)), INT64)
            place = builder.add(builder.shl(row, INT64(3)), INT64(lane))
            first = _element(context, builder, sig.args[0], arguments[0], place)
            for index, pointer in enumerate((first, builder.gep(first, [INT64(LANES)]))):
                pair[index] = builder.insert_element(pair[index], builder.load(pointer), INT32(lane))
        return cgutils.pack_array(builder, pair)

    return types.UniTuple(lanes, 2)(array, lanes), generate


@emitting
def read_rows(typing_context: Any, table: Any, first: Any, column: Any) -> Any:
    """Take a column of eight rows of a C-contiguous table of any number type; beyond the last row the last again."""
    element = table.dtype

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        whole = context.make_array(sig.args[0])(context, builder, arguments[0])
        height, width = cgutils.unpack_tuple(builder, whole.shape, 2)
        kind = context.get_value_type(element)
        result = ir.Constant(ir.VectorType(kind, LANES), ir.Undefined)
        last = builder.sub(height, INT64(1))
        for lane in range(LANES):
            row = builder.add(arguments[1], INT64(lane))
            row = builder.select(builder.icmp_signed("<", row, last), row, last)
            pointer = builder.gep(whole.data, [builder.add(builder.mul(row, width), arguments[2])])
            result = builder.insert_element(result, builder.load(pointer), INT32(lane))
        return _as_double(builder, element, result)

    return lanes(table, types.int64, types.int64), generate


@emitting
def write_rows(typing_context: Any, table: Any, first: Any, column: Any, value: Any) -> Any:
    """Write a column of eight rows of a C-contiguous float32 or float64 table; what lies beyond its end is dropped."""
    narrow = table.dtype is types.float32

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        whole = context.make_array(sig.args[0])(context, builder, arguments[0])
        height, width = cgutils.unpack_tuple(builder, whole.shape, 2)
        values = builder.fptrunc(arguments[3], ir.VectorType(FLOAT, LANES)) if narrow else arguments[3]
        last = builder.sub(height, INT64(1))
        # The last row is written by its own lane last of all, whatever the lanes beyond the end held before.
        for lane in reversed(range(LANES)):
            row = builder.add(arguments[1], INT64(lane))
            row = builder.select(builder.icmp_signed("<", row, last), row, last)
            pointer = builder.gep(whole.data, [builder.add(builder.mul(row, width), arguments[2])])
            builder.store(builder.extract_element(values, INT32(lane)), pointer)
        return context.get_dummy_value()

    return types.void(table, types.int64, types.int64, lanes), generate
