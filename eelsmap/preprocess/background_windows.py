"""Where the background of each edge is fitted: in its usual window unless the image's mean spectrum speaks against it.

The fine structure of one edge runs on for a hundred eV and more, into the window of the next: O K below Mn L, Mn L
below Co L, Co L below Ni L. Whether that matters is asked of the mean spectrum. A window moves only if a power law does
not describe the mean spectrum there, beyond noise and by an amount that matters, and if another window lets the
extrapolated background of one pixel be known better: structure and shot noise both weigh, and both are stretched by the
lever of the extrapolation, which is longest for short windows.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eelsmap.edges import Edge, EdgeSet
from eelsmap.preprocess.background_fit import fit_background
from eelsmap.preprocess.energy_axis import AxisCorrection
from eelsmap.preprocess.fused_likelihood import FITTED, fit_windows
from eelsmap.preprocess.fused_numba import AVAILABLE
from eelsmap.preprocess.windows import channel_positions, counts_between, running_sum

__all__ = ["BackgroundWindow", "choose_windows"]

_BIN = 1.0
_STEP = 2.0
_LEAST_BINS = 6
_SIGNIFICANT = 5.0
_MATTERS = 0.003
# Structure of neighbouring bins goes up and down together over about half a period of extended fine structure.
_CORRELATED = 5.0
_WORTH_MOVING = 0.8


class BackgroundWindow(NamedTuple):
    """Background window of one edge on the usual scale, eV; ``reason`` says why it was moved and is empty if not."""

    edge: str
    start: float
    stop: float
    reason: str = ""


class _Fit(NamedTuple):
    """How well a power law describes the mean spectrum in a window."""

    chi_square: float
    freedom: int
    structure: float
    """Relative root mean square of what noise does not explain, in bins of about 1 eV."""
    variance: float
    """Expected relative variance of the extrapolated background of one pixel."""
    from_structure: float
    """The part of it that the structure makes."""
    background: float
    """Logarithm of the background extrapolated from the mean spectrum."""


def choose_windows(
    reference: NDArray[np.float64],
    energy: NDArray[np.float64],
    axis: AxisCorrection,
    edges: EdgeSet,
    /,
    *,
    located: Collection[str],
    gain: float,
    pixels: int,
    minimum: float,
) -> tuple[BackgroundWindow, ...]:
    """Choose the background window of each edge.

    Parameters
    ----------
    reference
        Mean counts of the bright pixels, shape (channel,).
    energy
        Recorded energies, less the position of the zero-loss peak where pixels are shifted by it, shape (channel,), eV.
    axis
        The correction of the energy axis.
    edges
        The edge set.
    located
        Names of the edges that stand out in the mean spectrum; a window that moves says which of them lies below it.
    gain
        Variance of one pixel's counts divided by their mean.
    pixels
        How many pixels `reference` is the mean of.
    minimum
        Least width of a window, eV.

    Returns
    -------
    tuple of BackgroundWindow
        One an edge. The usual window begins where the axis does if that is later, and never ends later than the edge's
        own; a window that the axis leaves narrower than `minimum`, or empty, is returned as it is.
    """
    windows = []
    for index, edge in enumerate(edges):
        usual = axis.usual(index, energy)
        start, stop = max(edge.background[0], float(usual[0])), edge.background[1]
        window = BackgroundWindow(edge.name, start, stop)
        if stop - start > minimum and stop <= usual[-1]:
            below = [name for name in edges.names[:index] if name in located]
            window = _choose(window, edge, reference, usual, below, gain, pixels, minimum)
        windows.append(window)
    return tuple(windows)


def _choose(
    window: BackgroundWindow,
    edge: Edge,
    reference: NDArray[np.float64],
    usual: NDArray[np.float64],
    below: list[str],
    gain: float,
    pixels: int,
    minimum: float,
) -> BackgroundWindow:
    """Return the usual window of one edge or the better one."""
    number = int((window.stop - window.start) / max(_BIN, float(usual[1] - usual[0])))
    boundaries = np.linspace(window.start, window.stop, number + 1)
    counts = counts_between(running_sum(reference[None]), channel_positions(boundaries, usual))
    if number <= _LEAST_BINS or not (np.isfinite(counts) & (counts > 0)).all():
        return window
    target = float(np.log(edge.signal).mean())
    default = _fit(counts, boundaries, target, gain, pixels)
    excess = default.chi_square - default.freedom
    if excess <= _SIGNIFICANT * np.sqrt(2 * default.freedom) or default.structure <= _MATTERS:
        return window
    step = max(1, round(_STEP / (boundaries[1] - boundaries[0])))
    places = [(first, last) for first in range(0, number, step) for last in range(number, first + _LEAST_BINS, -step)]
    fits = _fit_all(counts, boundaries, places, target, gain, pixels)
    # One end at a time: structure comes from the edge below or from this edge itself, and there are so many windows cut
    # at both ends that one of them always looks well by chance.
    wide = [
        (first, last)
        for first, last in fits
        if (first == 0 or last == number) and boundaries[last] - boundaries[first] >= minimum - 1e-9
    ]
    variances = {
        bins: fits[bins].variance + _unsteadiness(fits, bins, step) ** 2 + _disagreement(fits[bins], default)
        for bins in wide
    }
    found = min(variances, key=variances.__getitem__, default=(0, number))
    # Compared as standard deviations: a little better is not worth a window that differs from image to image.
    if found == (0, number) or variances[found] > _WORTH_MOVING**2 * default.variance:
        return window
    start, stop = float(boundaries[found[0]]), float(boundaries[found[1]])
    errors = 100 * np.sqrt([default.variance, variances[found]])
    above = f", above {below[-1]}," if below else ""
    return BackgroundWindow(
        edge.name,
        start,
        stop,
        f"{edge.name}: the mean spectrum{above} departs by {100 * default.structure:.1f} % from a power law in "
        f"{window.start:.0f}-{window.stop:.0f} eV; background fitted in {start:.0f}-{stop:.0f} eV instead: expected "
        f"error of one pixel's background under the edge {errors[0]:.1f} -> {errors[1]:.1f} %",
    )


def _fit_all(
    counts: NDArray[np.float64],
    boundaries: NDArray[np.float64],
    places: list[tuple[int, int]],
    target: float,
    gain: float,
    pixels: int,
) -> dict[tuple[int, int], _Fit]:
    """Fit parts of one window, each from a first to a last bin (exclusive), cautiously."""
    found = np.full((len(places), FITTED), np.nan)
    if AVAILABLE and places:
        found = fit_windows(counts[0], boundaries, np.array(places), target, noise=gain / pixels)
    fits = {}
    for (first, last), numbers in zip(places, found, strict=True):
        part = counts[:, first:last], boundaries[first : last + 1]
        fits[first, last] = (
            _judged(last - first, part[1], target, gain, pixels, numbers, cautious=True)
            if np.isfinite(numbers).all()
            else _fit(*part, target, gain, pixels, cautious=True)
        )
    return fits


def _fit(
    counts: NDArray[np.float64],
    boundaries: NDArray[np.float64],
    target: float,
    gain: float,
    pixels: int,
    *,
    cautious: bool = False,
) -> _Fit:
    """Fit one window of the mean spectrum and foresee the error of one pixel's background at the edge."""
    energy, width = (boundaries[1:] + boundaries[:-1]) / 2, np.diff(boundaries)
    noise = gain / pixels
    fit = fit_background(counts, energy, width, gain=noise, method="likelihood")
    expected = (fit.density(energy) * width)[0]
    x, share = np.log(energy), expected / expected.sum()
    middle = float(share @ x)
    numbers = np.array(
        [
            ((counts[0] - expected) ** 2 / (noise * expected)).sum(), (1.0 / expected).mean(), expected.sum(), middle,
            share @ (x - middle) ** 2, np.log(fit.density(np.exp([target]))[0, 0]),
        ]
    )  # fmt: skip
    return _judged(energy.size, boundaries, target, gain, pixels, numbers, cautious=cautious)


