"""Maps of the classical answers: white-line ratios, pre-edge ratio, onsets, composition, each with its error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.errors import NO_ANSWER
from eelsmap.features.classical import classical_estimates, classical_names
from eelsmap.io.metadata import acquisition
from eelsmap.mapping.engine import maps_of
from eelsmap.mapping.map_names import ERROR
from eelsmap.mapping.pixel_block import plan_token
from eelsmap.mapping.planned_image import as_planned
from eelsmap.mapping.property_maps import PropertyMaps
from eelsmap.preprocess.extraction import extract_edges
from eelsmap.preprocess.plan import Plan
from eelsmap.recipe import Recipe

__all__ = ["ClassicalWork", "map_classical"]

_USUAL_BEAM_KV, _USUAL_COLLECTION_MRAD = 200.0, 50.0


@dataclass(frozen=True)
class ClassicalWork:
    """The classical answers of pixels.

    Parameters
    ----------
    plan
        What was decided for the image.
    recipe
        The road.
    beam_energy_kV, collection_mrad
        For the cross sections.
    """

    plan: Plan
    recipe: Recipe
    beam_energy_kV: float = _USUAL_BEAM_KV  # noqa: N815 - units keep their capitals
    collection_mrad: float = _USUAL_COLLECTION_MRAD

    @property
    def names(self) -> list[str]:
        """Each answer and its error, then counts, signal-to-noise ratios and flags."""
        pairs = [name for answer in classical_names(self.recipe.edge_set) for name in (answer, answer + ERROR)]
        return [*pairs, "counts", *(f"snr_{edge}" for edge in self.recipe.edge_set.names), "flags"]

    def __dask_tokenize__(self) -> tuple[str, ...]:
        """Identity for dask."""
        return repr((self.beam_energy_kV, self.collection_mrad)), *plan_token(self.plan, self.recipe)

    def __call__(self, counts: NDArray[np.generic], **known: Any) -> NDArray[np.float32]:
        """Treat n pixels; shape (n, output), float32, in the order of :attr:`names`."""
        stack = extract_edges(counts, self.plan, self.recipe, details=True, **known)
        found = classical_estimates(
            stack, self.recipe.edge_set, beam_energy_kV=self.beam_energy_kV, collection_mrad=self.collection_mrad
        )
        values = np.stack([column for estimate in found.values() for column in estimate], axis=1)
        values[(stack.flags & np.uint32(NO_ANSWER)) != 0] = np.nan
        return np.column_stack([values, stack.counts, stack.snr, stack.flags]).astype(np.float32)


def map_classical(signal: Any, *, recipe: Recipe | None = None, lazy: bool | None = None) -> PropertyMaps:
    """Map what the edges say without a model.

    Parameters
    ----------
    signal
        Core-loss HyperSpy signal, or planned image, as for :func:`eelsmap.map_properties`.
    recipe
        The road; that of the plan, or of the shipped models, when None.
    lazy
        Whether to leave the maps to be computed when they are asked for. None follows the signal.

    Returns
    -------
    PropertyMaps
        ``l3_l2_ratio_<edge>``, ``pre_edge_ratio_O_K``, ``onset_<edge>`` (eV), ``share_<metal>`` (of the metals) and
        ``metals_per_oxygen``, each with ``<name>_error``, one standard deviation by counting and background.

    Raises
    ------
    NotASpectrumImageError, EnergyAxisError, NoEdgesError, RecipeError
        The signal cannot be mapped; the message says why.

    Notes
    -----
    See :func:`eelsmap.features.classical.classical_estimates` for what the errors leave out. Beam energy and collection
    angle come from the metadata; where they are missing, 200 kV and 50 mrad are taken and provenance says so.
    """
    image = as_planned(signal, recipe)
    known = acquisition(image.core)
    beam, collection = known.get("beam_energy"), known.get("collection_angle")
    work = ClassicalWork(
        image.plan, image.recipe, float(beam or _USUAL_BEAM_KV), float(collection or _USUAL_COLLECTION_MRAD)
    )
    said = {
        "classical": {
            "beam_energy_kV": work.beam_energy_kV,
            "collection_mrad": work.collection_mrad,
            "assumed": ", ".join(
                name for name, value in (("beam energy", beam), ("collection angle", collection)) if not value
            ),
            "cross_sections": "hydrogenic (exspy), good to 10-20 % for L2,3",
        }
    }
    return maps_of(image, work, said, lazy=lazy)
