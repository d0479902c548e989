"""One small panel of the page on quality: what is drawn in it, and over which range."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Panel"]

_ENDS = (5.0, 10.0, 20.0, 50.0, 100.0)


@dataclass(frozen=True)
class Panel:
    """What is drawn into one panel.

    Parameters
    ----------
    values
        Shape of the image, NaN where there is nothing to say.
    colormap
        Of the image.
    centre
        Whether zero is in the middle of the colours.
    least
        The range of the values is drawn at least this wide, from zero, or to both sides of it.
    floor
        Whether the range begins at zero.
    lost
        Pixels that have an answer, but none from the edge of this panel; shape of the image.
    note
        Below the panel.
    unit
        Behind a single number.
    threshold
        A value that is marked.
    scale
        Range on which a single number is shown, over powers of ten if it begins above zero; none where None.
    """

    values: NDArray[np.floating]
    colormap: str = "cividis"
    centre: bool = False
    least: float = 0.0
    floor: bool = True
    lost: NDArray[np.bool_] | None = None
    note: str = ""
    unit: str = ""
    threshold: float | None = None
    scale: tuple[float, float] | None = None

    @property
    def limits(self) -> tuple[float, float]:
        """Range of the colours and profiles, without the most extreme hundredth of the values."""
        some = self.values[np.isfinite(self.values)]
        if not some.size:
            return (-1.0, 1.0) if self.centre else (0.0, 1.0)
        low, high = (float(value) for value in np.percentile(some, [1, 99]))
        if self.centre:
            most = max(abs(low), abs(high), self.least)
            most = next((end for end in _ENDS if most <= end), most)
            return -most, most
        if self.floor:
            return min(0.0, low), max(high, self.least) or 1.0
        return (low, high) if high > low else (low - 0.5, high + 0.5)
