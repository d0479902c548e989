"""Open files and hand out the core-loss spectrum image, whatever else they hold."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eelsmap.edges import NMC_EDGES, EdgeSet
from eelsmap.errors import EelsmapError, NotASpectrumImageError
from eelsmap.io.choose import EELS_TYPES, choose, is_low_loss, name_signal
from eelsmap.io.energy_axis import check_energy_axis
from eelsmap.io.files import expand, file_hash, read_signals
from eelsmap.io.low_loss import attach_low_loss
from eelsmap.io.maps import CONTENT
from eelsmap.io.metadata import acquisition, add_notes, complete_metadata, convert_navigation_units
from eelsmap.io.velox import velox_acquisition

__all__ = ["attach_low_loss_file", "load", "prepare"]

_logger = logging.getLogger(__name__)

PathLike = str | os.PathLike[str]


def load(
    path: PathLike | Sequence[PathLike],
    /,
    *,
    lazy: bool = False,
    low_loss: PathLike | None = None,
    low_loss_simultaneous: bool | None = None,
    beam_energy: float | None = None,
    convergence_angle: float | None = None,
    collection_angle: float | None = None,
    edges: EdgeSet = NMC_EDGES,
) -> Any:
    """Open a file and return its core-loss spectrum image, ready for :func:`eelsmap.map_properties`.

    Of several signals in a file the core loss is chosen, and a low loss on the same pixels is attached to it as
    ``signal.low_loss``. Navigation axes come in nm, the energy axis in eV. What was chosen, converted and assumed
    stands in ``signal.metadata.EELSMap`` (``source``, ``notes``, ``missing``) and in the log.

    Parameters
    ----------
    path
        A .dm3, .dm4, .hspy, .zspy, .emd or .msa file; several of them; or a pattern such as ``"run_*.dm4"``.
    lazy
        Leave the data on disk until they are used.
    low_loss
        File of the low loss, where it is not in the same file. Only for a single path.
    low_loss_simultaneous
        Whether core loss and low loss were recorded in one pass; by default dates and dwell times decide.
    beam_energy
        In keV; completes or corrects the metadata, as do the next two.
    convergence_angle, collection_angle
        Semi-angles, mrad.
    edges
        Edges by which a core loss is recognised.

    Returns
    -------
    MultiEdgeEELS or list of MultiEdgeEELS
        A list for several paths and for a pattern.

    Raises
    ------
    FileReadError
        If a file is missing, empty, truncated, unreadable, a folder, or of an unknown format.
    NotASpectrumImageError
        If a file holds no EELS spectrum.
    EnergyAxisError
        If its energy axis is not in eV or keV, descending, not uniform or not finite.
    LowLossError
        If the low loss does not fit the core loss.

    Examples
    --------
    >>> signal = eelsmap.load("nmc.dm4", lazy=True)  # doctest: +SKIP
    >>> signal.metadata.EELSMap.notes  # doctest: +SKIP
    """
    given = {
        "beam_energy": beam_energy,
        "convergence_angle": convergence_angle,
        "collection_angle": collection_angle,
    }
    several = expand(path) if isinstance(path, str | os.PathLike) else [Path(item) for item in path]
    if several is not None:
        if low_loss is not None:
            raise TypeError("low_loss goes with a single path; attach others with eelsmap.io.attach_low_loss")
        return [_load_one(item, lazy, given, edges) for item in several]
    assert isinstance(path, str | os.PathLike)  # noqa: S101 - tells the type checker what `several is None` means
    signal = _load_one(Path(path), lazy, given, edges)
    if low_loss is not None:
        attach_low_loss_file(signal, low_loss, lazy=lazy, edges=edges, stated=low_loss_simultaneous, **given)
    elif low_loss_simultaneous is not None and signal.low_loss is not None:
        attach_low_loss(signal, signal.low_loss, stated=low_loss_simultaneous)
    return signal


def attach_low_loss_file(
    signal: Any,
    path: PathLike,
    /,
    *,
    lazy: bool = False,
    stated: bool | None = None,
    edges: EdgeSet = NMC_EDGES,
    **given: float | None,
) -> None:
    """Attach the low loss that a file holds to a core loss, in place.

    Parameters
    ----------
    signal
        Signal of type MultiEdgeEELS.
    path
        File of the low loss.
    lazy
        Leave its data on disk until they are used.
    stated
        Whether both were recorded in one pass; None lets the files speak.
    edges
        Edges by which a core loss is told from a low loss where a file holds several signals.
    given
        ``beam_energy``, ``convergence_angle``, ``collection_angle``, as for :func:`load`.

    Raises
    ------
    FileReadError, EnergyAxisError, LowLossError
        As :func:`load`.
    """
    low_path = Path(path)
    found, notes = read_signals(low_path, lazy=lazy)
    candidates = [one for one in found if one.axes_manager.signal_dimension == 1 and is_low_loss(one)]
    low = candidates[0] if candidates else found[choose(found, edges, low_path)[0]]
    low = _checked(low, str(low_path), notes)
    complete_metadata(low, given, velox_acquisition(low), "the original metadata")
    attach_low_loss(signal, low, stated=stated)
    signal.metadata.set_item("EELSMap.low_loss_source", _source(low_path, low, 1, 1))


def prepare(
    signal: Any,
    /,
    *,
    name: str = "signal",
    beam_energy: float | None = None,
    convergence_angle: float | None = None,
    collection_angle: float | None = None,
) -> Any:
    """Give a HyperSpy signal that is already open the checks and the care of :func:`load`.

    Parameters
    ----------
    signal
        HyperSpy signal with one energy axis; it stays as it is.
    name
        What to call it in messages and in the provenance.
    beam_energy
        In keV.
    convergence_angle, collection_angle
        Semi-angles, mrad.

    Returns
    -------
    MultiEdgeEELS
        A copy that shares the data.

    Raises
    ------
    NotASpectrumImageError, EnergyAxisError
        As :func:`load`.
    """
    if not hasattr(signal, "axes_manager"):
        raise NotASpectrumImageError(
            f"{name}: is a {type(signal).__name__}, not a HyperSpy signal; open files with eelsmap.load, "
            "wrap arrays in hyperspy.api.signals.Signal1D"
        )
    if 0 in signal.data.shape:
        raise NotASpectrumImageError(f"{name}: holds nothing, its shape is {signal.data.shape}; cut out less of it")
    if signal.axes_manager.signal_dimension == 1 and signal.data.dtype.kind not in "iuf":
        raise NotASpectrumImageError(f"{name}: holds values of type {signal.data.dtype}, not counts")
    kind = signal.metadata.get_item("Signal.signal_type") or ""
    if kind and kind not in EELS_TYPES:
        raise NotASpectrumImageError(
            f"{name}: is of type {kind}; if these are EELS spectra, say so with signal.set_signal_type('EELS')"
        )
    given = {
        "beam_energy": beam_energy,
        "convergence_angle": convergence_angle,
        "collection_angle": collection_angle,
    }
    copy = _checked(signal._deepcopy_with_new_data(signal.data, copy_variance=True), name, [])
    complete_metadata(copy, given, {}, "")
    if not copy.metadata.has_item("EELSMap.source"):
        copy.metadata.set_item("EELSMap.source", {"file": name, "signal": name_signal(copy)})
    return copy


def _load_one(path: Path, lazy: bool, given: dict[str, float | None], edges: EdgeSet) -> Any:
    """Load one file and attach the low loss that lies in it."""
    signals, notes = read_signals(path, lazy=lazy)
    _refuse_results(signals, path)
    core, low = choose(signals, edges, path)
    if low is None and is_low_loss(signals[core]):
        notes.append("the axis includes zero loss: if a separate core loss exists, load that with low_loss=this file")
    signal = _checked(signals[core], str(path), notes)
    complete_metadata(signal, given, *_elsewhere(signal, signals))
    signal.metadata.set_item("EELSMap.source", _source(path, signal, core + 1, len(signals)))
    if low is not None:
        attached = _checked(signals[low], str(path), [])
        complete_metadata(attached, given, *_elsewhere(attached, signals))
        attach_low_loss(signal, attached, same_file=True)
    left = [
        name_signal(one)
        for index, one in enumerate(signals)
        if index not in (core, low) and (one.metadata.get_item("Signal.signal_type") or "").endswith("EELS")
    ]
    if left:
        add_notes(signal, [f"left out of the same file: {'; '.join(left)}"])
    taken = signal.metadata.EELSMap.source.signal
    _logger.info("%s: took %s%s", path, taken, "" if low is None else f"; low loss: {name_signal(signal.low_loss)}")
    return signal


def _checked(signal: Any, name: str, notes: list[str]) -> Any:
    """Check the axes of a signal and make it a MultiEdgeEELS."""
    from eelsmap.signals import MultiEdgeEELS

    notes = notes + check_energy_axis(signal, name) + convert_navigation_units(signal)
    signal.set_signal_type("MultiEdgeEELS")
    if not isinstance(signal, MultiEdgeEELS):
        raise EelsmapError(
            "HyperSpy does not know the signal type MultiEdgeEELS: install eelsmap with pip (a copied folder is not "
            "enough) and start Python again"
        )
    if isinstance(signal.data, np.ma.MaskedArray) or isinstance(getattr(signal.data, "_meta", None), np.ma.MaskedArray):
        # A masked channel has no counts, which kernels know by NaN.
        values = signal.data.astype(np.float64)
        signal.data = values.map_blocks(np.ma.filled, np.nan) if signal._lazy else np.ma.filled(values, np.nan)
        notes = [*notes, "masked values are taken as missing: pixels that hold any have no answer"]
    # Kernels want whole spectra; a reader may have cut them into pieces.
    if signal._lazy and len(signal.data.chunks[-1]) > 1:
        signal.data = signal.data.rechunk({signal.data.ndim - 1: -1})
    add_notes(signal, notes)
    return signal


def _elsewhere(signal: Any, signals: list[Any]) -> tuple[dict[str, float], str]:
    """Acquisition values that other places of the same file hold: its original metadata, then its other signals."""
    found = velox_acquisition(signal)
    for other in signals:
        value = acquisition(other).get("beam_energy")
        if value is not None:
            found.setdefault("beam_energy", value)
    return found, "elsewhere in the same file"


def _refuse_results(signals: list[Any], path: Path) -> None:
    """Say so when a file holds maps that eelsmap made."""
    kinds = {one.metadata.get_item("EELSMap.content") or one.metadata.get_item("Signal.signal_type") for one in signals}
    if kinds == {"PropertyMap"}:
        raise NotASpectrumImageError(f"{path}: holds a property map; open it with hyperspy.api.load")
    if "map series" in kinds:
        raise NotASpectrumImageError(f"{path}: holds the maps of a series; open its folder with MapSeries.load")
    if kinds <= {CONTENT, "PropertyMap"}:
        raise NotASpectrumImageError(f"{path}: holds property maps; open it with eelsmap.PropertyMaps.load")


def _source(path: Path, signal: Any, number: int, total: int) -> dict[str, str]:
    """Where a signal comes from, as plain strings."""
    source = {
        "file": path.name,
        "path": str(path.resolve()),
        "signal": f"signal {number} of {total}: {name_signal(signal)}",
    }
    digest = file_hash(path)
    if digest is not None:
        source["sha256"] = digest
    before = signal.metadata.get_item("EELSMap.source")
    if before is not None:
        # A .hspy file that eelsmap data were saved to: keep where they came from at first.
        earlier = before.as_dictionary()
        source["original_file"] = earlier.get("original_file", earlier["file"])
        if "original_sha256" in earlier or "sha256" in earlier:
            source["original_sha256"] = earlier.get("original_sha256", earlier.get("sha256"))
    return source
