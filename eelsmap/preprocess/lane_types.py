"""The types behind :mod:`eelsmap.preprocess.lanes`, and what operators mean for them, in LLVM's terms."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import lower_builtin, models, register_model

__all__ = [
    "DOUBLE", "FLOAT", "INT32", "INT64", "LANES", "MASK", "NARROW", "VECTOR", "WHOLE", "lanes", "mask", "narrow",
    "spread_out",
]  # fmt: skip

LANES = 8

DOUBLE, FLOAT, _BIT, INT32, INT64 = ir.DoubleType(), ir.FloatType(), ir.IntType(1), ir.IntType(32), ir.IntType(64)
VECTOR, MASK, WHOLE = (ir.VectorType(kind, LANES) for kind in (DOUBLE, _BIT, INT64))
NARROW = ir.VectorType(FLOAT, 2 * LANES)


class _Lanes(types.Type):
    """Eight float64."""

    def __init__(self) -> None:
        super().__init__(name="eelsmap.Lanes")


class _Mask(types.Type):
    """Eight truth values."""

    def __init__(self) -> None:
        super().__init__(name="eelsmap.LanesMask")


class _Narrow(types.Type):
    """Sixteen float32."""

    def __init__(self) -> None:
        super().__init__(name="eelsmap.NarrowLanes")


lanes, mask, narrow = _Lanes(), _Mask(), _Narrow()


@register_model(_Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, VECTOR)


@register_model(_Mask)
class _MaskModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, MASK)


@register_model(_Narrow)
class _NarrowModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, NARROW)


def spread_out(builder: Any, value: Any, number: int = 0) -> Any:
    """Vector of one number: eight of float64, sixteen of float32, or as many as one says."""
    number = number or (LANES if value.type == DOUBLE else 2 * LANES)
    first = builder.insert_element(ir.Constant(ir.VectorType(value.type, number), ir.Undefined), value, INT32(0))
    return builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(INT32, number), [0] * number))


def _register(function: Any, vector: Any, number: Any, result: Any, make: Callable[[Any, Any, Any], Any]) -> None:
    """Give an operator a meaning for lanes, and for lanes and a number."""
    both = (vector, vector), (vector, number), (number, vector)

    class Template(ConcreteTemplate):
        cases = [signature(result, *pair) for pair in both]  # noqa: RUF012 - numba reads it

    infer_global(function)(Template)
    for pair in both:

        def lower(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
            left, right = (
                value if kind is vector else spread_out(builder, value)
                for kind, value in zip(sig.args, arguments, strict=True)
            )
            return make(builder, left, right)

        lower_builtin(function, *pair)(lower)


def _emit(name: str) -> Callable[[Any, Any, Any], Any]:
    """Emit an arithmetic instruction."""
    return lambda builder, left, right: getattr(builder, name)(left, right)


def _compare(name: str) -> Callable[[Any, Any, Any], Any]:
    """Emit a comparison, which NaN never passes."""
    return lambda builder, left, right: builder.fcmp_ordered(name, left, right)


for _function, _name in ((operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul"),
                         (operator.truediv, "fdiv")):  # fmt: skip
    _register(_function, lanes, types.float64, lanes, _emit(_name))
for _function, _name in ((operator.lt, "<"), (operator.le, "<="), (operator.gt, ">"), (operator.ge, ">="),
                         (operator.eq, "==")):  # fmt: skip
    _register(_function, lanes, types.float64, mask, _compare(_name))


class _OfMasks(ConcreteTemplate):
    cases = [signature(mask, mask, mask)]  # noqa: RUF012 - numba reads it


class _OfMask(ConcreteTemplate):
    cases = [signature(mask, mask)]  # noqa: RUF012 - numba reads it


def _combine(name: str) -> Callable[..., Any]:
    """Emit an instruction on masks."""
    return lambda context, builder, sig, arguments: getattr(builder, name)(*arguments)


for _function, _name in ((operator.and_, "and_"), (operator.or_, "or_")):
    infer_global(_function)(_OfMasks)
    lower_builtin(_function, mask, mask)(_combine(_name))
infer_global(operator.invert)(_OfMask)
lower_builtin(operator.invert, mask)(_combine("not_"))