def _judged(
    bins: int,
    boundaries: NDArray[np.float64],
    target: float,
    gain: float,
    pixels: int,
    numbers: NDArray[np.float64],
    *,
    cautious: bool,
) -> _Fit:
    """Foresee the error of one pixel's background at the edge; `numbers` as :func:`fit_windows` gives them."""
    chi_square, inverse, total, middle, spread, at_edge = (float(number) for number in numbers)
    # A power law has two parameters.
    freedom = bins - 2
    per_bin = gain / pixels * inverse / freedom
    excess = max(chi_square - freedom, 0.0)
    # A short window may hide structure in the luck of its noise, so one standard deviation of chi-square is added.
    weighed = excess + (np.sqrt(2.0 * max(chi_square, freedom)) if cautious else 0.0)
    lever = 1.0 + (target - middle) ** 2 / spread
    cells = max(1.0, float(boundaries[-1] - boundaries[0]) / _CORRELATED)
    from_structure = lever * weighed * per_bin / cells
    variance = lever * gain / total + from_structure
    return _Fit(chi_square, freedom, float(np.sqrt(excess * per_bin)), variance, from_structure, at_edge)


def _unsteadiness(fits: dict[tuple[int, int], _Fit], bins: tuple[int, int], step: int) -> float:
    """How much the extrapolated background changes, relatively, when a window is cut by up to three steps, twice over.

    A slow wave looks like a power law of another exponent in a window shorter than its period; only this betrays it.
    Twice, because in simulated waves what remained wrong was about twice what the last steps changed.
    """
    first, last = bins
    cuts = [(first + move * step, last) for move in (1, 2, 3)] + [(first, last - move * step) for move in (1, 2, 3)]
    return 2.0 * max((abs(fits[cut].background - fits[bins].background) for cut in cuts if cut in fits), default=np.inf)


def _disagreement(fit: _Fit, default: _Fit) -> float:
    """Square of the relative difference from the usual window's background beyond twice what its structure makes.

    A window that lies so far off is not the better one: its exponent is that of a wave. In simulations, windows freed
    of a bump differed by less, and windows inside a wave by more.
    """
    return max((fit.background - default.background) ** 2 - 4.0 * default.from_structure, 0.0)
