"""Edge stacks of many specimens whose axes may all differ; those that cover alike become one stack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eelsmap.errors import EelsmapError
from eelsmap.models.evaluation_measured.measured_set import Specimen
from eelsmap.preprocess.edge_stack import EdgeStack
from eelsmap.preprocess.given_edges import stack_of_given_edges
from eelsmap.recipe import Recipe

__all__ = ["Shifts", "Stacks", "rows_of", "stacks_of_specimens"]

SHIFT_STEP_EV = 0.05
"""Random shifts are multiples of this, so that specimens of one axis still share few."""

_Axis = tuple[str, int, float, float]


@dataclass(frozen=True)
class Shifts:
    """What is added to the energies: a constant, and one number a specimen drawn evenly from -spread to +spread, eV."""

    constant: float = 0.0
    spread: float = 0.0
    seed: int = 0

    def draw(self, n: int) -> NDArray[np.float64]:
        """Shift of each of n specimens, eV."""
        random = np.random.default_rng(self.seed).uniform(-self.spread, self.spread, n)
        drawn: NDArray[np.float64] = self.constant + SHIFT_STEP_EV * np.round(random / SHIFT_STEP_EV)
        return drawn


class Stacks(NamedTuple):
    """Stacks with the places of their rows among the specimens; reasons by place of what could not be used.

    ``refused`` are specimens without any edge that can be used, ``notes`` are edges that had to be left out.
    """

    stacks: list[tuple[NDArray[np.intp], EdgeStack]]
    refused: dict[int, str]
    notes: dict[int, str]


def stacks_of_specimens(
    specimens: Sequence[Specimen], recipe: Recipe, /, *, shifts: Shifts | None = None, relative_intensity: bool = False
) -> Stacks:
    """Bring specimens to the model's grids.

    Parameters
    ----------
    specimens
        Specimens with spectra.
    recipe
        The road.
    shifts
        Added to the energies; nothing when None.
    relative_intensity
        Whether the edges of one specimen share one intensity scale.

    Returns
    -------
    Stacks
        Every specimen is a row of one stack, or refused.
    """
    drawn = (shifts or Shifts()).draw(len(specimens))
    groups: dict[tuple[_Axis, ...], list[int]] = {}
    refused: dict[int, str] = {}
    notes: dict[int, str] = {}
    why_not: dict[_Axis, str] = {}
    for place, (specimen, shift) in enumerate(zip(specimens, drawn, strict=True)):
        usable, reasons = [], []
        for edge, (energy, _) in sorted(specimen.spectra.items()):
            axis = (edge, energy.size, round(float(energy[0] + shift), 6), round(float(energy[-1] + shift), 6))
            if axis not in why_not:
                why_not[axis] = _why_not(axis, recipe)
            if why_not[axis]:
                reasons.append(why_not[axis])
            else:
                usable.append(axis)
        if not usable:
            refused[place] = "; ".join(reasons)
            continue
        if reasons:
            notes[place] = "; ".join(reasons)
        groups.setdefault(tuple(usable), []).append(place)
    alike: dict[bytes, list[tuple[list[int], EdgeStack]]] = {}
    for axes, places in groups.items():
        given = {
            axis[0]: (_energies(axis), np.stack([specimens[place].spectra[axis[0]][1] for place in places]))
            for axis in axes
        }
        stack = stack_of_given_edges(given, recipe, relative_intensity=relative_intensity)
        alike.setdefault(stack.coverage.tobytes(), []).append((places, stack))
    return Stacks([_joined(parts) for parts in alike.values()], refused, notes)


def rows_of(stack: EdgeStack, rows: NDArray[np.intp] | slice, /) -> EdgeStack:
    """Take some rows of a stack, as a stack of their own."""
    return stack.rows(rows)


def _joined(parts: list[tuple[list[int], EdgeStack]]) -> tuple[NDArray[np.intp], EdgeStack]:
    """One stack of several that cover the same share of each edge."""
    stacks = [stack for _, stack in parts]
    places = np.concatenate([np.asarray(places, dtype=np.intp) for places, _ in parts])
    return places, EdgeStack.joined(stacks)


def _energies(axis: _Axis) -> NDArray[np.float64]:
    """Energies of an axis, eV."""
    return np.linspace(axis[2], axis[3], axis[1])


def _why_not(axis: _Axis, recipe: Recipe) -> str:
    """Say why an edge cannot be used on an axis; empty where it can."""
    try:
        energy = _energies(axis)
        stack_of_given_edges({axis[0]: (energy, np.ones_like(energy))}, recipe)
    except EelsmapError as error:
        return str(error)
    return ""
