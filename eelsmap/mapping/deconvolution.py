"""Plural scattering removed from spectrum images, and thickness maps: HyperSpy signals in, HyperSpy signals out.

Both read the low loss of the same pixels. One that was *not* recorded at the same time still tells how thick a pixel
is and what plural scattering does there; its zero-loss peaks are then referred to itself alone, and never shift the
core loss.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap._version import __version__
from eelsmap.errors import EelsmapError, RecipeError
from eelsmap.io import prepare
from eelsmap.io.choose import is_low_loss
from eelsmap.io.low_loss import LowLossError
from eelsmap.mapping.blocks import by_block
from eelsmap.mapping.planned_image import plan_signal
from eelsmap.mapping.scan_reading import ScanReading
from eelsmap.preprocess.energy_axis import check_energy_axis
from eelsmap.preprocess.fourier_log import fourier_log
from eelsmap.preprocess.noise import estimate_gain
from eelsmap.preprocess.plural_scattering import fourier_ratio
from eelsmap.preprocess.thickness import elastic_threshold, estimate_thickness
from eelsmap.preprocess.zero_loss import measure_zero_loss
from eelsmap.recipe import Recipe

__all__ = ["deconvolve", "map_thickness"]

_METHODS = ("fourier_ratio", "fourier_log")


def deconvolve(
    signal: Any,
    low_loss: Any = None,
    *,
    method: str = "fourier_ratio",
    fwhm: float | None = None,
    threshold: float | None = None,
    intensity: str = "all",
    damping: float = 1.0,
    fit_width: float = 30.0,
    fit_end: float | None = None,
) -> Any:
    """Remove plural scattering from a spectrum image.

    Parameters
    ----------
    signal
        HyperSpy signal with one energy axis, shape (navigation..., channel): a core loss with its background for
        ``"fourier_ratio"``, a low loss for ``"fourier_log"``.
    low_loss
        Low loss of the same pixels, or a single low loss for all; None takes ``signal.low_loss``. Not used by
        ``"fourier_log"``.
    method
        ``"fourier_ratio"`` or ``"fourier_log"``.
    fwhm
        Energy resolution of the result, eV; None takes the median width of the zero-loss peaks, one value for all
        pixels. For ``"fourier_ratio"``.
    threshold
        Where the zero-loss peak ends, eV above its position; None finds it, see
        :func:`eelsmap.preprocess.thickness.elastic_threshold`.
    intensity
        ``"all"`` keeps the number of core-loss electrons, ``"elastic"`` leaves those scattered only once. For
        ``"fourier_ratio"``.
    damping
        Strength of the damping where the low loss is lost in noise; 0 switches it off.
    fit_width
        How many eV decide the power law before the first edge. For ``"fourier_ratio"``.
    fit_end
        Where they end, eV on the recorded axis; None finds the first edge of the usual set, and takes the start of the
        axis where there is none.

    Returns
    -------
    signal
        A new signal of the same type and axes, lazy where `signal` is; `signal` stays as it is. Pixels without a
        zero-loss peak are NaN. ``metadata.EELSMap.plural_scattering`` says what was done, with the median factor by
        which the variance of sums over 10 eV has grown, and whether the low loss was recorded at the same time.

    Raises
    ------
    LowLossError
        There is no low loss, it has other pixels, or no pixel of it has a zero-loss peak.
    EnergyAxisError
        An energy axis cannot be used.
    RecipeError
        An option is unknown.
    """
    if method not in _METHODS:
        raise RecipeError(f"deconvolution method {method!r} is unknown; use one of {', '.join(_METHODS)}")
    low = _require_low_loss(signal, signal if method == "fourier_log" else low_loss)
    energy, low_energy = _energy(signal), _energy(low)
    found = _LowLossFacts(low, low_energy, threshold, needs_threshold=method == "fourier_log" or intensity == "elastic")
    record: dict[str, Any] = {"method": method, "damping": float(damping), **found.record(signal, low)}
    core: Any = signal.data
    options: dict[str, Any]
    if method == "fourier_log":
        options = {"energy": energy, "threshold": found.threshold, "damping": damping, "gain": found.gain}
        blocks = by_block(_fourier_log, core, last=energy.size, **options)
    else:
        options = {
            "energy": energy, "low_energy": low_energy, "fwhm": float(fwhm or found.fwhm),
            "threshold": found.threshold, "intensity": intensity, "damping": damping, "gain": found.gain,
            "fit_width": fit_width, "fit_end": _first_edge(signal) if fit_end is None else fit_end,
        }  # fmt: skip
        growth = fourier_ratio(
            np.zeros((len(found.sample), energy.size)), energy, found.sample, low_energy,
            **{name: value for name, value in options.items() if name not in ("energy", "low_energy")},
        ).variance_factor  # fmt: skip
        record |= {
            "fwhm_eV": options["fwhm"], "intensity": intensity, "fit_width_eV": float(fit_width),
            "fit_end_eV": "start of the axis" if options["fit_end"] is None else float(options["fit_end"]),
            "variance_factor": float(np.nanmedian(growth)),
        }  # fmt: skip
        if low.axes_manager.navigation_shape == signal.axes_manager.navigation_shape:
            blocks = by_block(_fourier_ratio, core, low.data, last=energy.size, **options)
        else:
            alone = np.asarray(low.data).reshape(1, -1)
            blocks = by_block(_fourier_ratio_alone, core, last=energy.size, low_loss=alone, **options)
    result = signal._deepcopy_with_new_data(blocks if signal._lazy else blocks.compute())
    result.metadata.set_item("EELSMap.plural_scattering", record)
    return result


def map_thickness(
    signal: Any,
    low_loss: Any = None,
    *,
    threshold: float | None = None,
    tail: float = 200.0,
) -> tuple[Any, Any]:
    """Map the thickness in inelastic mean free paths.

    Parameters
    ----------
    signal
        HyperSpy signal: a core loss with its low loss, or a low loss itself.
    low_loss
        Low loss of the same pixels; None takes `signal` where its axis holds the zero-loss peak, else
        ``signal.low_loss``.
    threshold
        Where the zero-loss peak ends, eV above its position; None finds it.
    tail
        How far the losses beyond the end of the axis are put back by a power law, eV; 0 counts what was recorded.

    Returns
    -------
    t_over_lambda, error : PropertyMap
        t/lambda and its standard error from counting statistics, on the navigation axes of the low loss, lazy where
        it is. NaN for pixels without a zero-loss peak.

    Raises
    ------
    LowLossError
        There is no low loss, it has other pixels, or no pixel of it has a zero-loss peak.
    EnergyAxisError
        The energy axis cannot be used.
    """
    own = low_loss is None and is_low_loss(signal)
    low = _require_low_loss(signal, signal if own else low_loss, single=False)
    energy = _energy(low)
    found = _LowLossFacts(low, energy, threshold, needs_threshold=True)
    blocks = by_block(
        _thickness, low.data, last=2, energy=energy, threshold=found.threshold, gain=found.gain, tail=tail
    )
    stack: Any = blocks if low._lazy else blocks.compute()
    record = {"method": "log_ratio", "tail_eV": float(tail), **found.record(signal, low)}
    names = (("t_over_lambda", "thickness in inelastic mean free paths"), ("t_over_lambda_error", "its standard error"))
    first, second = (_as_map(stack[..., index], low, name, title, record) for index, (name, title) in enumerate(names))
    return first, second


def _first_edge(signal: Any) -> float | None:
    """Find the recorded energy at which the first edge of the usual set begins; None where there is none."""
    try:
        return plan_signal(prepare(signal), Recipe()).plan.first_edge(Recipe().edge_set)
    except EelsmapError:
        return None


class _LowLossFacts:
    """What is decided once for an image, from a sample of its low loss."""

    def __init__(self, low: Any, energy: NDArray[np.float64], threshold: float | None, *, needs_threshold: bool):
        sample = np.asarray(ScanReading(low.data, rows=False).sample, dtype=np.float64)
        peaks = measure_zero_loss(sample, energy)
        usable = np.isfinite(peaks.position) & np.isfinite(peaks.fwhm)
        if not usable.any():
            raise LowLossError("no pixel of the low loss holds a zero-loss peak; give another low loss, or none")
        self.sample = sample[usable]
        self.fwhm = float(np.median(peaks.fwhm[usable]))
        self.gain = estimate_gain(self.sample)
        self.threshold = threshold
        if threshold is None and needs_threshold:
            self.threshold = elastic_threshold(self.sample, energy)
            if not np.isfinite(self.threshold):
                raise LowLossError(
                    f"the low loss ends at {energy[-1]:g} eV, too close to its zero-loss peak to see where it ends; "
                    "give the threshold, or a longer low loss"
                )

    def record(self, signal: Any, low: Any) -> dict[str, Any]:
        """Plain values for the metadata."""
        simultaneous = "itself" if low is signal else signal.metadata.get_item("EELSMap.low_loss_simultaneous")
        record = {
            "eelsmap_version": __version__,
            "low_loss_gain": self.gain,
            "low_loss_simultaneous": simultaneous or "unknown",
            "zero_loss": "position of each pixel, referred to the low loss itself",
        }
        return record if self.threshold is None else {**record, "threshold_eV": float(self.threshold)}


def _require_low_loss(signal: Any, low_loss: Any, *, single: bool = True) -> Any:
    """Low loss that was given, or the one attached, with the right pixels."""
    low = getattr(signal, "low_loss", None) if low_loss is None else low_loss
    if low is None:
        raise LowLossError(
            "there is no low loss: give one as low_loss=, or load the core loss with its low loss "
            '(eelsmap.load("core.dm4", low_loss="low.dm4"))'
        )
    wanted, found = signal.axes_manager.navigation_shape, low.axes_manager.navigation_shape
    if found != wanted and not (single and int(np.prod(found)) == 1):
        raise LowLossError(f"the low loss has pixels {found}, the core loss {wanted}: give the one of the same scan")
    if not is_low_loss(low):
        energy = low.axes_manager.signal_axes[0].axis
        raise LowLossError(
            f"the axis of the low loss runs from {energy[0]:g} to {energy[-1]:g} eV and holds no zero-loss peak; "
            "give a spectrum image that includes 0 eV"
        )
    return low


def _energy(signal: Any) -> NDArray[np.float64]:
    """Energies of the channels of a signal."""
    if signal.axes_manager.signal_dimension != 1:
        raise EelsmapError(
            f"{signal}: has {signal.axes_manager.signal_dimension} signal axes; one energy axis is wanted"
        )
    return check_energy_axis(signal.axes_manager.signal_axes[0].axis)


def _fourier_ratio(counts: NDArray[Any], low_loss: NDArray[Any], **options: Any) -> NDArray[np.float32]:
    """Kernel on a block, in the precision of the result."""
    energy, low_energy = options.pop("energy"), options.pop("low_energy")
    return fourier_ratio(counts, energy, low_loss, low_energy, **options).counts.astype(np.float32)


def _fourier_ratio_alone(counts: NDArray[Any], **options: Any) -> NDArray[np.float32]:
    """Kernel on a block, with one low loss for all."""
    return _fourier_ratio(counts, options.pop("low_loss"), **options)


def _fourier_log(low_loss: NDArray[Any], **options: Any) -> NDArray[np.float32]:
    """Kernel on a block, in the precision of the result."""
    return fourier_log(low_loss, options.pop("energy"), **options).astype(np.float32)


def _thickness(low_loss: NDArray[Any], **options: Any) -> NDArray[np.float32]:
    """Kernel on a block: t/lambda and its error."""
    found = estimate_thickness(low_loss, options.pop("energy"), **options)
    return np.stack([found.t_over_lambda, found.error], axis=1).astype(np.float32)


def _as_map(values: Any, low: Any, name: str, title: str, record: dict[str, Any]) -> Any:
    """Put a map on the navigation axes of the low loss."""
    from eelsmap.signals.property_map import LazyPropertyMap, PropertyMap

    axes = [axis.get_axis_dictionary() | {"navigate": True} for axis in low.axes_manager._axes if axis.navigate]
    # HyperSpy has no map without an axis: a single spectrum gets one of a single pixel.
    axes = axes or [{"name": "spectrum", "size": 1, "scale": 1.0, "offset": 0.0, "units": "", "navigate": True}]
    kind = LazyPropertyMap if low._lazy else PropertyMap
    result = kind(values.reshape(values.shape or (1,)), axes=axes)
    result.metadata.set_item("General.title", title)
    result.metadata.set_item("EELSMap.name", name)
    result.metadata.set_item("EELSMap.unit", "")
    result.metadata.set_item("EELSMap.thickness", record)
    return result
