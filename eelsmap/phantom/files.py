"""The phantom as HyperSpy signals and as files: .hspy, or .dm4 as Gatan software writes it."""

from __future__ import annotations

from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.errors import EelsmapError, FileReadError
from eelsmap.whole_file import whole_file

if TYPE_CHECKING:
    from eelsmap.phantom.image import Phantom

__all__ = ["core_loss_signal", "low_loss_signal", "read_truth", "save_phantom", "truth_signals", "write_dm4"]

_NAVIGATION_UNITS = "nm"


def core_loss_signal(phantom: Phantom) -> Any:
    """Core loss as an exspy ``EELSSpectrum``.

    Parameters
    ----------
    phantom
        The phantom.

    Returns
    -------
    exspy.signals.EELSSpectrum
        Navigation axes x, y in nm; energy axis as *recorded*, with the error of the axis, in eV. Beam energy, angles
        and dwell time are in the metadata, the making of the phantom in ``metadata.EELSMap.phantom``.
    """
    scope = phantom.microscope
    return _spectrum(phantom, phantom.core_loss, scope.offset, scope.dispersion, "phantom, core loss")


def low_loss_signal(phantom: Phantom) -> Any:
    """Low loss as an exspy ``EELSSpectrum``, or None without dual EELS; axes as :func:`core_loss_signal`."""
    if phantom.low_loss is None:
        return None
    scope = phantom.microscope
    return _spectrum(phantom, phantom.low_loss, scope.low_loss_offset, scope.low_loss_dispersion, "phantom, low loss")


def truth_signals(phantom: Phantom) -> dict[str, Any]:
    """Truth maps as HyperSpy ``Signal2D`` with axes x, y in nm, by name."""
    from hyperspy.signals import Signal2D

    signals = {}
    for name, values in phantom.truth.items():
        signal = Signal2D(values, axes=_navigation_axes(phantom))
        signal.metadata.General.title = f"phantom, true {name}"
        signals[name] = signal
    return signals


def save_phantom(phantom: Phantom, path: str | Path, *, overwrite: bool = False) -> list[Path]:
    """Write core loss, low loss and truth side by side.

    Parameters
    ----------
    phantom
        The phantom.
    path
        Where the core loss goes: ``name.hspy`` or ``name.dm4``. The low loss goes to ``name_low_loss`` with the same
        ending, the truth always to ``name_truth.hspy``.
    overwrite
        Whether existing files may be replaced.

    Returns
    -------
    list of pathlib.Path
        The files written, core loss first.

    Raises
    ------
    EelsmapError
        The ending is neither, a file exists already, or ``nionswift-io`` is missing for .dm4.
    """
    path = Path(path)
    if path.suffix.lower() not in (".hspy", ".dm4"):
        raise EelsmapError(f"{path.name}: a phantom is written as .hspy or .dm4, not as {path.suffix or 'no ending'!r}")
    as_dm4 = path.suffix.lower() == ".dm4"
    if as_dm4:
        _require_nionswift()
    files = {path: core_loss_signal(phantom)}
    if phantom.low_loss is not None:
        files[path.with_name(f"{path.stem}_low_loss{path.suffix}")] = low_loss_signal(phantom)
    truth_path = path.with_name(f"{path.stem}_truth.hspy")
    for target in (*files, truth_path):
        if target.exists() and not overwrite:
            raise EelsmapError(f"{target} exists already; give another name, or overwrite=True")
    path.parent.mkdir(parents=True, exist_ok=True)
    for target, signal in files.items():
        with whole_file(target) as part:
            if as_dm4:
                write_dm4(signal, part)
            else:
                signal.save(part, overwrite=True)
    with whole_file(truth_path) as part:
        _truth_stack(phantom).save(part, overwrite=True)
    return [*files, truth_path]


def read_truth(path: str | Path) -> dict[str, NDArray[np.float64]]:
    """Read the truth maps that :func:`save_phantom` wrote.

    Parameters
    ----------
    path
        The ``name_truth.hspy`` file.

    Returns
    -------
    dict
        Maps (rows, columns) by name.

    Raises
    ------
    FileReadError
        The file is missing or holds no truth maps.
    """
    import hyperspy.api as hs

    path = Path(path)
    if not path.is_file():
        raise FileReadError(f"{path}: there is no such file")
    stack = hs.load(path)
    names = stack.metadata.get_item("EELSMap.truth", "") if hasattr(stack, "metadata") else ""
    if not names:
        raise FileReadError(f"{path}: holds no truth maps of a phantom")
    return dict(zip(names.split(" "), np.asarray(stack.data, dtype=np.float64), strict=True))


