"""A scale bar of a round length, below an image."""

from __future__ import annotations

import math

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation

from eelsmap.plot.style import INK

__all__ = ["BELOW", "add_scale_bar", "round_length"]

BELOW = 7
"""Distance of the scale bar from the image, points."""


def round_length(longest: float) -> float:
    """Largest of 1, 2 and 5 times a power of ten that does not exceed a length.

    Parameters
    ----------
    longest
        Positive length.

    Returns
    -------
    float
        The round length.

    Raises
    ------
    ValueError
        If the length is not positive and finite.
    """
    if not (math.isfinite(longest) and longest > 0):
        raise ValueError(f"longest = {longest!r}: a scale bar needs a positive length")
    power = 10.0 ** math.floor(math.log10(longest))
    # The last candidate catches logarithms that are rounded up.
    return max((step * power for step in (5.0, 2.0, 1.0, 0.5) if step * power <= longest * (1 + 1e-9)), default=power)


def add_scale_bar(axes: Axes, width: float, unit: str) -> None:
    """Draw a scale bar below the left corner of an image.

    Parameters
    ----------
    axes
        Axes whose x data are lengths in `unit`.
    width
        Width of the image in `unit`.
    unit
        Unit of length; without one nothing is drawn, since the size of a pixel is unknown.
    """
    if not unit:
        return
    length = round_length(width / 3)
    figure = axes.get_figure(root=True)
    if figure is None:
        return
    # Length in data units, distance below the image in points: it looks the same under images of any shape.
    below = axes.get_xaxis_transform() + ScaledTranslation(0, -BELOW / 72, figure.dpi_scale_trans)
    axes.add_line(
        Line2D([0, length], [0, 0], transform=below, color=INK, linewidth=2.6, solid_capstyle="butt", clip_on=False)
    )
    axes.annotate(
        f"{length:g} {unit}", (length, 0), xycoords=axes.get_xaxis_transform(), xytext=(4, -BELOW),
        textcoords="offset points", ha="left", va="center", fontsize=7.5, color=INK, annotation_clip=False,
    )  # fmt: skip
