"""The phantom: a synthetic specimen seen by the synthetic microscope, with its truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.phantom.detector import detect, gain_pattern
from eelsmap.phantom.expected import expected_counts
from eelsmap.phantom.low_loss import expected_low_loss
from eelsmap.phantom.microscope import Microscope
from eelsmap.phantom.specimen import Specimen

if TYPE_CHECKING:
    from eelsmap.library import Library

__all__ = ["Phantom", "make_phantom"]

_SEGMENT = 256  # pixels of a scan row recorded at a time, each segment with its own random stream


@dataclass(frozen=True)
class Phantom:
    """A recorded spectrum image whose truth is known.

    Parameters
    ----------
    core_loss
        Shape (rows, columns, channels): recorded counts.
    low_loss
        Shape (rows, columns, low-loss channels), or None without dual EELS.
    truth
        Maps (rows, columns) by name: those of :data:`~eelsmap.phantom.specimen.TRUTH_NAMES` after the probe's blur,
        ``t_over_lambda``, and ``drift_eV`` (by how much every edge lies too high on the recorded axis, eV).
    specimen, microscope
        What was seen, before the blur, and by what.
    provenance
        Plain strings and numbers on how the phantom was made.
    """

    core_loss: NDArray[Any]
    low_loss: NDArray[Any] | None
    truth: dict[str, NDArray[np.float64]]
    specimen: Specimen
    microscope: Microscope
    provenance: dict[str, Any]

    def signal(self) -> Any:
        """Core loss as an exspy ``EELSSpectrum``; see :func:`eelsmap.phantom.files.core_loss_signal`."""
        from eelsmap.phantom.files import core_loss_signal

        return core_loss_signal(self)

    def low_loss_signal(self) -> Any:
        """Low loss as an exspy ``EELSSpectrum``, or None without dual EELS."""
        from eelsmap.phantom.files import low_loss_signal

        return low_loss_signal(self)

    def truth_signals(self) -> dict[str, Any]:
        """Truth maps as HyperSpy ``Signal2D``, by name."""
        from eelsmap.phantom.files import truth_signals

        return truth_signals(self)

    def save(self, path: str | Path, *, overwrite: bool = False) -> list[Path]:
        """Write the phantom; see :func:`eelsmap.phantom.files.save_phantom`."""
        from eelsmap.phantom.files import save_phantom

        return save_phantom(self, path, overwrite=overwrite)


def make_phantom(
    shape: tuple[int, int] = (48, 64),
    *,
    microscope: Microscope | None = None,
    specimen: Specimen | None = None,
    library: Library | None = None,
    scale_nm: float = 1.0,
    seed: int = 0,
) -> Phantom:
    """Record a synthetic specimen.

    Parameters
    ----------
    shape
        (rows, columns); not used when a specimen is given.
    microscope
        Settings; the default microscope when left out.
    specimen
        What lies under the beam; a particle of that shape when left out.
    library
        The library that the specimen is made of; the shipped ``"nmc"`` one when left out.
    scale_nm
        Size of a pixel, nm; not used when a specimen is given.
    seed
        Seed of specimen and noise. The same seeds, library and settings give the same bytes.

    Returns
    -------
    Phantom
        Counts and truth. An image of 128 x 128 x 2048 needs about 0.3 GB.
    """
    if library is None:
        from eelsmap.library import load_library

        library = load_library("nmc")
    microscope = microscope or Microscope()
    specimen = specimen or Specimen.build(library, shape, scale_nm=scale_nm, seed=seed)
    seen = specimen.seen_by(microscope.probe_fwhm_nm)
    truth = seen.truth(library)
    truth["t_over_lambda"] = truth["thickness"] * microscope.t_over_lambda
    truth["drift_eV"] = microscope.drift(seen.shape)
    recorder = _Recorder(seen, microscope, library, truth, seed)
    core_loss, low_loss = recorder.record()
    return Phantom(core_loss, low_loss, truth, specimen, microscope, _provenance(library, specimen, microscope, seed))


@dataclass(frozen=True)
class _Recorder:
    """Records an image segment by segment, so that memory stays small and every segment has its own stream."""

    specimen: Specimen
    microscope: Microscope
    library: Library
    truth: dict[str, NDArray[np.float64]]
    seed: int

    def record(self) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Record the core loss and, with dual EELS, the low loss."""
        scope = self.microscope
        rows, columns = self.specimen.shape
        kind = np.dtype(np.uint16 if scope.integer_counts else np.float32)
        core_loss = np.empty((rows * columns, scope.channels), dtype=kind)
        low_loss = np.empty((rows * columns, scope.low_loss_channels), dtype=kind) if scope.dual_eels else None
        starts = [
            (row * columns + first, row * columns + min(first + _SEGMENT, columns))
            for row in range(rows)
            for first in range(0, columns, _SEGMENT)
        ]
        pattern_seed, *streams = np.random.SeedSequence([scope.seed, self.seed, 3]).spawn(1 + len(starts))
        pattern_rng = np.random.default_rng(pattern_seed)
        gain = gain_pattern(scope.channels, scope.gain_variation, pattern_rng)
        low_gain = gain_pattern(scope.low_loss_channels, scope.gain_variation, pattern_rng)
        for (first, last), stream in zip(starts, streams, strict=True):
            rng = np.random.default_rng(stream)
            pixels = np.arange(first, last)
            settings: dict[str, Any] = {
                "spike_rate": scope.spike_rate,
                "readout_noise": scope.readout_noise,
                "dtype": kind,
            }
            core_loss[first:last] = detect(self._core_loss(pixels), rng, gain=gain, **settings)
            if low_loss is not None:
                low_loss[first:last] = detect(self._low_loss(pixels), rng, gain=low_gain, **settings)
        shaped = None if low_loss is None else low_loss.reshape(rows, columns, -1)
        return core_loss.reshape(rows, columns, -1), shaped

    def _core_loss(self, pixels: NDArray[np.intp]) -> NDArray[np.float64]:
        """Compute the expected core-loss counts of some pixels; vacuum has none."""
        scope = self.microscope
        expected = np.zeros((pixels.size, scope.channels))
        thickness = self.truth["thickness"].ravel()[pixels]
        material = np.flatnonzero(thickness > 0)
        if not material.size:
            return expected
        t_over_lambda = thickness[material] * scope.t_over_lambda
        drift = self.truth["drift_eV"].ravel()[pixels[material]]
        expected[material] = expected_counts(
            self.specimen.mix(self.library, pixels[material]),
            scope.true_axis(),
            grids=self.library.grids,
            counts=scope.counts * thickness[material],
            fwhm_eV=scope.fwhm_eV,
            t_over_lambda=t_over_lambda,
            background_ratio=scope.background_ratio + scope.background_growth * t_over_lambda,
            background_exponent=scope.background_exponent,
            # The drift is stated on the recorded axis, whose dispersion may be wrong.
            edge_shift_eV=drift / (1.0 + scope.dispersion_error),
            psf_tail_fraction=scope.psf_tail_fraction,
            psf_tail_eV=scope.psf_tail_eV,
            beam_energy_kV=scope.beam_energy_kV,
            collection_mrad=scope.collection_mrad,
        )
        return expected

    def _low_loss(self, pixels: NDArray[np.intp]) -> NDArray[np.float64]:
        """Compute the expected low-loss counts of some pixels: the beam passes the vacuum too."""
        scope = self.microscope
        stretch = 1.0 + scope.dispersion_error
        return expected_low_loss(
            scope.low_loss_axis() / stretch,
            counts=scope.low_loss_counts,
            t_over_lambda=self.truth["t_over_lambda"].ravel()[pixels],
            fwhm_eV=scope.fwhm_eV,
            zero_loss_eV=(self.truth["drift_eV"].ravel()[pixels] + scope.axis_offset_error) / stretch,
            psf_tail_fraction=scope.psf_tail_fraction,
            psf_tail_eV=scope.psf_tail_eV,
        )


def _provenance(library: Library, specimen: Specimen, microscope: Microscope, seed: int) -> dict[str, Any]:
    """Say how a phantom was made, in plain strings and numbers."""
    import json

    from eelsmap import __version__

    return {
        "eelsmap_version": __version__,
        "seed": int(seed),
        "scale_nm": float(specimen.scale_nm),
        "library_records": " ".join(str(record) for record in specimen.records),
        "library_sha256": library.sha256,
        "microscope": json.dumps(microscope.to_dict(), sort_keys=True),
        "notes": "; ".join(specimen.notes),
        "what": "simulated spectrum image: a particle made of library spectra, seen by a synthetic microscope",
    }
