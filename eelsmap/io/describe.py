"""What a spectrum image is and what it covers, as plain data."""

from __future__ import annotations

from typing import Any

from eelsmap.edges import NMC_EDGES, EdgeSet
from eelsmap.io.coverage import edge_coverage
from eelsmap.io.energy_axis import axis_name, axis_unit, energy_range
from eelsmap.io.metadata import ACQUISITION, acquisition, notes_of

__all__ = ["describe"]


def describe(signal: Any, /, edges: EdgeSet = NMC_EDGES) -> dict[str, Any]:
    """Describe a spectrum image.

    Parameters
    ----------
    signal
        EELS signal, best one that :func:`eelsmap.load` returned.
    edges
        Edges to look for on its axis.

    Returns
    -------
    dict
        Plain strings, numbers, lists and dicts: ``title``, ``shape`` (array order), ``pixels``, ``dtype``,
        ``megabytes``, ``lazy``, ``navigation`` (a dict an axis), ``energy`` (first, last, dispersion in eV, channels),
        ``edges`` (name to ``"covered"``, ``"partial"`` or ``"outside"`` if the axis is taken at its word),
        ``acquisition`` (value and unit), ``missing``, ``low_loss`` (dict or None), ``source``, ``notes``.
    """
    low, high = energy_range(signal)
    axis = signal.axes_manager.signal_axes[0]
    known = acquisition(signal)
    source = signal.metadata.get_item("EELSMap.source")
    # navigation_axes runs x, y; the array is indexed y, x.
    navigation = signal.axes_manager.navigation_axes[::-1]
    return {
        "title": str(signal.metadata.General.title),
        "shape": [int(size) for size in signal.data.shape],
        "pixels": int(max(signal.axes_manager.navigation_size, 1)),
        "dtype": str(signal.data.dtype),
        "megabytes": round(signal.data.nbytes / 1e6, 3),
        "lazy": bool(signal._lazy),
        "navigation": [
            {"name": axis_name(one), "size": int(one.size), "scale": _scale(one), "units": axis_unit(one)}
            for one in navigation
        ],
        "energy": {"first": low, "last": high, "dispersion": float(axis.scale), "channels": int(axis.size)},
        "edges": {edge.name: edge_coverage(low, high, edge) for edge in edges},
        "acquisition": {name: {"value": known[name], "unit": ACQUISITION[name][1]} for name in known},
        "missing": [name for name in ACQUISITION if name not in known],
        "low_loss": _low_loss(signal),
        "source": source.as_dictionary() if source is not None else {},
        "notes": notes_of(signal),
    }


def _scale(axis: Any) -> float:
    """Size of a pixel; NaN where pixels have no common size."""
    return float(axis.scale) if axis.is_uniform else float("nan")


def _low_loss(signal: Any) -> dict[str, Any] | None:
    """Range and simultaneity of the low loss; None without one."""
    low_loss = getattr(signal, "low_loss", None)
    if low_loss is None:
        return None
    first, last = energy_range(low_loss)
    return {
        "first": first,
        "last": last,
        "dispersion": float(low_loss.axes_manager.signal_axes[0].scale),
        "simultaneous": str(signal.metadata.get_item("EELSMap.low_loss_simultaneous") or "unknown"),
        "reason": str(signal.metadata.get_item("EELSMap.low_loss_reason") or ""),
    }
