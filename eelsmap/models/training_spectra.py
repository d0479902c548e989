"""Training spectra: library records through the synthetic microscope and then down the same road as measured counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline

from eelsmap.errors import PixelFlag
from eelsmap.features import feature_matrix
from eelsmap.models.model import total_log_snr
from eelsmap.models.training_mixtures import MixturePlan
from eelsmap.models.white_line_doubt import vary_white_lines
from eelsmap.phantom.detector import detect
from eelsmap.phantom.expected import expected_counts
from eelsmap.preprocess.edge_stack import EdgeStack
from eelsmap.preprocess.energy_axis import AxisCorrection
from eelsmap.preprocess.extraction import extract_edges
from eelsmap.preprocess.noise import estimate_gain
from eelsmap.preprocess.plan import Plan
from eelsmap.properties import PROPERTIES
from eelsmap.recipe import Recipe

if TYPE_CHECKING:
    from eelsmap.library import Library

__all__ = [
    "RANGES",
    "TrainingSpectra",
    "TrainingStack",
    "join_spectra",
    "make_training_spectra",
    "make_training_stacks",
]

RANGES: dict[str, Any] = {
    "dispersion_eV": (0.15, 0.2, 0.25, 0.3, 0.4, 0.5),
    "counts_in_O_K_window": (3e3, 3e6),
    "fwhm_eV": (0.3, 2.2),
    "t_over_lambda": (0.05, 1.2),
    "background_ratio": (1.2, 4.0),
    "background_exponent": (2.5, 3.4),
    "edge_amplitude_log_sigma": 0.15,
    "white_line_log_sigma": 0.15,
    "l2_distance_eV": 0.25,
    "l3_over_l2_log_sigma": 0.12,
    "l3_position_eV": 0.3,
    "added_lifetime_eV": (0.0, 0.6),
    "pre_edge_scale": (0.45, 1.1),
    "psf_tail_fraction": (0.0, 0.09),
    "axis_uncertainty_eV": (0.2, 1.5),
    "axis_unknown_probability": 0.2,
    "oxygen_k_placement_eV": 0.4,
    "smooth_residue": (0.0, 0.01),
    "smooth_residue_knots_eV": 35.0,
    "gain_variation": (0.0, 0.003),
    "missing_edge_probability": 0.1,
    "lone_edge_probability": 0.1,
    "unknown_composition_probability": 0.15,
    "cut_axis_probability": 0.1,
}
"""Ranges of the synthetic microscope, chosen to hold what the measured NMC line scan shows (see phantom.microscope).

