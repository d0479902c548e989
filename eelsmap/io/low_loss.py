"""Attach a low loss to a core loss, and find out whether both were recorded at the same time."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from eelsmap.errors import EelsmapError
from eelsmap.io.choose import is_low_loss
from eelsmap.io.energy_axis import energy_range
from eelsmap.io.metadata import acquisition, add_notes

__all__ = ["LowLossError", "attach_low_loss", "simultaneous"]

_SAME_START = 2.0
"""Acquisitions that start within this time (s) of each other are one acquisition."""


class LowLossError(EelsmapError):
    """A low loss does not belong to the core loss it was given for."""


def attach_low_loss(core: Any, low: Any, *, same_file: bool = False, stated: bool | None = None) -> None:
    """Attach a low loss to a core loss, in place, as ``core.low_loss``.

    Whether the two are simultaneous is recorded in ``metadata.EELSMap.low_loss_simultaneous`` (``"yes"``, ``"no"`` or
    ``"unknown"``) with the reason in ``metadata.EELSMap.low_loss_reason``.

    Parameters
    ----------
    core
        Signal of type MultiEdgeEELS.
    low
        EELS signal with the same navigation shape, whose energy axis (eV) holds the zero-loss peak.
    same_file
        Whether both come from one file.
    stated
        What the user says about simultaneity; None lets the files speak.

    Raises
    ------
    LowLossError
        If the pixels differ, or if the axis of the low loss does not hold zero.
    """
    wanted, found = core.axes_manager.navigation_shape, low.axes_manager.navigation_shape
    if wanted != found:
        raise LowLossError(
            f"the low loss has {_pixels(found)}, the core loss {_pixels(wanted)}: they are not of the same scan. "
            "Give the low loss that was recorded with this core loss, or none"
        )
    if not is_low_loss(low):
        start, end = energy_range(low)
        raise LowLossError(
            f"the axis of the low loss runs from {start:g} to {end:g} eV and holds no zero-loss peak; "
            "give a spectrum image that includes 0 eV, or none"
        )
    verdict, reason = (stated, "as stated by the user") if stated is not None else simultaneous(core, low, same_file)
    core.low_loss = low
    word = {True: "yes", False: "no", None: "unknown"}[verdict]
    core.metadata.set_item("EELSMap.low_loss_simultaneous", word)
    core.metadata.set_item("EELSMap.low_loss_reason", reason)
    if verdict is not True:
        add_notes(core, [f"low loss simultaneous with the core loss: {word} ({reason})"])


def simultaneous(core: Any, low: Any, same_file: bool) -> tuple[bool | None, str]:
    """Compare dates, times and dwell times of two signals.

    Different dwell times alone prove nothing where both were recorded in one pass: dual EELS gives the low loss
    microseconds and the core loss milliseconds of each pixel.

    Parameters
    ----------
    core, low
        The signals.
    same_file
        Whether both come from one file.

    Returns
    -------
    verdict : bool or None
        None when nothing can be told.
    reason : str
        In words.
    """
    starts = _start(core), _start(low)
    dwells = acquisition(core).get("dwell_time"), acquisition(low).get("dwell_time")
    dwell = f"dwell time {_seconds(dwells[1])} against {_seconds(dwells[0])}" if None not in dwells else ""
    if starts[0] is not None and starts[1] is not None:
        apart = abs((starts[0] - starts[1]).total_seconds())
        if apart > _SAME_START:
            return False, ", ".join(filter(None, (f"recorded {_seconds(apart)} apart", dwell)))
        return True, ", ".join(filter(None, ("recorded at the same time", dwell)))
    if same_file:
        return True, ", ".join(filter(None, ("recorded in one file over the same pixels", dwell)))
    if dwells[0] is not None and dwells[1] is not None and not math.isclose(dwells[0], dwells[1], rel_tol=0.01):
        return False, f"{dwell}, in files without a time"
    return None, "the files do not say when they were recorded"


def _start(signal: Any) -> datetime | None:
    """Date and time of an acquisition; None unless the metadata hold both."""
    date, time = signal.metadata.get_item("General.date"), signal.metadata.get_item("General.time")
    try:
        # Time zones are left out: the clocks of one microscope agree, whatever zone they are set to.
        return datetime.fromisoformat(f"{date}T{time}").replace(tzinfo=None)
    except ValueError:
        return None


def _pixels(shape: tuple[int, ...]) -> str:
    """Navigation shape in words."""
    return f"{' x '.join(map(str, shape))} pixels" if shape else "a single spectrum"


def _seconds(value: float | None) -> str:
    """Duration in a readable unit."""
    if value is None:
        return "unknown"
    for limit, factor, unit in ((1e-3, 1e6, "µs"), (1.0, 1e3, "ms"), (120.0, 1.0, "s")):
        if value < limit:
            return f"{value * factor:.3g} {unit}"
    return f"{value / 60:.3g} min"
