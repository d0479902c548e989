"""Decide once for a whole image how it is treated: detector, axis, drift, noise, background windows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eelsmap.preprocess.background_combination import choose_exponents
from eelsmap.preprocess.background_windows import BackgroundWindow, choose_windows
from eelsmap.preprocess.coverage import why_not_covered
from eelsmap.preprocess.denoising import Components, fit_components
from eelsmap.preprocess.detector import DetectorFaults, find_detector_faults, repair_detector
from eelsmap.preprocess.drift import Drift, measure_drift
from eelsmap.preprocess.edge_location import locate_edges
from eelsmap.preprocess.energy_axis import AxisCorrection, check_energy_axis, correct_energy_axis
from eelsmap.preprocess.fused_numba import AVAILABLE
from eelsmap.preprocess.fused_spikes import repair_spikes, scan_rows
from eelsmap.preprocess.noise import GAIN_PIXELS, estimate_gain
from eelsmap.preprocess.plan import Plan
from eelsmap.preprocess.refusals import (
    require_background,
    require_counts,
    require_located,
    require_reach,
    require_usable_edge,
)
from eelsmap.preprocess.row_alignment import align_rows
from eelsmap.preprocess.sample_sums import group_sums, row_totals, shifted_sum
from eelsmap.preprocess.spikes import bridge_hot_channels, remove_spikes
from eelsmap.preprocess.windows import channel_positions, counts_between, running_sum, shift_counts
from eelsmap.recipe import Recipe

__all__ = ["BRIGHT", "ScanRows", "make_plan"]

BRIGHT = 0.1
"""Pixels with more than this share of the counts of the bright part of an image (95th percentile) make its mean."""

# Pixels are moved together that lie within this part of a channel.
_WORTH_MOVING = 0.25
_GROUP = 16


class ScanRows(NamedTuple):
    """What tells of a drift along the scan.

    ``counts`` (row, channel): sums over the bright pixels of each row. ``of_sample`` (n,): the row of each pixel of the
    sample.
    """

    counts: NDArray[np.float64]
    of_sample: NDArray[np.intp]


def make_plan(
    sample: ArrayLike,
    energy: ArrayLike,
    recipe: Recipe,
    /,
    *,
    zero_loss: ArrayLike | None = None,
    rows: ScanRows | None = None,
    totals: NDArray[np.float64] | None = None,
) -> Plan:
    """Decide how an image is treated, from a sample of its pixels.

    Parameters
    ----------
    sample
        Counts of some or all pixels, shape (n, channel).
    energy
        Recorded energies, shape (channel,), eV.
    recipe
        The road.
    zero_loss
        Position of the zero-loss peak of each pixel of the sample, shape (n,), or of all, shape (), eV, when a
        simultaneous low loss shifts every pixel; None otherwise.
    rows
        Without `zero_loss`, the rows of the scan; None does not look for a drift.
    totals
        Sum of each pixel of the sample, shape (n,), where it is known already.

    Returns
    -------
    Plan
        The decisions.

    Raises
    ------
    EnergyAxisError
        The axis cannot be used.
    NotASpectrumImageError
        There is no pixel, or no pixel with finite counts above zero.
    NoEdgesError
        The axis covers none of the edges, or too little of each, or none stands out from its background.
    RecipeError
        The background was subtracted already.
    """
    axis_energy = check_energy_axis(energy)
    edges = recipe.edge_set
    counts = np.asarray(sample).reshape(-1, axis_energy.size)
    totals = row_totals(counts)[0] if totals is None else totals
    usable = require_counts(counts, axis_energy, totals)
    require_reach(axis_energy, recipe)
    level = float(np.percentile(totals[usable], 95))
    bright = usable & (totals > BRIGHT * level)
    places = np.flatnonzero(bright)
    # Evenly spaced ones are all that is asked for.
    gain = estimate_gain(counts[places[:: max(1, places.size // GAIN_PIXELS)]])
    # In the type in which it was recorded, whose ceiling tells of saturation.
    faults = _faults(counts, np.where(bright, totals, np.nan), axis_energy, recipe, gain)
    median = None
    displaced = np.zeros(len(counts))
    if zero_loss is not None:
        positions = np.broadcast_to(np.asarray(zero_loss, dtype=np.float64), len(counts))
        median = float(np.nanmedian(positions))
        displaced = np.where(np.isfinite(positions), positions - median, 0.0)
    drift = None
    if zero_loss is None and rows is not None:
        drift = _drift(_repaired(rows.counts, faults), axis_energy, recipe, gain)
    drifted = drift.shift[rows.of_sample] if drift is not None and rows is not None and drift.applied else displaced
    reference = _mean(counts, bright, drifted, axis_energy, recipe, faults)
    located = locate_edges(reference, axis_energy, edges, search=recipe.energy_axis.search, expected=median or 0.0)
    require_located(located, axis_energy, recipe)
    axis = correct_energy_axis(located, edges, recipe.energy_axis, zero_loss=median)
    shifted = axis_energy - (median or 0.0)
    require_usable_edge(shifted, axis, recipe)
    require_background(reference, shifted, axis, edges)
    plan = Plan(
        energy=axis_energy,
        axis=axis,
        gain=gain,
        reference=reference,
        minimum_counts=recipe.quality.minimum_relative_counts * level,
        located=located,
        zero_loss=median or 0.0,
        drift=drift,
        faults=faults,
        components=_components(counts, bright, recipe, gain, faults),
        windows=_windows(reference, shifted, axis, located, recipe, gain, int(bright.sum())),
    )
    return replace(plan, exponents=_exponents(counts, bright, displaced[bright], plan, recipe))


def _repaired(sums: NDArray[Any], faults: DetectorFaults | None) -> NDArray[np.float64]:
    """Repair what several pixels sum up to, shape (n, channel), float64: every step of it is linear in the counts."""
    counts = np.asarray(sums, dtype=np.float64)
    return counts if faults is None else repair_detector(counts, replace(faults, saturation=None))[0]


def _mean(
    counts: NDArray[np.generic],
    bright: NDArray[np.bool_],
    displaced: NDArray[np.float64],
    energy: NDArray[np.float64],
    recipe: Recipe,
    faults: DetectorFaults | None,
) -> NDArray[np.float64]:
    """Mean spectrum of the bright pixels, which lie displaced by their own number of eV, hot channels bridged."""
    step = (energy[-1] - energy[0]) / (energy.size - 1)
    group = np.full(len(counts), -1, dtype=np.intp)
    # Pixels that lie displaced by the same fraction of a channel are moved together.
    moved, group[bright] = np.unique(np.round(displaced[bright] / (_WORTH_MOVING * step)), return_inverse=True)
    if np.ptp(displaced[bright]) > _WORTH_MOVING * step:
        sums = _repaired(group_sums(counts, group, moved.size), faults)
        mean = shifted_sum(sums, _WORTH_MOVING * moved) / bright.sum()
    else:
        group[bright] = 0
        mean = _repaired(group_sums(counts, group, 1), faults)[0] / bright.sum()
    lowest = np.searchsorted(energy, recipe.edge_set.edges[0].background[0] - recipe.energy_axis.search)
    return bridge_hot_channels(mean, int(lowest))


def _drift(rows: NDArray[np.float64], energy: NDArray[np.float64], recipe: Recipe, gain: float) -> Drift:
    """Look for a drift from row to row; it is measured on a mean spectrum that it does not smear."""
    edges = recipe.edge_set
    if recipe.spikes.enabled:
        rows = _without_spikes(rows, gain, recipe.spikes.threshold)
    coarse = align_rows(rows, energy)
    step = (energy[-1] - energy[0]) / (energy.size - 1)
    mean = shifted_sum(rows, coarse / step) / len(rows)
    located = locate_edges(mean, energy, edges, search=recipe.energy_axis.search)
    axis = correct_energy_axis(located, edges, recipe.energy_axis)
    return measure_drift(rows, energy, axis, edges, located=located, coarse=coarse, gain=gain)


def _without_spikes(rows: NDArray[np.float64], gain: float, threshold: float) -> NDArray[np.float64]:
    """Replace X-ray spikes in the sums of rows."""
    reference = rows.mean(axis=0)
    if not AVAILABLE:
        return remove_spikes(rows, reference, gain=gain, threshold=threshold)[0]
    scan = scan_rows(rows, reference, gain=gain, threshold=threshold)
    places, repaired, _ = repair_spikes(rows, reference, scan, gain=gain, threshold=threshold)
    if places.size:
        rows = rows.copy()
        rows[places] = repaired
    return rows


def _faults(
    counts: NDArray[np.generic], totals: NDArray[np.float64], energy: NDArray[np.float64], recipe: Recipe, gain: float
) -> DetectorFaults | None:
    """Look for faults of the detector in the pixels with finite totals; None where there are none."""
    if not recipe.detector.enabled:
        return None
    sharpest = min(line.width for edge in recipe.edge_set for line in edge.lines)
    faults = find_detector_faults(counts, energy, gain=gain, white_line_width=sharpest, totals=totals)
    if recipe.detector.saturation > 0:
        faults = replace(faults, saturation=recipe.detector.saturation)
    return faults


def _components(
    counts: NDArray[np.generic],
    bright: NDArray[np.bool_],
    recipe: Recipe,
    gain: float,
    faults: DetectorFaults | None,
) -> Components | None:
    """Principal components of the image, if it is to be denoised."""
    if not recipe.noise.denoise:
        return None
    return fit_components(_repaired(counts[bright], faults), gain=gain, components=recipe.noise.components or None)


def _windows(
    reference: NDArray[np.float64],
    energy: NDArray[np.float64],
    axis: AxisCorrection,
    located: Collection[str],
    recipe: Recipe,
    gain: float,
    pixels: int,
) -> tuple[BackgroundWindow, ...]:
    """Background windows that were moved away from another edge's fine structure; the others are the usual ones."""
    if not recipe.background.move_windows:
        return ()
    minimum = recipe.background.minimum_window
    chosen = choose_windows(
        reference, energy, axis, recipe.edge_set, located=located, gain=gain, pixels=pixels, minimum=minimum
    )
    return tuple(window for window in chosen if window.reason)


