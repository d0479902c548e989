"""Eight numbers side by side to and from arrays, for kernels; see :mod:`eelsmap.preprocess.lanes`."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from eelsmap.preprocess.lane_types import FLOAT, INT32, INT64, LANES, VECTOR, lanes, spread_out

__all__ = [
    "add_square", "add_taps", "as_double", "element_pointer", "emitting", "gather", "gather_pair", "load", "read_rows",
    "store", "write_rows", "write_square",
]  # fmt: skip


def emitting(function: Any) -> Any:
    """Make a function of kernels from one that says its type and emits its code."""
    return intrinsic(function)


def as_double(builder: Any, element: Any, values: Any) -> Any:
    """Eight numbers of any type as float64."""
    if isinstance(element, types.Float):
        return values if element is types.float64 else builder.fpext(values, VECTOR)
    return (builder.sitofp if element.signed else builder.uitofp)(values, VECTOR)


def _transposed(builder: Any, rows: list[Any]) -> list[Any]:
    """Columns of eight vectors of eight."""
    low, high = (
        ir.Constant(ir.VectorType(INT32, LANES), [half + lane // 2 + LANES * (lane % 2) for lane in range(LANES)])
        for half in (0, LANES // 2)
    )
    # Three times every vector is laced with the one four places further.
    for _ in range(3):
        rows = [
            builder.shuffle_vector(rows[place], rows[place + LANES // 2], order)
            for place in range(LANES // 2)
            for order in (low, high)
        ]
    return rows


def _rows_of_eight(context: Any, builder: Any, kind: Any, table: Any, first: Any, column: Any) -> list[Any]:
    """Pointers to a column in eight rows of a C-contiguous table; beyond the last row to the last."""
    whole = context.make_array(kind)(context, builder, table)
    height, width = cgutils.unpack_tuple(builder, whole.shape, 2)
    last = builder.sub(height, INT64(1))
    rows = [builder.add(first, INT64(lane)) for lane in range(LANES)]
    rows = [builder.select(builder.icmp_signed("<", row, last), row, last) for row in rows]
    return [builder.gep(whole.data, [builder.add(builder.mul(row, width), column)]) for row in rows]


def element_pointer(context: Any, builder: Any, kind: Any, array: Any, place: Any) -> Any:
    """Pointer to an element of a contiguous array by its number in memory."""
    return builder.gep(context.make_array(kind)(context, builder, array).data, [place])


@emitting
def load(typing_context: Any, array: Any, row: Any) -> Any:
    """Eight numbers in a row of an array of shape (row, 8), C-contiguous float64."""

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        place = builder.shl(arguments[1], INT64(3))
        pointer = element_pointer(context, builder, sig.args[0], arguments[0], place)
        return builder.load(builder.bitcast(pointer, VECTOR.as_pointer()), align=8)

    return lanes(array, types.int64), generate


@emitting
def store(typing_context: Any, array: Any, row: Any, value: Any) -> Any:
    """Write eight numbers into a row of an array of shape (row, 8), C-contiguous float64."""

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        place = builder.shl(arguments[1], INT64(3))
        pointer = element_pointer(context, builder, sig.args[0], arguments[0], place)
        builder.store(arguments[2], builder.bitcast(pointer, VECTOR.as_pointer()), align=8)
        return context.get_dummy_value()

    return types.void(array, types.int64, lanes), generate


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
            value = builder.load(element_pointer(context, builder, sig.args[0], arguments[0], place))
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
            first = element_pointer(context, builder, sig.args[0], arguments[0], place)
            for index, pointer in enumerate((first, builder.gep(first, [INT64(LANES)]))):
                pair[index] = builder.insert_element(pair[index], builder.load(pointer), INT32(lane))
        return cgutils.pack_array(builder, pair)

    return types.UniTuple(lanes, 2)(array, lanes), generate


@emitting
def read_rows(typing_context: Any, table: Any, first: Any, column: Any) -> Any:
    """Take a column of eight rows of a C-contiguous table of any number type; beyond the last row the last again."""
    element = table.dtype

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        result = ir.Constant(ir.VectorType(context.get_value_type(element), LANES), ir.Undefined)
        for lane, pointer in enumerate(_rows_of_eight(context, builder, sig.args[0], *arguments)):
            result = builder.insert_element(result, builder.load(pointer), INT32(lane))
        return as_double(builder, element, result)

    return lanes(table, types.int64, types.int64), generate


@emitting
def add_square(typing_context: Any, table: Any, first: Any, column: Any, array: Any, row: Any, total: Any) -> Any:
    """Add eight neighbouring columns of :func:`read_rows` to a total; each sum goes into a row of an array (row, 8)."""
    element = table.dtype

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        *place, array, row, total = arguments
        kind = ir.VectorType(context.get_value_type(element), LANES)
        rows = [
            builder.load(builder.bitcast(pointer, kind.as_pointer()), align=max(element.bitwidth // 8, 1))
            for pointer in _rows_of_eight(context, builder, sig.args[0], *place)
        ]
        own, result = None, total
        for offset, one in enumerate(_transposed(builder, rows)):
            # Sums of their own first, or every column would wait for the one before it.
            values = as_double(builder, element, one)
            own = values if own is None else builder.fadd(own, values)
            result = builder.fadd(total, own)
            at = builder.shl(builder.add(row, INT64(offset)), INT64(3))
            pointer = element_pointer(context, builder, sig.args[3], array, at)
            builder.store(result, builder.bitcast(pointer, VECTOR.as_pointer()), align=8)
        return result

    return lanes(table, types.int64, types.int64, array, types.int64, lanes), generate


@emitting
def add_taps(typing_context: Any, array: Any, row: Any, step: Any, tap: Any, weight: Any, sums: Any) -> Any:
    """Add one tap of a symmetric filter to four sums.

    They are of rows that lie `step` apart in an array (row, 8); what lies `tap` rows before and behind each is added
    up, times the weight.
    """

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        array, row, step, tap, weight, sums = arguments
        kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
        fused = builder.module.declare_intrinsic("llvm.fmuladd.v8f64", (), kind)
        weights, result = spread_out(builder, weight), []
        for one in cgutils.unpack_tuple(builder, sums, 4):
            both = []
            for at in (builder.sub(row, tap), builder.add(row, tap)):
                pointer = element_pointer(context, builder, sig.args[0], array, builder.shl(at, INT64(3)))
                both.append(builder.load(builder.bitcast(pointer, VECTOR.as_pointer()), align=8))
            result.append(builder.call(fused, [builder.fadd(*both), weights, one]))
            row = builder.add(row, step)
        return cgutils.pack_array(builder, result)

    four = types.UniTuple(lanes, 4)
    return four(array, types.int64, types.int64, types.int64, types.float64, four), generate


@emitting
def write_rows(typing_context: Any, table: Any, first: Any, column: Any, value: Any) -> Any:
    """Write a column of eight rows of a C-contiguous float32 or float64 table; what lies beyond its end is dropped."""
    single = table.dtype is types.float32

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        *place, value = arguments
        values = builder.fptrunc(value, ir.VectorType(FLOAT, LANES)) if single else value
        pointers = _rows_of_eight(context, builder, sig.args[0], *place)
        # The last row is written by its own lane last of all, whatever the lanes beyond the end held before.
        for lane in reversed(range(LANES)):
            builder.store(builder.extract_element(values, INT32(lane)), pointers[lane])
        return context.get_dummy_value()

    return types.void(table, types.int64, types.int64, lanes), generate


@emitting
def write_square(typing_context: Any, table: Any, first: Any, column: Any, array: Any, row: Any) -> Any:
    """As :func:`write_rows` into a float32 table, eight neighbouring columns from eight rows of an array (row, 8)."""

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        *place, array, row = arguments
        half = ir.VectorType(FLOAT, LANES)
        values = []
        for offset in range(LANES):
            at = builder.shl(builder.add(row, INT64(offset)), INT64(3))
            pointer = element_pointer(context, builder, sig.args[3], array, at)
            values.append(builder.fptrunc(builder.load(builder.bitcast(pointer, VECTOR.as_pointer()), align=8), half))
        pointers = _rows_of_eight(context, builder, sig.args[0], *place)
        for lane, value in reversed(list(enumerate(_transposed(builder, values)))):
            builder.store(value, builder.bitcast(pointers[lane], half.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(table, types.int64, types.int64, array, types.int64), generate
