"""Exponential, logarithm and arc tangent of eight numbers at once, each right to about its last digit.

The ways are the usual ones: the exponential by powers of two and a Taylor series, the logarithm as in FreeBSD's msun
(Tang, ACM TOMS 16 (1990) 378), the arc tangent as in Cephes (Moshier).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from eelsmap.preprocess.fused_numba import helper
from eelsmap.preprocess.lanes import absolute, multiply_add, power_of_two, split_float, spread, where

__all__ = ["arc_tangent", "exponential", "logarithm"]

_ROUND = 6755399441055744.0
_LOG2_E = 1.4426950408889634
_LN2_HIGH, _LN2_LOW = 6.93145751953125e-1, 1.42860682030941723212e-6
_LN2_UPPER, _LN2_REST = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_TAYLOR = tuple(1.0 / math.factorial(order) for order in range(12))
_LOG = (
    6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01, 2.222219843214978396e-01,
    1.818357216161805012e-01, 1.531383769920937332e-01, 1.479819860511658591e-01,
)  # fmt: skip
_ABOVE = (
    -8.750608600031904122785e-1, -1.615753718733365076637e1, -7.500855792314704667340e1, -1.228866684490136173410e2,
    -6.485021904942025371773e1,
)  # fmt: skip
_BELOW = (
    2.485846490142306297962e1, 1.650270098316988542046e2, 4.328810604912902668951e2, 4.853903996359136964868e2,
    1.945506571482613964425e2,
)  # fmt: skip
_STEEP, _FLAT = 2.41421356237309504880, 0.66
_PI_2_REST = 6.123233995736765886130e-17


@helper
def exponential(value: Any) -> Any:
    """Exponential of numbers; beyond 700 either way that of 700."""
    value = where(value > 700.0, spread(700.0), value)
    value = where(value < -700.0, spread(-700.0), value)
    twos = (value * _LOG2_E + _ROUND) - _ROUND
    rest = (value - twos * _LN2_HIGH) - twos * _LN2_LOW
    series = multiply_add(rest, spread(_TAYLOR[11]), spread(_TAYLOR[10]))
    series = multiply_add(rest, series, spread(_TAYLOR[9]))
    series = multiply_add(rest, series, spread(_TAYLOR[8]))
    series = multiply_add(rest, series, spread(_TAYLOR[7]))
    series = multiply_add(rest, series, spread(_TAYLOR[6]))
    series = multiply_add(rest, series, spread(_TAYLOR[5]))
    series = multiply_add(rest, series, spread(_TAYLOR[4]))
    series = multiply_add(rest, series, spread(_TAYLOR[3]))
    series = multiply_add(rest, series, spread(_TAYLOR[2]))
    series = multiply_add(rest, series, spread(1.0))
    series = multiply_add(rest, series, spread(1.0))
    return series * power_of_two(twos)


@helper
def logarithm(value: Any) -> Any:
    """Natural logarithm of positive normal numbers."""
    exponent, fraction = split_float(value)
    large = fraction > 1.4142135623730951
    fraction = where(large, fraction * 0.5, fraction)
    exponent = where(large, exponent + 1.0, exponent)
    f = fraction - 1.0
    s = f / (f + 2.0)
    z = s * s
    series = multiply_add(z, spread(_LOG[6]), spread(_LOG[5]))
    series = multiply_add(z, series, spread(_LOG[4]))
    series = multiply_add(z, series, spread(_LOG[3]))
    series = multiply_add(z, series, spread(_LOG[2]))
    series = multiply_add(z, series, spread(_LOG[1]))
    series = multiply_add(z, series, spread(_LOG[0])) * z
    half = f * f * 0.5
    return exponent * _LN2_UPPER - ((half - (s * (half + series) + exponent * _LN2_REST)) - f)


@helper
def arc_tangent(value: Any) -> Any:
    """Arc tangent."""
    size = absolute(value)
    steep = size > _STEEP
    middle = (size > _FLAT) & ~steep
    above = where(steep, spread(-1.0), where(middle, size - 1.0, size))
    x = above / where(steep, size, where(middle, size + 1.0, spread(1.0)))
    start = where(steep, spread(np.pi / 2), where(middle, spread(np.pi / 4), spread(0.0)))
    more = where(steep, spread(_PI_2_REST), where(middle, spread(0.5 * _PI_2_REST), spread(0.0)))
    z = x * x
    above = multiply_add(z, spread(_ABOVE[0]), spread(_ABOVE[1]))
    above = multiply_add(z, above, spread(_ABOVE[2]))
    above = multiply_add(z, above, spread(_ABOVE[3]))
    above = multiply_add(z, above, spread(_ABOVE[4])) * z
    below = z + _BELOW[0]
    below = multiply_add(z, below, spread(_BELOW[1]))
    below = multiply_add(z, below, spread(_BELOW[2]))
    below = multiply_add(z, below, spread(_BELOW[3]))
    below = multiply_add(z, below, spread(_BELOW[4]))
    angle = start + (multiply_add(x, above / below, x) + more)
    return where(value < 0.0, 0.0 - angle, angle)
