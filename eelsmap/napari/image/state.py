"""What the panel knows of one opened spectrum image. No Qt here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from eelsmap.mapping import PropertyMaps
from eelsmap.models import Model
from eelsmap.napari.image.looked_at import Corrections, LookedAt
from eelsmap.recipe import Recipe

__all__ = ["ImageState", "is_spectrum_image"]


def is_spectrum_image(layer: Any) -> bool:
    """Whether a layer carries a spectrum image of ours."""
    return layer.metadata.get("eelsmap", {}).get("kind") == "spectrum_image"


@dataclass
class ImageState:
    """One opened spectrum image: its layer, what was found and corrected, and the maps of its last run.

    Parameters
    ----------
    layer
        The layer of its counts.
    corrections
        What the user said about it.
    looked
        What was found, None until it was looked at.
    seconds
        How long a run will take, about; None until it was measured.
    maps
        Maps of the last run, whole or as far as it got.
    made_with
        What made them: hash of recipe and model, and the corrections.
    layers
        The layers of the maps.
    """

    layer: Any
    corrections: Corrections = field(default_factory=Corrections)
    looked: LookedAt | None = None
    seconds: float | None = None
    maps: PropertyMaps | None = None
    made_with: tuple[Any, ...] = ()
    layers: Any = None

    @property
    def signal(self) -> Any:
        """The spectrum image, lazy or not."""
        return self.layer.metadata["eelsmap"]["signal"]

    def identity(self, recipe: Recipe, model: Model) -> tuple[Any, ...]:
        """Return what decides the maps of this image."""
        return recipe.sha256, model.sha256, self.corrections

    def unfinished(self, recipe: Recipe, model: Model) -> PropertyMaps | None:
        """Return the maps of a run that was stopped, if the same run would go on with them."""
        if self.maps is not None and self.maps.is_lazy and self.made_with == self.identity(recipe, model):
            return self.maps
        return None
