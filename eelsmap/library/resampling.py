"""Spectra of others on the library's grids: checked, placed, in units of the edge step, continued at the ends.

The shipped library is the reference for all of it. *Placement*: one constant for each edge of an import, never one a
record, because energy differences between records are information. *Scale*: each spectrum is divided so that its
continuum, the part past the white lines or the main peak, has the mean height of the shipped library's there: about one
edge step. What a spectrum does not cover is continued (a foot that falls by e in 1 eV; the last level above), and the
record says from where to where it was covered.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eelsmap.edges import NMC_EDGES
from eelsmap.errors import LibraryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Spectrum = tuple["NDArray[np.float64]", "NDArray[np.float64]"]
"""Energies (eV) and intensities, (points,) each."""

FEWEST_POINTS = 16
COARSEST_STEP_EV = 2.0
SEARCH_EV = 25.0
"""How far a placement is looked for: measured axes have been 20 eV off."""
LEAST_CORRELATION = 0.7
"""Correlation with the shipped mean below which an edge is not recognised and not placed."""
SMOOTHING_EV = 1.5
"""Gaussian full width at half maximum at which two means are compared: the finest structure must not decide."""
TAIL_EV = 2.0
FOOT_EV = 1.0
FEWEST_CONTINUUM = 10
"""Grid points of continuum that a scale needs: 1 eV."""
LARGEST_NEGATIVE = 0.1
"""Negative area over positive area from which on a spectrum is refused: its background was taken wrongly."""
SCALES = ("continuum", "area")


class Reference(NamedTuple):
    """Grids of the library and the mean of its structures by edge, (points,) each."""

    grids: dict[str, NDArray[np.float64]]
    mean: dict[str, NDArray[np.float64]]


class OnGrid(NamedTuple):
    """A spectrum (points,) on a library grid and the energies (eV) between which it was given."""

    values: NDArray[np.float64]
    start: float
    end: float


@cache
def shipped_reference() -> Reference:
    """Grids and means of the shipped library."""
    from eelsmap.library.store import load_library

    library = load_library("nmc")
    rows = library.kind == "structure"
    mean = {edge: np.nanmean(values[rows].astype(float), axis=0) for edge, values in library.spectra.items()}
    return Reference(library.grids, mean)


def checked(energy: Sequence[float] | NDArray, intensity: Sequence[float] | NDArray) -> Spectrum:
    """Arrays of a spectrum with rising energies.

    Raises
    ------
    LibraryError
        Not two columns of one length, too few points, values that are not finite, energies that repeat or turn back.
        Rows are counted from 1.
    """
    try:
        x, y = np.asarray(energy, dtype=float), np.asarray(intensity, dtype=float)
    except (TypeError, ValueError) as error:
        raise LibraryError(f"energies and intensities must be numbers ({error})") from error
    if x.ndim != 1 or x.shape != y.shape:
        raise LibraryError(f"energies of shape {x.shape} and intensities of shape {y.shape} do not belong together")
    if x.size < FEWEST_POINTS:
        raise LibraryError(f"{x.size} points are too few; {FEWEST_POINTS} are needed")
    for name, values in (("energy", x), ("intensity", y)):
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            raise LibraryError(f"row {bad[0] + 1}, column {name}: {values[bad[0]]} is not finite")
    if (np.diff(x) < 0).all():
        x, y = x[::-1], y[::-1]
    back = np.flatnonzero(np.diff(x) <= 0)
    if back.size:
        row = back[0] + 2
        raise LibraryError(f"row {row}, column energy: {x[row - 1]:g} eV does not come after {x[row - 2]:g} eV")
    return x, y


def resampled(energy: NDArray, intensity: NDArray, grid: NDArray) -> NDArray[np.float64]:
    """Spectrum on a uniform grid, NaN outside its energies.

    Finer spectra are averaged over each grid interval, so that noise falls and no line is lost; coarser ones are
    interpolated.
    """
    step = grid[1] - grid[0]
    if np.median(np.diff(energy)) < step:
        area = np.concatenate([[0.0], np.cumsum(np.diff(energy) * (intensity[1:] + intensity[:-1]) / 2)])
        low, high = np.clip(grid - step / 2, energy[0], None), np.clip(grid + step / 2, None, energy[-1])
        width = np.where(high > low, high - low, np.nan)
        values = _integral(high, energy, intensity, area) - _integral(low, energy, intensity, area)
        values = values / width
    else:
        values = np.interp(grid, energy, intensity)
    return np.where((grid >= energy[0] - 1e-9) & (grid <= energy[-1] + 1e-9), values, np.nan)


def _integral(at: NDArray, energy: NDArray, intensity: NDArray, area: NDArray) -> NDArray:
    """Integral of the piecewise linear spectrum up to some energies."""
    last = np.clip(np.searchsorted(energy, at, side="right") - 1, 0, energy.size - 2)
    part = at - energy[last]
    slope = (intensity[last + 1] - intensity[last]) / (energy[last + 1] - energy[last])
    result: NDArray = area[last] + part * (intensity[last] + slope * part / 2)
    return result


def on_library_grid(spectrum: Spectrum, edge: str, *, shift: float = 0.0, scale: str = "continuum") -> OnGrid:
    """Bring a spectrum to the library's grid and unit.

    Parameters
    ----------
    spectrum
        From `checked`.
    edge
        Name of the edge.
    shift
        Added to its energies, eV.
    scale
        ``"continuum"`` or, for spectra whose continuum is lost, ``"area"`` of the near-edge window.

    Returns
    -------
    OnGrid
        In units of the edge step, not negative.

    Raises
    ------
    LibraryError
        The spectrum does not cover enough of the edge, is sampled too coarsely, has no continuum to be scaled by, or is
        largely negative.
    """
    if scale not in SCALES:
        raise LibraryError(f"scale {scale!r} is not known; there are {', '.join(SCALES)}")
    reference, window = shipped_reference(), NMC_EDGES[edge]
    grid = reference.grids[edge]
    energy, intensity = spectrum[0] + shift, spectrum[1]
    start, end, first = float(energy[0]), float(energy[-1]), window.lines[0]
    if start > first.energy:
        raise LibraryError(f"{edge}: starts at {start:.1f} eV, above its {first.name} at {first.energy:g} eV")
    last_needed = window.minimum_end + FEWEST_CONTINUUM * (grid[1] - grid[0])
    if end < last_needed:
        raise LibraryError(f"{edge}: cut off at {end:.1f} eV; {last_needed:g} eV is the least")
    near = (energy >= window.near_edge[0]) & (energy <= window.near_edge[1])
    if near.sum() < FEWEST_POINTS:
        raise LibraryError(
            f"{edge}: {near.sum()} points between {window.near_edge[0]:g} and {window.near_edge[1]:g} eV"
        )
    coarsest = float(np.diff(energy[near]).max())
    if coarsest > COARSEST_STEP_EV:
        raise LibraryError(f"{edge}: a gap of {coarsest:.2f} eV between points; {COARSEST_STEP_EV:g} eV is the most")
    values = resampled(energy, intensity, grid)
    covered = np.isfinite(values)
    positive, negative = values[covered & (values > 0)].sum(), -values[covered & (values < 0)].sum()
    if not positive > 0 or negative > LARGEST_NEGATIVE * positive:
        raise LibraryError(f"{edge}: {'all zero' if positive + negative == 0 else 'largely negative'} intensity")
    values *= _factor(values, covered, edge, reference, scale)
    values = _continued(values, covered, grid)
    return OnGrid(np.clip(values, 0.0, None), max(start, float(grid[0])), min(end, float(grid[-1])))


def _factor(values: NDArray, covered: NDArray, edge: str, reference: Reference, scale: str) -> float:
    """Factor that brings a spectrum to units of the edge step."""
    grid, window = reference.grids[edge], NMC_EDGES[edge]
    if scale == "area":
        part = covered & (grid >= window.near_edge[0]) & (grid <= window.near_edge[1])
    else:
        part = covered & (grid >= window.minimum_end)
    height, whole = float(values[part].mean()), float(values[covered].max())
    # A measured continuum that is lost in noise would scale the white lines to anything.
    if not height > 0.01 * whole:
        raise LibraryError(f"{edge}: no continuum above {window.minimum_end:g} eV to scale by; use scale 'area'")
    return float(reference.mean[edge][part].mean()) / height


def _continued(values: NDArray, covered: NDArray, grid: NDArray) -> NDArray[np.float64]:
    """Fill what lies before and after the covered part."""
    first, last = np.flatnonzero(covered)[[0, -1]]
    tail = values[covered & (grid > grid[last] - TAIL_EV)].mean()
    result = values.copy()
    result[:first] = max(values[first], 0.0) * np.exp((grid[:first] - grid[first]) / FOOT_EV)
    result[last + 1 :] = max(tail, 0.0)
    return result


def placement(spectra: Sequence[Spectrum], edge: str) -> float:
    """Constant to add to the energies of an edge so that the mean of all spectra lies as the shipped library's does.

    Parameters
    ----------
    spectra
        All spectra of one edge of one import, from `checked`.
    edge
        Name of the edge.

    Returns
    -------
    float
        eV, to 0.1: the shift of highest correlation with the shipped mean over the near-edge window, both smoothed.

    Raises
    ------
    LibraryError
        No shift within 25 eV makes the mean look like the edge.
    """
    reference, window = shipped_reference(), NMC_EDGES[edge]
    grid = reference.grids[edge]
    step = grid[1] - grid[0]
    wide = grid[0] - SEARCH_EV + step * np.arange(grid.size + round(2 * SEARCH_EV / step))
    rows = np.array([resampled(energy, intensity, wide) for energy, intensity in spectra])
    rows /= np.maximum(np.nansum(np.abs(rows), axis=1, keepdims=True), np.finfo(float).tiny)
    seen = np.isfinite(rows).sum(axis=0) > len(rows) / 2
    total = np.where(np.isfinite(rows), rows, 0.0).sum(axis=0) / np.maximum(np.isfinite(rows).sum(axis=0), 1)
    total = _smoothed(total, seen, step)
    target = _smoothed(reference.mean[edge], np.ones(grid.size, bool), step)
    near = (grid >= window.near_edge[0]) & (grid <= window.near_edge[1])
    strongest = int(total.argmax())
    best, best_shift = 0.0, 0.0
    count = round(SEARCH_EV / step)
    for index in range(-count, count + 1):
        part = slice(count - index, count - index + grid.size)
        use = near & seen[part]
        # Where the strongest line falls outside the window, noise may be taken for an edge.
        inside = part.start <= strongest < part.stop and near[strongest - part.start]
        if inside and use.sum() >= 0.6 * near.sum():
            correlation = _correlation(total[part][use], target[use])
            if correlation > best:
                best, best_shift = correlation, index * step
    if best < LEAST_CORRELATION or abs(best_shift) > SEARCH_EV - step / 2:
        raise LibraryError(
            f"{edge}: nothing like it within {SEARCH_EV:g} eV of the usual energies (correlation {best:.2f}); "
            "give a shift for this edge, or leave it out"
        )
    return round(float(best_shift), 3)


def _correlation(one: NDArray, other: NDArray) -> float:
    """Pearson correlation; 0 where one of both is constant."""
    one, other = one - one.mean(), other - other.mean()
    scale = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum()) / scale if scale > 0 else 0.0


def _smoothed(values: NDArray, seen: NDArray, step: float) -> NDArray:
    """Gaussian mean over what is seen."""
    sigma = SMOOTHING_EV / np.sqrt(8 * np.log(2)) / step
    axis = np.arange(-round(4 * sigma), round(4 * sigma) + 1)
    kernel = np.exp(-0.5 * (axis / sigma) ** 2)
    weight = np.convolve(seen.astype(float), kernel, mode="same")
    result: NDArray = np.convolve(np.where(seen, values, 0.0), kernel, mode="same") / np.maximum(weight, 1e-12)
    return result
