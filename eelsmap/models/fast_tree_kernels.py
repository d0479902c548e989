"""Kernels of :mod:`eelsmap.models.fast_trees`: all nodes of a tree compared for 64 rows at once, without a branch.

Most comparisons are of nodes that a row never reaches, but 64 of them take one or two instructions, where following a
row through a tree takes a load that depends on the one before it at every level. (Comparing all nodes is the idea of
QuickScorer, Lucchese et al., SIGIR 2015, which masks leaves.) What the comparisons of a level say selects among those
of the next; what is left are the digits of the leaf's number.

The vectors are written in LLVM's own terms, of which numba makes whatever the processor has. Only a permutation of
numbers in registers has no name there: it is asked for by x86's where that is known, and is one load a row elsewhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from eelsmap.models.fast_tree_layout import LANES

__all__ = ["ADD_TREES", "RANK_VALUES", "add_trees", "rank_values"]

_INT8, _INT32, _INT64, _FLOAT = ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.FloatType()


def _array(kind: Any, dimensions: int, *, written: bool = False) -> Any:
    """Type of a contiguous array; what is only read may be read-only, as arrays from another process are."""
    return types.Array(kind, dimensions, "C", readonly=not written)


RANK_VALUES = types.void(
    _array(types.float32, 2), _array(types.int64, 1), _array(types.int64, 1), _array(types.int64, 1),
    _array(types.float32, 1), _array(types.uint8, 3, written=True),
)  # fmt: skip
ADD_TREES = types.void(
    _array(types.uint8, 3), _array(types.uint32, 3), _array(types.float32, 2), types.intp, types.float32,
    _array(types.float32, 1, written=True),
)  # fmt: skip


def _at(builder: Any, address: Any, offset: Any, kind: Any) -> Any:
    """Pointer to what lies some bytes behind an address."""
    return builder.inttoptr(builder.add(address, offset), kind.as_pointer())


def _constant(value: int, lanes: int) -> Any:
    """Vector of one whole number."""
    return ir.Constant(ir.VectorType(_INT32, lanes), [value] * lanes)


class _Tables:
    """Looks numbers up by lane, with what the processor has: permutations of vectors, or one load a lane.

    ``lanes`` floats and ``rows`` bytes are worked on at once: other widths than the processor's own compile badly.
    """

    def __init__(self, builder: Any, context: Any):
        has = context.codegen().magic_tuple()[2].split(",")
        self.builder, self.wide, self.permutes = builder, "+avx512bw" in has, "+avx2" in has
        self.lanes = 16 if self.wide else 8
        self.rows = LANES if self.wide else 32 if self.permutes else 16
        self.whole, self.floats = ir.VectorType(_INT32, self.lanes), ir.VectorType(_FLOAT, self.lanes)

    def look_up(self, address: Any, indices: list[Any], digits: list[list[Any]]) -> list[Any]:
        """Floats at an address, for groups of lanes; ``digits`` are those of each index, the highest first."""
        if not self.permutes:
            return [self._one_by_one(address, index) for index in indices]
        within = self.lanes.bit_length() - 1
        parts = 1 << max(len(digits[0]) - within, 0)
        step = 4 * self.lanes
        tables = [
            self.builder.load(_at(self.builder, address, _INT64(step * part), self.floats), align=4)
            for part in range(parts)
        ]
        return [self._permuted(tables, *group) for group in zip(indices, digits, strict=True)]

    def _one_by_one(self, address: Any, index: Any) -> Any:
        builder, result = self.builder, ir.Constant(self.floats, ir.Undefined)
        for lane in range(self.lanes):
            offset = builder.shl(builder.zext(builder.extract_element(index, _INT32(lane)), _INT64), _INT64(2))
            value = builder.load(_at(builder, address, offset, _FLOAT))
            result = builder.insert_element(result, value, _INT32(lane))
        return result

    def _permuted(self, tables: list[Any], index: Any, digits: list[Any]) -> Any:
        floats, whole = self.floats, self.whole
        if self.wide and len(tables) > 1:
            kind = ir.FunctionType(floats, [floats, whole, floats])
            both = self.builder.module.declare_intrinsic("llvm.x86.avx512.vpermi2var.ps.512", (), kind)
            values = [
                self.builder.call(both, [low, index, high]) for low, high in zip(tables[::2], tables[1::2], strict=True)
            ]
        else:
            name = "llvm.x86.avx512.permvar.sf.512" if self.wide else "llvm.x86.avx2.permps"
            one = self.builder.module.declare_intrinsic(name, (), ir.FunctionType(floats, [floats, whole]))
            values = [self.builder.call(one, [table, index]) for table in tables]
        for digit in digits:
            if len(values) == 1:
                break
            half = len(values) // 2
            values = [
                self.builder.select(digit, high, low) for low, high in zip(values[:half], values[half:], strict=True)
            ]
        return values[0]


def _short_of(tables: _Tables, block: Any, nodes: Any, node: int) -> Any:
    """How far rows fall short of a node's threshold, one byte a row: zero where they go to the right."""
    builder, rows, words = tables.builder, ir.VectorType(_INT8, tables.rows), ir.VectorType(_INT32, tables.rows // 4)
    place = builder.load(_at(builder, nodes, _INT64(8 * node), _INT32))
    least = builder.load(_at(builder, nodes, _INT64(8 * node + 4), _INT32))
    ranks = builder.load(_at(builder, block, builder.zext(place, _INT64), rows), align=tables.rows)
    first = builder.insert_element(ir.Constant(words, ir.Undefined), least, _INT32(0))
    bound = builder.bitcast(builder.shuffle_vector(first, first, _constant(0, tables.rows // 4)), rows)
    kind = ir.FunctionType(rows, [rows, rows])
    return builder.call(builder.module.declare_intrinsic(f"llvm.usub.sat.v{tables.rows}i8", (), kind), [bound, ranks])


def _digits(tables: _Tables, block: Any, nodes: Any, depth: int) -> list[Any]:
    """Digits of the number of each row's leaf, the highest first, one bit a row."""
    builder, none = tables.builder, ir.Constant(ir.VectorType(_INT8, tables.rows), [0] * tables.rows)
    digits: list[Any] = []
    for level in range(depth):
        short = [_short_of(tables, block, nodes, (1 << level) - 1 + index) for index in range(1 << level)]
        for digit in digits:
            half = len(short) // 2
            short = [builder.select(digit, right, left) for left, right in zip(short[:half], short[half:], strict=True)]
        # Only what is left of a level is asked for its bits, which is slower than to select.
        digits.append(builder.icmp_unsigned("==", short[0], none))
    return digits


def _leaf_numbers(tables: _Tables, digits: list[Any]) -> tuple[list[Any], list[list[Any]]]:
    """Make the number of the leaf of each row, int32 in groups of lanes, and its digits as one bit a lane."""
    builder, lanes, depth = tables.builder, tables.lanes, len(digits)
    rows = ir.VectorType(_INT8, tables.rows)
    none = numbers = ir.Constant(rows, [0] * tables.rows)
    for power, digit in enumerate(reversed(digits)):
        numbers = builder.or_(numbers, builder.select(digit, ir.Constant(rows, [1 << power] * tables.rows), none))
    indices, masks = [], []
    for group in range(tables.rows // lanes):
        order = ir.Constant(tables.whole, [group * lanes + lane for lane in range(lanes)])
        indices.append(builder.zext(builder.shuffle_vector(numbers, numbers, order), tables.whole))
        # Into the sign, by which vectors are blended.
        signs = [builder.shl(indices[-1], _constant(32 - depth + place, lanes)) for place in range(depth)]
        masks.append([builder.icmp_signed("<", sign, _constant(0, lanes)) for sign in signs])
    return indices, masks


def _tree(depth: int) -> Any:
    """Make what adds the leaves of one tree of a depth to the sums of 64 rows."""

    @intrinsic
    def tree(typing_context: Any, block: Any, nodes: Any, leaves: Any, sums: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            block, nodes, leaves, sums = arguments
            tables = _Tables(builder, context)
            with cgutils.for_range(builder, _INT64(LANES // tables.rows)) as loop:
                first = builder.mul(loop.index, _INT64(tables.rows))
                digits = _digits(tables, builder.add(block, first), nodes, depth)
                own = builder.add(sums, builder.shl(first, _INT64(2)))
                for group, value in enumerate(tables.look_up(leaves, *_leaf_numbers(tables, digits))):
                    place = _at(builder, own, _INT64(4 * tables.lanes * group), tables.floats)
                    builder.store(builder.fadd(builder.load(place, align=4), value), place, align=4)
            return context.get_dummy_value()

        return types.void(types.intp, types.intp, types.intp, types.intp), generate

    return tree


def _rank(levels: int) -> Any:
    """Make what ranks 64 values among 2 ** levels - 1 thresholds, and writes a missing one as least and as greatest."""

    @intrinsic
    def rank(typing_context: Any, values: Any, thresholds: Any, block: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            values, thresholds, block = arguments
            tables = _Tables(builder, context)
            lanes = tables.lanes
            groups = range(LANES // lanes)
            value = [builder.load(_at(builder, values, _INT64(4 * lanes * g), tables.floats), align=4) for g in groups]
            index = [_constant(0, lanes) for _ in groups]
            masks: list[list[Any]] = [[] for _ in groups]
            for level in range(levels):
                bound = tables.look_up(builder.add(thresholds, _INT64(4 * ((1 << level) - 1))), index, masks)
                for group in groups:
                    reached = builder.fcmp_ordered(">=", value[group], bound[group])
                    masks[group].append(reached)
                    twice = builder.shl(index[group], _constant(1, lanes))
                    index[group] = builder.or_(twice, builder.zext(reached, tables.whole))
            for group in groups:
                missing = builder.fcmp_unordered("uno", value[group], value[group])
                greatest = builder.select(missing, _constant(255, lanes), index[group])
                for column, ranks in enumerate((index[group], greatest)):
                    rows = builder.trunc(ranks, ir.VectorType(_INT8, lanes))
                    place = _at(builder, block, _INT64(LANES * column + lanes * group), rows.type)
                    builder.store(rows, place, align=lanes)
            return context.get_dummy_value()

        return types.void(types.intp, types.intp, types.intp), generate

    return rank


_tree_4, _tree_5, _tree_6 = _tree(4), _tree(5), _tree(6)
_rank_5, _rank_7, _rank_8 = _rank(5), _rank(7), _rank(8)


def add_trees(blocks, node, leaf, depth, base, result):  # type: ignore[no-untyped-def]  # numba
    """Sum the leaves of one booster in the order of its trees, as XGBoost does.

    ``blocks`` (block, column, 64) from :func:`rank_values`; ``node`` (tree, node, 2), ``leaf`` (tree, leaf), ``depth``
    and ``base`` as in :class:`eelsmap.models.fast_tree_layout.PaddedTrees`; ``result`` (n,) is written.
    """
    sums = np.empty(LANES, dtype=np.float32)
    rows = result.shape[0]
    nodes, leaves, out = node.ctypes.data, leaf.ctypes.data, sums.ctypes.data
    node_bytes, leaf_bytes = node.strides[0], leaf.strides[0]
    for number in range((rows + LANES - 1) // LANES):
        block = blocks.ctypes.data + number * blocks.strides[0]
        sums[:] = base
        for tree in range(node.shape[0]):
            if depth == 4:
                _tree_4(block, nodes + tree * node_bytes, leaves + tree * leaf_bytes, out)
            elif depth == 5:
                _tree_5(block, nodes + tree * node_bytes, leaves + tree * leaf_bytes, out)
            else:
                _tree_6(block, nodes + tree * node_bytes, leaves + tree * leaf_bytes, out)
        first = number * LANES
        for row in range(min(LANES, rows - first)):
            result[first + row] = sums[row]


def rank_values(matrix, feature, levels, first, threshold, blocks):  # type: ignore[no-untyped-def]  # numba
    """Write how many thresholds each value reaches, as bytes.

    ``matrix`` (n, feature) float32; the rest as in :class:`eelsmap.models.fast_tree_layout.Ranks`; ``blocks``
    (block, column, 64) uint8 is written.
    """
    values = np.zeros(LANES, dtype=np.float32)
    rows = matrix.shape[0]
    for number in range((rows + LANES - 1) // LANES):
        begin = number * LANES
        for part in range(feature.shape[0]):
            at = feature[part]
            for row in range(min(LANES, rows - begin)):
                values[row] = matrix[begin + row, at]
            source, table = values.ctypes.data, threshold.ctypes.data + 4 * first[part]
            block = blocks.ctypes.data + number * blocks.strides[0] + 2 * part * LANES
            if levels[part] == 5:
                _rank_5(source, table, block)
            elif levels[part] == 7:
                _rank_7(source, table, block)
            else:
                _rank_8(source, table, block)
