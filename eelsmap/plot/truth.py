"""Maps beside the truth of a phantom: what was there, what was predicted, how far off it is, and how often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from eelsmap.mapping.map_names import LOWER, UPPER, map_info
from eelsmap.plot.gaps import draw_gaps, gap_legend, no_answer
from eelsmap.plot.images import add_colour_bar
from eelsmap.plot.scale_bar import add_scale_bar
from eelsmap.plot.style import INK, LINE, MUTED, ROWS, footer_text, new_figure, quiet_axes
from eelsmap.properties import PROPERTIES

if TYPE_CHECKING:
    from eelsmap.mapping.property_maps import PropertyMaps

__all__ = ["compare", "plot_truth"]

_COLUMNS = ("truth", "predicted", "predicted − truth", "pixel by pixel")
_PRESENT = 0.5
"""A defect counts as present where at least this fraction of the probed volume has it."""


def plot_truth(
    maps: PropertyMaps,
    truth: Mapping[str, NDArray[np.floating]],
    /,
    names: Sequence[str] | None = None,
    *,
    title: str = "",
) -> Figure:
    """Draw truth, prediction and error of each property side by side, with a scatter plot and its figures of merit.

    Parameters
    ----------
    maps
        The maps; lazy ones are computed.
    truth
        Name to values of the shape of the maps. A probability such as ``vacancy_probability`` is compared with the
        truth of that name or with ``vacancy_fraction``.
    names
        Properties to draw; by default all that have a truth.
    title
        Title of the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Needs no screen.

    Raises
    ------
    ValueError
        If no property has a truth, if a shape does not fit, or if the maps are no images.
    """
    if len(maps.shape) != 2:
        raise ValueError(f"truth is drawn for images; these maps have {len(maps.shape)} axes")
    known = {
        name: key
        for name in maps.properties
        for key in (name.replace("_probability", "_fraction"), name)
        if key in truth
    }
    shown = [name for name in (known if names is None else names) if name in known]
    if not shown:
        raise ValueError(f"no property has a truth; maps: {', '.join(maps.properties)}; truth: {', '.join(truth)}")
    for name in shown:
        if np.shape(truth[known[name]]) != maps.shape:
            raise ValueError(f"{name}: truth has shape {np.shape(truth[known[name]])}, the maps {maps.shape}")
    maps.compute(progress=False)
    y, x = maps.axes
    aspect = (y["size"] * abs(y["scale"])) / (x["size"] * abs(x["scale"]))
    row = float(np.clip(1.75 * aspect, 1.3, 3.0)) + 0.45
    figure, body = new_figure(
        10.6, row * len(shown) + 0.2, footer_text(maps.provenance), gap_legend(maps, shown), title
    )
    panels = body.subplots(len(shown), 4, squeeze=False)
    for number, (line, name) in enumerate(zip(panels, shown, strict=True)):
        _draw_row(line, maps, name, np.asarray(truth[known[name]], dtype=np.float64))
        if number == 0:
            for axes, heading in zip(line, _COLUMNS, strict=True):
                axes.set_title(heading, fontsize=9, color=MUTED, pad=6)
    return figure


def compare(
    predicted: NDArray[np.floating],
    truth: NDArray[np.floating],
    interval: tuple[NDArray[np.floating], NDArray[np.floating]] | None = None,
    *,
    probability: bool = False,
) -> dict[str, float]:
    """Figures of merit over the pixels that have both a prediction and a truth.

    Parameters
    ----------
    predicted, truth
        Same shape.
    interval
        Lower and upper limits, same shape.
    probability
        Whether the prediction is the probability that at least half of the probed volume has a defect, and the
        truth the fraction that has it.

    Returns
    -------
    dict
        ``pixels``; for numbers ``rmse``, ``bias``, ``correlation`` (NaN if the truth is constant) and, with an
        interval, ``coverage`` (fraction of truths inside); for probabilities ``brier`` and ``auroc`` (NaN if the
        defect is everywhere or nowhere).
    """
    both = np.isfinite(predicted) & np.isfinite(truth)
    p, t = predicted[both].astype(np.float64), truth[both].astype(np.float64)
    result: dict[str, float] = {"pixels": int(both.sum())}
    if probability:
        present = t >= _PRESENT
        result["brier"] = float(np.mean((p - present) ** 2)) if p.size else np.nan
        result["auroc"] = _auroc(p, present)
        return result
    error = p - t
    result["rmse"] = float(np.sqrt(np.mean(error**2))) if p.size else np.nan
    result["bias"] = float(error.mean()) if p.size else np.nan
    varies = p.size > 2 and np.ptp(p) > 0 and np.ptp(t) > 0
    result["correlation"] = float(np.corrcoef(p, t)[0, 1]) if varies else np.nan
    if interval is not None:
        low, high = interval[0][both], interval[1][both]
        result["coverage"] = float(np.mean((low <= t) & (t <= high))) if p.size else np.nan
    return result


def _auroc(score: NDArray[np.float64], present: NDArray[np.bool_]) -> float:
    """Area under the receiver operating characteristic by ranks; ties count half."""
    from scipy.stats import rankdata

    positives = int(present.sum())
    negatives = present.size - positives
    if not positives or not negatives:
        return float("nan")
    ranks = float(rankdata(score)[present].sum())
    return (ranks - positives * (positives + 1) / 2) / (positives * negatives)


def _draw_row(line: NDArray[Any], maps: PropertyMaps, name: str, truth: NDArray[np.float64]) -> None:
    """Draw the four panels of one property."""
    info = map_info(name)
    predicted = maps.array(name).astype(np.float64)
    y, x = maps.axes
    dx, dy = abs(x["scale"]), abs(y["scale"])
    extent = (0, x["size"] * dx, y["size"] * dy, 0)
    low, high = info.limits or (float(np.nanmin(truth)), float(np.nanmax(truth)))
    # Errors as large as half the range are far off; a wider scale would hide the others.
    largest = (high - low) / 2
    for axes, values, colormap, limits in (
        (line[0], truth, info.colormap, (low, high)),
        (line[1], predicted, info.colormap, (low, high)),
        (line[2], predicted - truth, "RdBu_r", (-largest, largest)),
    ):
        image = axes.imshow(
            values, cmap=colormap, vmin=limits[0], vmax=limits[1], interpolation="nearest", extent=extent
        )
        axes.set(xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set(color=LINE, linewidth=0.6)
        if axes is not line[0]:
            add_colour_bar(axes, image, "", ticks=5)
            draw_gaps(axes, *no_answer(maps, name), dx, dy)
    outside = ~np.isfinite(truth)
    draw_gaps(line[0], outside, np.zeros_like(outside), dx, dy)
    add_scale_bar(line[0], x["size"] * dx, x["units"])
    line[0].set_ylabel(f"{info.label}\n({info.unit})" if info.unit else info.label, fontsize=8.5, color=INK)
    interval = None
    if {name + LOWER, name + UPPER} <= set(maps):
        interval = (maps.array(name + LOWER), maps.array(name + UPPER))
    probability = name in PROPERTIES and PROPERTIES[name].probability
    _scatter(line[3], predicted, truth, interval, (low, high), probability)


def _scatter(
    axes: Axes,
    predicted: NDArray[np.float64],
    truth: NDArray[np.float64],
    interval: tuple[NDArray[Any], NDArray[Any]] | None,
    limits: tuple[float, float],
    probability: bool,
) -> None:
    """Draw prediction over truth, and write the figures of merit beside it."""
    both = np.isfinite(predicted) & np.isfinite(truth)
    axes.plot(limits, limits, color=MUTED, linewidth=0.8, zorder=0)
    opacity = float(np.clip(60 / np.sqrt(max(1, both.sum())) / 6, 0.08, 0.8))
    axes.plot(
        truth[both], predicted[both], linestyle="none", marker="o", markersize=2.2, markeredgewidth=0, alpha=opacity,
        color=ROWS[0], rasterized=True,
    )  # fmt: skip
    pad = 0.04 * (limits[1] - limits[0])
    span = (limits[0] - pad, limits[1] + pad)
    axes.set(xlim=span, ylim=span, box_aspect=1)
    axes.set_xlabel("truth (fraction)" if probability else "truth", fontsize=7.5, color=MUTED, labelpad=1)
    axes.set_ylabel("predicted", fontsize=7.5, color=MUTED, labelpad=1)
    quiet_axes(axes)
    merit = compare(predicted, truth, interval, probability=probability)
    words = {
        "rmse": "RMSE",
        "bias": "bias",
        "correlation": "r",
        "coverage": "coverage",
        "brier": "Brier",
        "auroc": "AUROC",
    }
    text = [
        f"{words[key]} {100 * value:.0f} %" if key == "coverage" else f"{words[key]} {round(value, 2) + 0.0:.2f}"
        for key, value in merit.items()
        if key in words and np.isfinite(value)
    ]
    text.append(f"n {merit['pixels']:.0f}")
    axes.annotate(
        "\n".join(text), (1, 1), xycoords="axes fraction", xytext=(6, 0), textcoords="offset points", va="top",
        fontsize=7.5, color=INK, linespacing=1.35,
    )  # fmt: skip