def write_dm4(signal: Any, path: str | Path) -> None:
    """Write an EELS spectrum image as .dm4 with calibrated axes, beam energy and angles; time and current if known.

    Parameters
    ----------
    signal
        EELS signal of two navigation axes.
    path
        Where to write; an existing file is replaced.

    Raises
    ------
    EelsmapError
        ``nionswift-io`` is not installed.
    """
    _require_nionswift()
    from nion.data import Calibration, DataAndMetadata
    from nionswift_plugin.DM_IO import dm3_image_utils

    axes = (*signal.axes_manager.navigation_axes[::-1], *signal.axes_manager.signal_axes)
    instrument = signal.metadata.Acquisition_instrument.TEM
    current = instrument.get_item("beam_current")
    image = DataAndMetadata.new_data_and_metadata(
        np.ascontiguousarray(signal.data),
        data_descriptor=DataAndMetadata.DataDescriptor(False, 2, 1),
        dimensional_calibrations=[Calibration.Calibration(axis.offset, axis.scale, str(axis.units)) for axis in axes],
        intensity_calibration=Calibration.Calibration(0.0, 1.0, "Counts"),
        metadata={
            "Microscope Info": {
                "Voltage": 1e3 * instrument.beam_energy, "Operation Mode": "SCANNING",
                **({"Probe Current (nA)": float(current)} if current is not None else {}),
            },
            "EELS": {
                "Experimental Conditions": {
                    "Collection semi-angle (mrad)": float(instrument.Detector.EELS.collection_angle),
                    "Convergence semi-angle (mrad)": float(instrument.convergence_angle),
                },
                "Acquisition": {
                    "Exposure (s)": float(instrument.Detector.EELS.dwell_time), "Number of frames": 1,
                    **_recorded_at(signal),
                },
            },
            # Its presence tells readers that the image was scanned, so that the exposure is a dwell time.
            "DigiScan": {"Flip": 0},
            "Meta Data": {"Format": "Spectrum image", "Signal": "EELS"},
        },
    )  # fmt: skip
    with Path(path).open("wb") as file:
        dm3_image_utils.save_image(image, file, 4)


def _require_nionswift() -> None:
    """Refuse .dm4 with a sentence when its writer is missing."""
    if find_spec("nionswift_plugin") is None:
        raise EelsmapError("writing .dm4 needs the package nionswift-io: pip install 'eelsmap[phantom]'")


def _recorded_at(signal: Any) -> dict[str, str]:
    """Tags for date and time of a signal, as Gatan software writes them in the United States; none without both."""
    date, time = (signal.metadata.get_item(f"General.{name}") for name in ("date", "time"))
    if not date or not time:
        return {}
    moment = datetime.fromisoformat(f"{date}T{time}")
    return {"Date": moment.strftime("%m/%d/%Y"), "Start time": moment.strftime("%I:%M:%S %p")}


def _navigation_axes(phantom: Phantom) -> list[dict[str, Any]]:
    """Axes y, x in nm, as HyperSpy wants them."""
    scale = phantom.specimen.scale_nm
    return [
        {"name": name, "size": size, "scale": scale, "offset": 0.0, "units": _NAVIGATION_UNITS}
        for name, size in zip(("y", "x"), phantom.specimen.shape, strict=True)
    ]


def _spectrum(phantom: Phantom, data: NDArray[Any], offset: float, scale: float, title: str) -> Any:
    """Make an exspy EELSSpectrum of counts."""
    from exspy.signals import EELSSpectrum

    energy = {"name": "Energy loss", "size": data.shape[-1], "scale": scale, "offset": offset, "units": "eV"}
    signal = EELSSpectrum(data, axes=[*_navigation_axes(phantom), energy])
    scope = phantom.microscope
    signal.metadata.General.title = title
    signal.metadata.Signal.quantity = "Intensity (Counts)"
    signal.metadata.add_dictionary(
        {
            "Acquisition_instrument": {
                "TEM": {
                    "beam_energy": float(scope.beam_energy_kV),
                    "convergence_angle": float(scope.convergence_mrad),
                    "acquisition_mode": "STEM",
                    "microscope": "synthetic",
                    "Detector": {
                        "EELS": {"collection_angle": float(scope.collection_mrad), "dwell_time": float(scope.dwell_s)}
                    },
                }
            },
            "EELSMap": {"phantom": dict(phantom.provenance)},
        }
    )
    return signal


def _truth_stack(phantom: Phantom) -> Any:
    """All truth maps in one signal; their names are in ``metadata.EELSMap.truth``."""
    from hyperspy.signals import Signal2D

    names = list(phantom.truth)
    stack = Signal2D(
        np.stack([phantom.truth[name] for name in names]),
        axes=[{"name": "property", "size": len(names)}, *_navigation_axes(phantom)],
    )
    stack.metadata.General.title = "phantom, truth"
    stack.metadata.add_dictionary({"EELSMap": {"truth": " ".join(names), "phantom": dict(phantom.provenance)}})
    return stack
