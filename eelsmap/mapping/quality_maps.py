"""How far each pixel and each edge can be trusted: counts, noise, background, thickness, axis, saturation, flags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.mapping.engine import maps_of
from eelsmap.mapping.pixel_block import plan_token
from eelsmap.mapping.planned_image import PlannedImage, as_planned
from eelsmap.mapping.property_maps import PropertyMaps
from eelsmap.mapping.scan_reading import ScanReading
from eelsmap.preprocess.background_quality import background_quality
from eelsmap.preprocess.cleaning import cleaned
from eelsmap.preprocess.denoising import project
from eelsmap.preprocess.edge_stack import EdgeStack
from eelsmap.preprocess.extraction import extract_edges
from eelsmap.preprocess.noise import estimate_gain
from eelsmap.preprocess.plan import Plan
from eelsmap.preprocess.thickness import elastic_threshold, estimate_thickness
from eelsmap.recipe import Recipe

__all__ = ["LowLossPlan", "QualityWork", "map_quality", "quality_of_image"]

_OF_EDGES = ("counts", "snr", "background_chi2", "background_residual", "negative_fraction")


@dataclass(frozen=True)
class LowLossPlan:
    """What is decided once for a low loss: its energies (low-loss channel,), end of the zero-loss peak, eV; gain."""

    energy: NDArray[np.float64]
    threshold: float
    gain: float


@dataclass(frozen=True)
class QualityWork:
    """The quality of pixels.

    Parameters
    ----------
    plan
        What was decided for the image.
    recipe
        The road.
    low_loss
        What was decided for its low loss; None without one.
    """

    plan: Plan
    recipe: Recipe
    low_loss: LowLossPlan | None = None

    @property
    def names(self) -> list[str]:
        """Counts, what is known of each edge, thickness, axis, saturation, flags."""
        edges = [f"{quality}_{edge}" for quality in _OF_EDGES for edge in self.recipe.edge_set.names]
        thickness = [] if self.low_loss is None else ["t_over_lambda"]
        components = [] if self.plan.components is None else ["components_chi2"]
        return ["counts", *edges, *thickness, *components, "energy_shift", "axis_uncertainty", "flags"]

    def __dask_tokenize__(self) -> tuple[str, ...]:
        """Identity for dask."""
        low_loss = self.low_loss
        decided = None if low_loss is None else (low_loss.energy.tobytes(), low_loss.threshold, low_loss.gain)
        return repr(decided), *plan_token(self.plan, self.recipe)

    def __call__(
        self,
        counts: NDArray[np.generic],
        *,
        thickness_from: NDArray[np.generic] | None = None,
        **known: Any,
    ) -> NDArray[np.float32]:
        """Treat n pixels.

        Parameters
        ----------
        counts
            Shape (n, channel).
        thickness_from
            Counts of their low loss, shape (n, low-loss channel).
        known
            What else is known of each pixel; see :func:`eelsmap.preprocess.extract_edges`.

        Returns
        -------
        numpy.ndarray
            Shape (n, output), float32, in the order of :attr:`names`.
        """
        stack = extract_edges(counts, self.plan, self.recipe, details=True, **known)
        columns: list[NDArray[Any]] = [stack.counts[:, None], stack.net_counts, stack.snr, *self._backgrounds(stack)]
        if self.low_loss is not None and thickness_from is not None:
            found = estimate_thickness(
                thickness_from, self.low_loss.energy, threshold=self.low_loss.threshold, gain=self.low_loss.gain
            )
            columns.append(found.t_over_lambda[:, None])
        if self.plan.components is not None:
            described = project(cleaned(counts, self.plan, self.recipe).counts, self.plan.components)
            columns.append(described.chi_square[:, None])
        shift = (
            np.zeros(len(counts)) if "shift" not in known else np.asarray(known["shift"]).reshape(len(counts), -1)[:, 0]
        )
        columns += [shift[:, None], np.reshape(stack.axis_uncertainty, (-1, 1)), stack.flags[:, None]]
        return np.concatenate(columns, axis=1).astype(np.float32)

    def _backgrounds(self, stack: EdgeStack) -> list[NDArray[np.float64]]:
        """Chi-square, residual and negative fraction of each edge, three arrays of shape (n, edge)."""
        names = self.recipe.edge_set.names
        result = np.full((3, len(stack.flags), len(names)), np.nan)
        for index, name in enumerate(names):
            part = (stack.details or {}).get(name)
            if part is None:
                continue
            middle = (part.boundaries[1:] + part.boundaries[:-1]) / 2
            quality = background_quality(
                part.before,
                middle,
                np.diff(part.boundaries),
                part.fit,
                part.gross - part.background,
                gain=self.plan.gain,
            )
            # Judged with the noise of the counts as recorded; averages have less, deconvolved counts more.
            more = np.asarray(part.gain) / self.plan.gain
            result[:, :, index] = quality.chi_square / more, quality.residual / np.sqrt(more), quality.negative
        return list(result)


def map_quality(signal: Any, *, recipe: Recipe | None = None, lazy: bool | None = None) -> PropertyMaps:
    """Map how far each pixel can be trusted.

    Parameters
    ----------
    signal
        Core-loss HyperSpy signal, or planned image, as for :func:`eelsmap.map_properties`; with a low loss, its
        thickness is mapped too.
    recipe
        The road; that of the plan, or of the shipped models, when None.
    lazy
        Whether to leave the maps to be computed when they are asked for. None follows the signal.

    Returns
    -------
    PropertyMaps
        ``counts``; for each edge ``counts_<edge>`` (net), ``snr_<edge>``, ``background_chi2_<edge>``,
        ``background_residual_<edge>`` and ``negative_fraction_<edge>``; ``t_over_lambda`` with a low loss;
        ``components_chi2`` with denoising (well above 1 where a pixel was not described by the components and left as
        recorded); ``energy_shift`` and ``axis_uncertainty`` (eV); ``flags``.

    Raises
    ------
    NotASpectrumImageError, EnergyAxisError, NoEdgesError, RecipeError
        The signal cannot be mapped; the message says why.
    """
    return quality_of_image(as_planned(signal, recipe), lazy=lazy)


def quality_of_image(image: PlannedImage, /, *, lazy: bool | None = None) -> PropertyMaps:
    """As :func:`map_quality`, for an image that is planned already."""
    low_loss = getattr(image.core, "low_loss", None)
    decided, more = None, {}
    if low_loss is not None:
        energy = low_loss.axes_manager.signal_axes[0].axis
        sample = ScanReading(low_loss.data, rows=False).sample
        decided = LowLossPlan(energy, elastic_threshold(sample, energy), estimate_gain(sample))
        more = {"thickness_from": low_loss.data}
    return maps_of(image, QualityWork(image.plan, image.recipe, decided), {}, more=more, lazy=lazy)