def _exponents(
    sample: NDArray[np.generic], bright: NDArray[np.bool_], displaced: NDArray[np.float64], plan: Plan, recipe: Recipe
) -> dict[str, tuple[float, ...]]:
    """Exponents of the fixed power laws before each edge that the axis holds."""
    if recipe.background.method != "fixed_exponents":
        return {}
    counts = _repaired(sample[bright], plan.faults)
    step = (plan.energy[-1] - plan.energy[0]) / (plan.energy.size - 1)
    # Single noisy pixels spread the exponents further than the image does.
    alike = np.argsort(counts.sum(axis=1), kind="stable")
    groups = np.array_split(shift_counts(counts, displaced / step)[alike], max(1, len(counts) // _GROUP))
    total = running_sum(np.stack([group.mean(axis=0) for group in groups]))
    result = {}
    for index, edge in enumerate(recipe.edge_set):
        usual = plan.axis.usual(index, plan.energy - plan.zero_loss)
        if why_not_covered(edge, usual, recipe):
            continue
        start, stop = plan.window(edge)
        boundaries = np.linspace(max(start, float(usual[0])), stop, recipe.background.bins + 1)
        recorded = plan.axis.recorded(index, boundaries) + plan.zero_loss
        before = counts_between(total, channel_positions(recorded, plan.energy))
        middle, width = (boundaries[1:] + boundaries[:-1]) / 2, np.diff(boundaries)
        result[edge.name] = tuple(choose_exponents(before, middle, width, gain=plan.gain / _GROUP))
    return result