The O K edges of two structures are placed against each other to 0.4 eV (leave-one-out error of `library.alignment`).
"""

_CHUNK = 64
_PRE_EDGE_END = 534.0


class TrainingSpectra(NamedTuple):
    """Features (n, feature), labels by property (n,), NaN where a label has no meaning, log10 SNR (n,), group (n,).

    ``conditions``: by name (n,) what the microscope was like, for a model to be measured by: ``t_over_lambda``,
    ``axis_uncertainty_eV``, ``fwhm_eV``. Models do not see it.
    """

    features: NDArray[np.float32]
    labels: dict[str, NDArray[np.float64]]
    log_snr: NDArray[np.float64]
    group: NDArray[np.intp]
    conditions: dict[str, NDArray[np.float64]]


class TrainingStack(NamedTuple):
    """Edge stacks of n spectra with one energy axis.

    ``axis_uncertainty`` as it is stated to the model, eV, NaN where it is not; ``labels``, ``group`` and ``conditions``
    as in :class:`TrainingSpectra`.
    """

    stack: EdgeStack
    axis_uncertainty: float
    labels: dict[str, NDArray[np.float64]]
    group: NDArray[np.intp]
    conditions: dict[str, NDArray[np.float64]]


def make_training_spectra(
    library: Library, mixtures: MixturePlan, recipe: Recipe, rng: np.random.Generator, /
) -> Iterator[TrainingSpectra]:
    """Make training spectra chunk by chunk; each chunk has one energy axis.

    Parameters
    ----------
    library
        The spectral library.
    mixtures
        Which records each spectrum averages over.
    recipe
        The road that the model will be applied with.
    rng
        Source of randomness.

    Yields
    ------
    TrainingSpectra
        At most 64 spectra each; those in which no edge is seen are left out.
    """
    for chunk in make_training_stacks(library, mixtures, recipe, rng):
        answered = chunk.stack.seen.any(axis=1)
        yield TrainingSpectra(
            feature_matrix(chunk.stack, recipe, axis_uncertainty=chunk.axis_uncertainty)[answered],
            {name: value[answered] for name, value in chunk.labels.items()},
            total_log_snr(chunk.stack)[answered],
            chunk.group[answered],
            {name: value[answered] for name, value in chunk.conditions.items()},
        )


def make_training_stacks(
    library: Library,
    mixtures: MixturePlan,
    recipe: Recipe,
    rng: np.random.Generator,
    /,
    *,
    edges: tuple[str, ...] | None = None,
) -> Iterator[TrainingStack]:
    """Make the edge stacks of training spectra chunk by chunk.

    Parameters
    ----------
    library, mixtures, recipe, rng
        As for :func:`make_training_spectra`.
    edges
        The edges that every spectrum has; None takes edges away at random.

    Yields
    ------
    TrainingStack
        At most 64 spectra each.
    """
    library = _with_bulk_oxygen(library)
    for start in range(0, mixtures.group.size, _CHUNK):
        part = slice(start, min(start + _CHUNK, mixtures.group.size))
        mixture = library.mix(mixtures.records[part], mixtures.weights[part])
        n = part.stop - start
        # Initial-state calculations put too much weight into the pre-edge, by a factor that is not known for certain.
        _scale_pre_edge(mixture.spectra["O_K"], library.grids["O_K"], _log_uniform(rng, "pre_edge_scale", n))
        for edge in recipe.edge_set:
            if edge.subshell == "L3":
                mixture.spectra[edge.name][:] = vary_white_lines(
                    mixture.spectra[edge.name],
                    library.grids[edge.name],
                    edge,
                    farther=rng.normal(0.0, RANGES["l2_distance_eV"], n),
                    ratio=np.exp(rng.normal(0.0, RANGES["l3_over_l2_log_sigma"], n)),
                    width=_uniform(rng, "added_lifetime_eV", n),
                )
        conditions = {
            "t_over_lambda": _uniform(rng, "t_over_lambda", n),
            "fwhm_eV": _log_uniform(rng, "fwhm_eV", n),
            "axis_uncertainty_eV": np.full(n, _log_uniform(rng, "axis_uncertainty_eV", 1)[0]),
        }
        stack = _observe(library, mixture, recipe, rng, conditions)
        _forget(stack, _lost_edges(recipe, n, rng, edges), recipe, rng)
        stated = np.nan if rng.random() < RANGES["axis_unknown_probability"] else conditions["axis_uncertainty_eV"][0]
        labels = labels_of(mixture.labels, stack, recipe)
        yield TrainingStack(stack, float(stated), labels, mixtures.group[part], conditions)


def _lost_edges(recipe: Recipe, n: int, rng: np.random.Generator, edges: tuple[str, ...] | None) -> NDArray[np.bool_]:
    """Which edges each spectrum has not, shape (n, edge): drawn, often all but one, or all but the given ones."""
    shape = n, len(recipe.edge_set)
    if edges is not None:
        return np.broadcast_to([name not in edges for name in recipe.edge_set.names], shape)
    lost = rng.random(shape) < RANGES["missing_edge_probability"]
    alone = rng.random(n) < RANGES["lone_edge_probability"]
    lost[alone] = np.arange(shape[1]) != rng.integers(shape[1], size=(int(alone.sum()), 1))
    return np.asarray(lost & ~lost.all(axis=1, keepdims=True))


def join_spectra(pieces: Iterable[TrainingSpectra], /) -> TrainingSpectra:
    """Join tables to one."""
    parts = list(pieces)
    first = parts[0]
    return TrainingSpectra(
        np.concatenate([part.features for part in parts]),
        {name: np.concatenate([part.labels[name] for part in parts]) for name in first.labels},
        np.concatenate([part.log_snr for part in parts]),
        np.concatenate([part.group for part in parts]),
        {name: np.concatenate([part.conditions[name] for part in parts]) for name in first.conditions},
    )


def labels_of(
    labels: dict[str, NDArray[np.float64]], stack: EdgeStack, recipe: Recipe, /
) -> dict[str, NDArray[np.float64]]:
    """Labels by property: a class counts as present from half of the probed volume on, and in between says nothing."""
    # Lithium-rich cells hold more than one lithium per site of the metal layers: a full lithium layer counts as one.
    result = {
        name: np.clip(np.asarray(labels[name], dtype=np.float64), *item.limits)
        for name, item in PROPERTIES.items()
        if name in labels
    }
    for name, label in (("vacancy_probability", "vacancy"), ("antisite_probability", "antisite")):
        share = np.asarray(labels[label], dtype=np.float64)
        result[name] = np.where(share >= 0.5, 1.0, np.where(share <= 1e-9, 0.0, np.nan))
    for name, item in PROPERTIES.items():
        if item.edge is not None and name in result:
            index = recipe.edge_set.index(item.edge)
            unseen = stack.weak[:, index] | ~np.isfinite(stack.snr[:, index])
            result[name] = np.where(unseen, np.nan, result[name])
    return result


def _with_bulk_oxygen(library: Library) -> Library:
    """Give local environments the oxygen of the bulk: the 0.3 nm sphere holds three metals but half of their oxygen."""
    local = library.kind == "environment"
    oxygen = np.where(local, 2.0, 1.0) * library.atoms["O"]
    return replace(library, atoms={**library.atoms, "O": oxygen})


def _scale_pre_edge(spectra: NDArray[np.float64], grid: NDArray[np.float64], scale: NDArray[np.float64]) -> None:
    """Scale what lies below the gap between pre-edge and main peak, in place."""
    below = 0.5 * (1.0 - np.tanh((grid - _PRE_EDGE_END) / 0.5))
    spectra *= 1.0 + (scale[:, None] - 1.0) * below


def _observe(
    library: Library,
    mixture: Any,
    recipe: Recipe,
    rng: np.random.Generator,
    conditions: dict[str, NDArray[np.float64]],
) -> EdgeStack:
    """Make the counts of one chunk as a detector gives them, treated as measured counts are."""
    n = next(iter(mixture.atoms.values())).shape[0]
    uncertainty = float(conditions["axis_uncertainty_eV"][0])
    edges = len(recipe.edge_set)
    dispersion = rng.choice(RANGES["dispersion_eV"])
    first = rng.uniform(455.0, 490.0)
    last = rng.uniform(905.0, 960.0)
    if rng.random() < RANGES["cut_axis_probability"]:
        cut = recipe.edge_set.edges[rng.integers(edges)]
        last = rng.uniform(cut.minimum_end, cut.near_edge[1])
    energy = np.arange(first, last, dispersion)
    expected = expected_counts(
        mixture,
        energy,
        grids=library.grids,
        counts=_log_uniform(rng, "counts_in_O_K_window", n),
        fwhm_eV=conditions["fwhm_eV"],
        t_over_lambda=conditions["t_over_lambda"],
        background_ratio=_uniform(rng, "background_ratio", n),
        background_exponent=_uniform(rng, "background_exponent", n),
        edge_shift_eV=_shifts(recipe, n, rng, uncertainty),
        edge_amplitude=np.exp(rng.normal(0.0, RANGES["edge_amplitude_log_sigma"], (n, edges))),
        white_line_scale=np.exp(rng.normal(0.0, RANGES["white_line_log_sigma"], n)),
        psf_tail_fraction=_uniform(rng, "psf_tail_fraction", n),
    )
    expected *= _smooth_residue(energy, n, rng)
    counts = detect(expected, rng, gain_variation=float(_uniform(rng, "gain_variation", 1)[0]), readout_noise=1.0)
    names = recipe.edge_set.names
    axis = AxisCorrection("none", names, (1.0,) * edges, (0.0,) * edges, uncertainty, False, {}, "simulated")
    plan = Plan(energy, axis, estimate_gain(counts), np.asarray(counts, dtype=np.float64).mean(axis=0), 0.0, {})
    return extract_edges(counts, plan, recipe)


def _shifts(recipe: Recipe, n: int, rng: np.random.Generator, uncertainty: float) -> NDArray[np.float64]:
    """Draw how far each edge lies from its place, eV: the axis is uncertain, and where the library puts the edges."""
    placement = np.array(
        [RANGES["oxygen_k_placement_eV" if edge.subshell == "K" else "l3_position_eV"] for edge in recipe.edge_set]
    )
    return rng.normal(0.0, uncertainty, (n, placement.size)) + rng.normal(0.0, placement, (n, placement.size))


def _smooth_residue(energy: NDArray[np.float64], n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw slow deviations from a power law: fine structure of the edges before, and what a gain reference leaves.

    A factor about 1, shape (n, channel). In the measured NMC line scan they bend the extrapolated background by about
    1 %, as much as the continuum of its Co and Ni edges.
    """
    knots = np.arange(energy[0], energy[-1] + 2 * RANGES["smooth_residue_knots_eV"], RANGES["smooth_residue_knots_eV"])
    size = _uniform(rng, "smooth_residue", n)
    heights = size[:, None] * rng.standard_normal((n, knots.size))
    factor: NDArray[np.float64] = 1.0 + make_interp_spline(knots, heights, axis=1)(energy)
    return factor


def _forget(stack: EdgeStack, lost: NDArray[np.bool_], recipe: Recipe, rng: np.random.Generator) -> None:
    """Take edges and, at random, composition away, in place, so that any subset of edges is a known case."""
    stack.net[lost] = np.nan
    stack.snr[lost] = np.nan
    stack.net_counts[lost] = np.nan
    stack.weak[lost] = False
    for index, name in enumerate(recipe.edge_set.names):
        stack.flags[lost[:, index]] |= np.uint32(PixelFlag.missing(name))
    stack.net_counts[rng.random(len(lost)) < RANGES["unknown_composition_probability"]] = np.nan


def _uniform(rng: np.random.Generator, name: str, n: int) -> NDArray[np.float64]:
    """Draw n values evenly from a range."""
    low, high = RANGES[name]
    return rng.uniform(low, high, n)


def _log_uniform(rng: np.random.Generator, name: str, n: int) -> NDArray[np.float64]:
    """Draw n values from a range, evenly on a logarithmic scale."""
    low, high = np.log(RANGES[name])
    return np.exp(rng.uniform(low, high, n))
