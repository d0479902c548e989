"""What is found in a spectrum image before it is mapped, and what the user corrects of it. No Qt here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eelsmap.errors import EelsmapError
from eelsmap.io import attach_low_loss, describe, prepare
from eelsmap.io.load import attach_low_loss_file
from eelsmap.mapping import plan_signal
from eelsmap.mapping.planned_image import PlannedImage
from eelsmap.recipe import Recipe

__all__ = ["Corrections", "LookedAt", "corrected", "look_at"]


@dataclass(frozen=True)
class Corrections:
    """What the user knows better than the file.

    Parameters
    ----------
    beam_energy
        In keV; None leaves what the file says.
    convergence_angle, collection_angle
        Semi-angles, mrad; None leaves what the file says.
    low_loss
        File of the low loss of the same pixels; None leaves what the file holds.
    simultaneous
        Whether the low loss was recorded in the same pass; None lets the files speak.
    """

    beam_energy: float | None = None
    convergence_angle: float | None = None
    collection_angle: float | None = None
    low_loss: Path | None = None
    simultaneous: bool | None = None


@dataclass(frozen=True)
class LookedAt:
    """A spectrum image with what was found in it.

    Parameters
    ----------
    signal
        The prepared signal, shape (navigation..., channel).
    description
        As :func:`eelsmap.io.describe`; after planning with what the plan says.
    image
        The planned image; None when it cannot be mapped.
    problem
        Why it cannot be mapped; empty when it can.
    """

    signal: Any
    description: dict[str, Any]
    image: PlannedImage | None
    problem: str = ""


def corrected(signal: Any, corrections: Corrections) -> Any:
    """Return a copy of a signal, sharing its data, with what the user said about it.

    Raises
    ------
    EelsmapError
        The low loss cannot be read or belongs to other pixels.
    """
    copy = prepare(
        signal,
        name=str(signal.metadata.get_item("General.title", "") or "signal"),
        beam_energy=corrections.beam_energy,
        convergence_angle=corrections.convergence_angle,
        collection_angle=corrections.collection_angle,
    )
    if corrections.low_loss is not None:
        attach_low_loss_file(copy, corrections.low_loss, lazy=True, stated=corrections.simultaneous)
    elif corrections.simultaneous is not None and getattr(copy, "low_loss", None) is not None:
        attach_low_loss(copy, copy.low_loss, stated=corrections.simultaneous)
    return copy


def look_at(signal: Any, recipe: Recipe) -> LookedAt:
    """Describe a signal and plan how it is treated.

    Parameters
    ----------
    signal
        From :func:`corrected` or :func:`eelsmap.load`.
    recipe
        The road.

    Returns
    -------
    LookedAt
        With the problem in words where it cannot be mapped; nothing is raised for that.
    """
    description = describe(signal, recipe.edge_set)
    try:
        image = plan_signal(signal, recipe)
    except EelsmapError as error:
        return LookedAt(signal, description, None, str(error))
    return LookedAt(signal, {**description, **image.plan.to_dict()}, image)
