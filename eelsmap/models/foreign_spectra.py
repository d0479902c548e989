"""Spectra that a model of layered oxides must refuse, and spectra of its own kind seen by the same microscope.

Edges of other materials are sketches: lines and steps at the energies at which atlases show them (Ahn, EELS Atlas), of
plausible strengths, not calculations. Rock salt and other oxides of the same metals are the library's own references,
which no model is trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eelsmap.edges import NMC_EDGES
from eelsmap.models.training_mixtures import sample_unseen_mixtures
from eelsmap.models.training_spectra import RANGES
from eelsmap.phantom.detector import detect
from eelsmap.phantom.expected import expected_counts
from eelsmap.preprocess.edge_stack import EdgeStack
from eelsmap.preprocess.energy_axis import AxisCorrection
from eelsmap.preprocess.extraction import extract_edges
from eelsmap.preprocess.noise import estimate_gain
from eelsmap.preprocess.plan import Plan
from eelsmap.recipe import Recipe

if TYPE_CHECKING:
    from eelsmap.library import Library

__all__ = ["KINDS", "KNOWN", "foreign_stack"]

Array = NDArray[np.float64]

KNOWN = "layered oxides, held out"
_AXIS = np.arange(462.0, 925.0, 0.25)
_COUNTS = (1e4, 3e6)
_UNCERTAINTY_EV = 0.5


class _Mixture(NamedTuple):
    """What the synthetic microscope needs: spectra per edge (n, point) and atoms per element (n,)."""

    spectra: Mapping[str, Array]
    atoms: Mapping[str, Array]


@dataclass(frozen=True)
class _Kind:
    """One kind of spectra: what is in the specimen, and what happens to its expected or recorded counts."""

    mixture: Callable[[Library, int, np.random.Generator], _Mixture] | None = None
    expected: Callable[[Array, np.random.Generator], Array] | None = None
    recorded: Callable[[Array, np.random.Generator], Array] | None = None
    energy: Callable[[Array, np.random.Generator], Array] | None = None


def foreign_stack(kind: str, library: Library, recipe: Recipe, rows: int, seed: int, /) -> tuple[EdgeStack, Array]:
    """Make spectra of one kind and extract their edges as from an image whose axis is trusted.

    Parameters
    ----------
    kind
        One of :data:`KINDS`.
    library
        The spectral library; only its test and reference records are used.
    recipe
        The road of the model.
    rows
        Number of spectra.
    seed
        Seed of everything random.

    Returns
    -------
    stack : EdgeStack
        Edges of n spectra.
    counts : numpy.ndarray
        Counts that the microscope was set to in the O K window, shape (n,).
    """
    random = np.random.default_rng([seed, list(KINDS).index(kind)])
    made = KINDS[kind]
    counts = np.exp(_between(random, np.log(_COUNTS), rows))
    energy = _AXIS
    if made.mixture is None:
        expected = _power_law(counts, random)
    else:
        mixture = made.mixture(library, rows, random)
        expected = expected_counts(
            mixture,
            energy,
            grids=library.grids,
            counts=counts,
            fwhm_eV=np.exp(_between(random, np.log(RANGES["fwhm_eV"]), rows)),
            t_over_lambda=_between(random, RANGES["t_over_lambda"], rows),
            background_ratio=_between(random, RANGES["background_ratio"], rows),
            background_exponent=_between(random, RANGES["background_exponent"], rows),
            edge_shift_eV=random.normal(0.0, _UNCERTAINTY_EV, (rows, len(NMC_EDGES))),
            psf_tail_fraction=_between(random, RANGES["psf_tail_fraction"], rows),
        )
    if made.expected is not None:
        expected = made.expected(expected, random)
    recorded = np.asarray(detect(expected, random, gain_variation=0.002, readout_noise=1.0), dtype=np.float64)
    if made.recorded is not None:
        recorded = made.recorded(recorded, random)
    if made.energy is None:
        return _extracted(recorded, energy, recipe), counts
    # An axis that is wrong is wrong for a whole image: eight images, each wrong in its own way.
    parts = [_extracted(part, made.energy(energy, random), recipe) for part in np.array_split(recorded, 8)]
    return EdgeStack.joined(parts), counts


def _between(random: np.random.Generator, limits: Sequence[float] | Array, rows: int) -> Array:
    """Draw numbers evenly between two limits, shape (rows,)."""
    return random.uniform(float(limits[0]), float(limits[1]), rows)


def _extracted(recorded: Array, energy: Array, recipe: Recipe) -> EdgeStack:
    """Edges of spectra whose axis is taken as it is."""
    names = recipe.edge_set.names
    still = (1.0,) * len(names), (0.0,) * len(names)
    axis = AxisCorrection("none", names, *still, _UNCERTAINTY_EV, False, {}, "simulated")
    plan = Plan(energy, axis, estimate_gain(recorded), recorded.mean(axis=0), 0.0, {})
    return extract_edges(recorded, plan, recipe)


def _layered(library: Library, rows: int, random: np.random.Generator) -> _Mixture:
    """Blends of held-out structures, as the training blends others."""
    plan, _ = sample_unseen_mixtures(library, rows, random)
    mixture = library.mix(plan.records, plan.weights)
    return _Mixture(mixture.spectra, mixture.atoms)


def _references(*prefixes: str) -> Callable[[Library, int, np.random.Generator], _Mixture]:
    """Take references of the library whose names begin with one of these."""

    def made(library: Library, rows: int, random: np.random.Generator) -> _Mixture:
        fits = np.array([name.startswith(prefixes) for name in library.parent_names])
        found = np.flatnonzero((library.kind == "structure") & fits[library.parent])
        chosen = random.choice(found, rows)[:, None]
        mixture = library.mix(chosen, np.ones(chosen.shape))
        return _Mixture(mixture.spectra, mixture.atoms)

    return made


def _oxide(*lines: tuple[float, float, float], step: float) -> Callable[[Library, int, np.random.Generator], _Mixture]:
    """O K edge alone: lines (energy, height over the step, width) on a step."""

    def made(library: Library, rows: int, random: np.random.Generator) -> _Mixture:
        grid = library.grids["O_K"]
        shape = np.repeat(0.5 * (1 + np.tanh((grid - step) / 1.5))[None], rows, axis=0)
        for energy, height, width in lines:
            tall = height * np.exp(random.normal(0.0, 0.15, (rows, 1)))
            shape += tall * np.exp(-0.5 * ((grid - energy - random.normal(0.0, 0.3, (rows, 1))) / width) ** 2)
        return _Mixture({"O_K": shape}, {"O": np.ones(rows)})

    return made


_TITANATE = _oxide((530.5, 1.5, 0.8), (533.0, 1.2, 0.9), (539.5, 1.3, 1.8), (544.0, 1.2, 2.0), step=529.5)


def _exchanged(library: Library, rows: int, random: np.random.Generator) -> _Mixture:
    """White lines of another metal where those of manganese, cobalt and nickel are expected."""
    mixture = _layered(library, rows, random)
    names = ("Mn_L", "Co_L", "Ni_L")
    spectra = dict(mixture.spectra)
    for name, other in zip(names, (*names[1:], names[0]), strict=True):
        moved = library.grids[name] - NMC_EDGES[name].lines[0].energy + NMC_EDGES[other].lines[0].energy
        spectra[name] = np.stack([np.interp(moved, library.grids[other], row) for row in mixture.spectra[other]])
    return _Mixture(spectra, mixture.atoms)


def _lines(*lines: tuple[float, float]) -> Callable[[Array, np.random.Generator], Array]:
    """Add white lines of another element: energy, and height over the counts that are there."""

    def added(expected: Array, random: np.random.Generator) -> Array:
        result = expected.copy()
        amount = random.uniform(0.3, 1.2, (len(expected), 1))
        for energy, height in lines:
            here = expected[:, np.searchsorted(_AXIS, energy), None]
            width = random.uniform(0.8, 1.6, (len(expected), 1))
            result += amount * height * here * np.exp(-0.5 * ((_AXIS - energy) / width) ** 2)
        return result

    return added


def _power_law(counts: Array, random: np.random.Generator) -> Array:
    """Background alone, with the counts asked for in the O K window."""
    exponent = random.uniform(2.2, 3.6, (counts.size, 1))
    shape = (_AXIS / 532.0) ** -exponent
    inside = slice(*np.searchsorted(_AXIS, NMC_EDGES["O_K"].near_edge))
    return np.asarray(counts[:, None] * shape / shape[:, inside].sum(axis=1, keepdims=True))


def _carbon(expected: Array, random: np.random.Generator) -> Array:
    """Add the tail of a carbon K edge: another exponent, and slow ripples of its extended fine structure."""
    tail = random.uniform(0.2, 0.8, (len(expected), 1)) * (_AXIS / 532.0) ** -random.uniform(4, 6, (len(expected), 1))
    ripple = 0.01 * np.sin(
        _AXIS / random.uniform(12, 25, (len(expected), 1)) + random.uniform(0, 6, (len(expected), 1))
    )
    return np.asarray(expected * (1 + ripple) + expected[:, :1] * tail * (532.0 / _AXIS[0]) ** -3)


def _vacuum(expected: Array, random: np.random.Generator) -> Array:
    """Next to no counts."""
    return np.broadcast_to(random.uniform(0.02, 2.0, (len(expected), 1)), expected.shape)


def _saturated(recorded: Array, random: np.random.Generator) -> Array:
    """Cut counts below the top of the O K edge: a detector that is full."""
    inside = (_AXIS > 535) & (_AXIS < 545)
    return np.minimum(
        recorded, random.uniform(0.6, 0.95, (len(recorded), 1)) * recorded[:, inside].max(1, keepdims=True)
    )


def _hot_channels(recorded: Array, random: np.random.Generator) -> Array:
    """Raise a group of channels in each spectrum, too wide to be taken for an X-ray."""
    result = recorded.copy()
    for row in result:
        edge = NMC_EDGES.edges[random.integers(len(NMC_EDGES))]
        first = int(np.searchsorted(_AXIS, random.uniform(*edge.near_edge)))
        row[first : first + random.integers(4, 9)] *= random.uniform(1.5, 4.0)
    return result


def _x_rays(recorded: Array, random: np.random.Generator) -> Array:
    """Three X-rays in each spectrum, one or two channels wide."""
    result = recorded.copy()
    for row in result:
        for first in random.integers(150, _AXIS.size - 150, 3):
            row[first : first + random.integers(1, 3)] += 20 * np.sqrt(row[first]) + 300
    return result


def _shifted(energy: Array, random: np.random.Generator) -> Array:
    """Put the axis off by 5 to 15 eV, either way."""
    return np.asarray(energy + random.choice([-1.0, 1.0]) * random.uniform(5, 15))


def _stretched(energy: Array, random: np.random.Generator) -> Array:
    """Put the dispersion off by 3 to 8 %, either way; it stays right at 600 eV."""
    return np.asarray(600 + (energy - 600) * (1 + random.choice([-1.0, 1.0]) * random.uniform(0.03, 0.08)))


KINDS: dict[str, _Kind] = {
    KNOWN: _Kind(_layered),
    "vacuum": _Kind(None, expected=_vacuum),
    "background alone": _Kind(None),
    "carbon film": _Kind(None, expected=_carbon),
    "silica-like O K": _Kind(_oxide((537.5, 1.8, 1.8), (543.0, 0.5, 3.0), step=535.0)),
    "carbonate-like O K": _Kind(_oxide((533.8, 2.5, 0.8), (540.5, 1.2, 2.0), (545.0, 0.9, 2.5), step=537.0)),
    "titanate-like O K": _Kind(_TITANATE),
    "barium titanate-like (Ba M at Co)": _Kind(_TITANATE, expected=_lines((784.0, 1.0), (799.0, 0.8))),
    "lanthanum oxide-like (La M at Ni)": _Kind(
        _oxide((535.5, 1.5, 1.2), (541.0, 1.0, 2.0), step=533.0), expected=_lines((834.0, 1.0), (851.0, 0.8))
    ),
    "layered, Ba M over Co": _Kind(_layered, expected=_lines((784.0, 0.5), (799.0, 0.4))),
    "layered, white lines exchanged": _Kind(_exchanged),
    "NiO, MnO, CoO": _Kind(_references("reference-NiO", "reference-MnO", "reference-CoO")),
    "mixed rock salt": _Kind(_references("rock-salt")),
    "spinel, corundum, zigzag LiMnO2": _Kind(_references("reference-LiMn2O4", "reference-Mn2O3", "reference-LiMnO2")),
    "axis off by 5-15 eV": _Kind(_layered, energy=_shifted),
    "dispersion off by 3-8 %": _Kind(_layered, energy=_stretched),
    "X-rays (repaired)": _Kind(_layered, recorded=_x_rays),
    "hot channels": _Kind(_layered, recorded=_hot_channels),
    "saturated": _Kind(_layered, recorded=_saturated),
}
"""Kinds of spectra by name; the first is the one that a model must not refuse, X-rays are repaired before it looks."""
