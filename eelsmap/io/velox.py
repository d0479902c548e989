"""What a Velox .emd file says about its EELS acquisition, which the reader leaves in the original metadata."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["velox_acquisition"]


def velox_acquisition(signal: Any) -> dict[str, float]:
    """Acquisition values from the original metadata of a Velox EELS signal.

    Parameters
    ----------
    signal
        A signal from a Velox file, its energy axis in eV.

    Returns
    -------
    dict
        Of ``beam_energy`` (keV), ``convergence_angle`` and ``collection_angle`` (mrad) and ``dwell_time`` (s) those
        that the file holds and that are not zero; empty for a signal from elsewhere.
    """
    original = signal.original_metadata
    properties = original.get_item("CustomProperties")
    found = {
        "beam_energy": _number(original.get_item("Optics.AccelerationVoltage")) / 1e3,
        "convergence_angle": 1e3 * _number(original.get_item("Optics.BeamConvergence")),
    }
    if properties is not None:
        values = {key: item.get("value") for key, item in properties.as_dictionary().items() if isinstance(item, dict)}
        found["collection_angle"] = 1e3 * _number(values.get("EnergyFilter.CollectionAngleRange.End"))
        found["dwell_time"] = _exposure(values, float(signal.axes_manager.signal_axes[0].offset))
    return {key: value for key, value in found.items() if value > 0}


def _exposure(values: dict[str, Any], offset: float) -> float:
    """Exposure of the energy range that starts at `offset`; Velox numbers the ranges of one acquisition."""
    name = "AnalyticalDetector[EELS]"
    for index in range(16):
        start = values.get(f"{name}.SpectrumOffsetEnergy[{index}]")
        if start is not None and math.isclose(_number(start), offset, abs_tol=0.01):
            return _number(values.get(f"{name}.DetectorExposureTime[{index}]"))
    return 0.0


def _number(value: Any) -> float:
    """Return a finite float, or 0 where there is none."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return 0.0
    return number if math.isfinite(number) else 0.0
