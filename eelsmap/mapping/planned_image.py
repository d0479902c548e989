"""A spectrum image with all that was decided about it: what any work on its pixels starts from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from eelsmap.errors import EelsmapError, RecipeError
from eelsmap.io import prepare
from eelsmap.mapping.blocks import by_block, row_numbers, rows_of_sample, with_neighbours
from eelsmap.mapping.memory import return_memory
from eelsmap.mapping.scan_reading import ScanReading
from eelsmap.preprocess.cleaning import cleaned
from eelsmap.preprocess.local_average import averaging_depth, local_average
from eelsmap.preprocess.plan import Plan
from eelsmap.preprocess.planning import BRIGHT, ScanRows, make_plan
from eelsmap.preprocess.sample_sums import row_totals
from eelsmap.preprocess.zero_loss import measure_zero_loss
from eelsmap.recipe import Recipe

__all__ = ["PixelWork", "PlannedImage", "as_planned", "plan_signal"]


class PixelWork(Protocol):
    """Work on pixels: counts (n, channel) and what else is known of them in, shape (n, output), float32 out."""

    @property
    def names(self) -> Sequence[str]:
        """Names of the outputs."""

    def __call__(self, counts: NDArray[np.generic], **known: Any) -> NDArray[np.float32]:
        """Treat n pixels."""


@dataclass(frozen=True)
class PlannedImage:
    """A prepared signal, the road and its plan.

    Parameters
    ----------
    core
        Core loss, as :func:`eelsmap.io.prepare` gives it.
    recipe
        The road.
    plan
        What was decided for the image.
    shifting
        Low loss whose zero-loss peak shifts each pixel; None when there is none that may.
    deconvolving
        Low loss with which plural scattering is removed; None when the recipe does not say so.
    """

    core: Any
    recipe: Recipe
    plan: Plan
    shifting: Any = None
    deconvolving: Any = None

    def known(self) -> dict[str, Any]:
        """Return what is known of every pixel beside its counts, by argument of :func:`extract_edges`.

        Arrays of shape (navigation..., something), NumPy or dask.
        """
        data, plan, recipe = self.core.data, self.plan, self.recipe
        navigation = data.shape[:-1]
        arrays: dict[str, Any] = {}
        if self.shifting is not None:
            axis = self.shifting.axes_manager.signal_axes[0].axis
            arrays["shift"] = by_block(_position_and_error, self.shifting.data, last=2, dtype=np.float64, energy=axis)
        elif plan.drift is not None and plan.drift.applied:
            rows = row_numbers(navigation)
            arrays["shift"] = np.stack([plan.drift.shift[rows], plan.drift.uncertainty[rows]], axis=-1)
        if self.deconvolving is not None:
            arrays["low_loss"] = self.deconvolving.data
        for name, sigma in (("averaged", recipe.noise.average), ("around", recipe.background.neighbours)):
            if sigma > 0 and navigation:
                arrays[name] = with_neighbours(
                    _average_cleaned, data, depth=averaging_depth(sigma), plan=plan, recipe=recipe, sigma=sigma
                )
        return arrays

    def map(self, work: PixelWork, more: Mapping[str, Any] | None = None) -> Any:
        """Do a work on every pixel, block by block.

        Parameters
        ----------
        work
            The work.
        more
            What it needs to know of each pixel beside :meth:`known`: arrays of shape (navigation..., something).

        Returns
        -------
        dask.array.Array
            Shape (navigation..., output), float32.
        """
        known = {**self.known(), **(more or {})}
        return by_block(
            _with_names, self.core.data, *known.values(), last=len(work.names), work=work, arguments=tuple(known)
        )

    def at(self, place: tuple[int, ...]) -> tuple[NDArray[np.generic], dict[str, Any]]:
        """Return the counts of one pixel, shape (1, channel), and what else is known of it."""
        known = {}
        for name, array in self.known().items():
            if name == "shift" and self.shifting is not None:
                # A whole block would be measured for the sake of one pixel.
                axis = self.shifting.axes_manager.signal_axes[0].axis
                known[name] = _position_and_error(np.asarray(self.shifting.data[place])[None], energy=axis)
            else:
                known[name] = np.asarray(array[place])[None]
        return np.asarray(self.core.data[place])[None], known

    def every(self, step: int) -> tuple[NDArray[np.generic], dict[str, Any]]:
        """Return the counts of every `step`-th pixel, shape (n, channel), and what else is known of it."""

        def some(array: Any) -> NDArray[np.generic]:
            return np.asarray(array.reshape(-1, array.shape[-1])[::step])

        return some(self.core.data), {name: some(array) for name, array in self.known().items()}


def plan_signal(core: Any, recipe: Recipe, /) -> PlannedImage:
    """Decide how a signal is treated.

    Parameters
    ----------
    core
        A signal that went through :func:`eelsmap.io.prepare`.
    recipe
        The road.

    Returns
    -------
    PlannedImage
        The signal with the decisions.

    Raises
    ------
    NotASpectrumImageError, EnergyAxisError, NoEdgesError, RecipeError
        The signal cannot be treated; the message names the file and says why.

    Notes
    -----
    A sample of at most 4096 pixels on a regular lattice is read at once, to find the edges and the noise; without a
    simultaneous low loss, up to 64 pixels of every scan row are read too, to find a drift.
    """
    try:
        return _planned(core, recipe)
    except EelsmapError as error:
        raise type(error)(f"{core.metadata.get_item('EELSMap.source.file', 'signal')}: {error}") from error
    finally:
        return_memory()


def as_planned(signal: Any, recipe: Recipe | None, /) -> PlannedImage:
    """Plan a signal that is not planned yet.

    Parameters
    ----------
    signal
        A HyperSpy signal, or a planned image, whose plan then serves as it is.
    recipe
        The road; that of the shipped models, or that of the plan, when None.

    Returns
    -------
    PlannedImage
        The signal with the decisions.

    Raises
    ------
    RecipeError
        The image is planned for another road than `recipe`.
    NotASpectrumImageError, EnergyAxisError, NoEdgesError
        The signal cannot be treated.
    """
    if not isinstance(signal, PlannedImage):
        return plan_signal(prepare(signal), Recipe() if recipe is None else recipe)
    if recipe is not None and recipe != signal.recipe:
        raise RecipeError("the image is planned for another recipe; give the signal itself, or leave the recipe out")
    return signal


def _planned(core: Any, recipe: Recipe) -> PlannedImage:
    """Plan a signal; errors do not name the file yet."""
    energy = core.axes_manager.signal_axes[0].axis + recipe.energy_axis.offset
    shifting = _low_loss_for_shifts(core, recipe)
    positions, rows = None, None
    if shifting is not None:
        low_energy = shifting.axes_manager.signal_axes[0].axis
        positions = measure_zero_loss(ScanReading(shifting.data, rows=False).sample, low_energy).position
        if not np.isfinite(positions).any():
            shifting, positions = None, None
            core.metadata.set_item("EELSMap.low_loss_reason", "not used: no pixel of it holds a zero-loss peak")
    by_rows = positions is None and recipe.energy_axis.rows and recipe.energy_axis.mode in ("auto", "global")
    reading = ScanReading(core.data, rows=by_rows)
    totals, _ = row_totals(reading.sample)
    if by_rows:
        rows = _scan_rows(core.data, reading, totals)
    plan = make_plan(reading.sample, energy, recipe, zero_loss=positions, rows=rows, totals=totals)
    plan = replace(plan, navigation=sum(length > 1 for length in core.data.shape[:-1]))
    deconvolving = _low_loss_for_deconvolution(core, recipe)
    if deconvolving is not None:
        plan = replace(plan, low_loss_energy=deconvolving.axes_manager.signal_axes[0].axis)
    return PlannedImage(core, recipe, plan, shifting, deconvolving)


def _scan_rows(data: Any, reading: ScanReading, totals: NDArray[np.float64]) -> ScanRows | None:
    """Sum up the rows of a scan; None for what has no rows."""
    if data.ndim == 1:
        return None
    totals = totals[np.isfinite(totals)]
    if totals.size == 0:
        return None
    return ScanRows(reading.sum_rows(above=BRIGHT * float(np.percentile(totals, 95))), rows_of_sample(data.shape[:-1]))


def _low_loss_for_shifts(core: Any, recipe: Recipe) -> Any:
    """Return the low loss if its zero-loss peak belongs to the same moment as the core loss."""
    if recipe.energy_axis.mode not in ("auto", "zero_loss"):
        return None
    low_loss = getattr(core, "low_loss", None)
    simultaneous = core.metadata.get_item("EELSMap.low_loss_simultaneous", "unknown")
    return low_loss if low_loss is not None and simultaneous == "yes" else None


def _low_loss_for_deconvolution(core: Any, recipe: Recipe) -> Any:
    """Return the low loss if the recipe wants it; the same pixels at another time have the same thickness."""
    if recipe.plural_scattering.method == "none":
        return None
    low_loss = getattr(core, "low_loss", None)
    if low_loss is None:
        raise RecipeError(
            "plural scattering can only be removed with a low loss of the same pixels: load the file that holds both, "
            'give it to eelsmap.load(..., low_loss=...), or use the recipe with plural scattering "none"'
        )
    return low_loss


def _position_and_error(counts: NDArray[np.generic], *, energy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Zero-loss position of n pixels and its standard deviation, shape (n, 2), eV."""
    found = measure_zero_loss(counts, energy)
    return np.stack([found.position, found.uncertainty], axis=1)


def _average_cleaned(block: NDArray[np.generic], *, plan: Plan, recipe: Recipe, sigma: float) -> NDArray[np.float32]:
    """Average over neighbours what is free of detector faults and spikes."""
    pixels = cleaned(block.reshape(-1, block.shape[-1]), plan, recipe)
    # Pixels that hold nothing usable are left out of the average instead of thinning it.
    flat = np.where(pixels.finite[:, None], pixels.counts, np.nan)
    return local_average(flat.reshape(block.shape), sigma=sigma).astype(np.float32)


def _with_names(
    counts: NDArray[np.generic], *others: NDArray[np.generic], work: Callable[..., Any], arguments: tuple[str, ...]
) -> NDArray[np.float32]:
    """Hand what is known of the pixels to the work by name."""
    return work(counts, **dict(zip(arguments, others, strict=True)))
