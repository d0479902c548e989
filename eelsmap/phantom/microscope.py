"""The synthetic microscope: its settings, and the axes that it records and those that are true."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.edges import NMC_EDGES
from eelsmap.errors import RecipeError

__all__ = ["Microscope"]

FloatArray = NDArray[np.float64]

_PIVOT = NMC_EDGES["O_K"].onset

# Least and greatest value of each number; None leaves that side open.
_LIMITS: dict[str, tuple[float | None, float | None]] = {
    "beam_energy_kV": (20.0, 400.0),
    "convergence_mrad": (0.0, 200.0),
    "collection_mrad": (0.1, 300.0),
    "dispersion": (0.005, 2.0),
    "offset": (10.0, 2000.0),
    "fwhm_eV": (0.0, 10.0),
    "counts": (0.0, None),
    "t_over_lambda": (0.0, 5.0),
    "background_ratio": (0.0, 100.0),
    "background_growth": (0.0, 20.0),
    "background_exponent": (0.0, 8.0),
    "psf_tail_fraction": (0.0, 0.9),
    "psf_tail_eV": (0.1, 100.0),
    "drift_eV": (0.0, 50.0),
    "row_jump_eV": (0.0, 20.0),
    "dispersion_error": (-0.2, 0.2),
    "axis_offset_error": (-100.0, 100.0),
    "gain_variation": (0.0, 0.29),
    "spike_rate": (0.0, 10.0),
    "readout_noise": (0.0, None),
    "probe_fwhm_nm": (0.0, 100.0),
    "dwell_s": (1e-7, 1e4),
    "low_loss_counts": (0.0, None),
    "low_loss_offset": (-1000.0, 0.0),
    "low_loss_dispersion": (0.005, 2.0),
}


# Units keep their capitals (eV, kV) in the names of settings, hence the N815 exceptions.
@dataclass(frozen=True, slots=True)
class Microscope:
    """Settings of the synthetic microscope.

    The defaults describe a probe-corrected microscope at 200 kV and a spectrum image of middling quality. What the
    NMC line scan of Jia et al. 2026 (10.1021/acsnano.5c16942) shows instead is given as "measured".

    Parameters
    ----------
    beam_energy_kV, convergence_mrad, collection_mrad
        Beam energy (kV) and semi-angles (mrad).
    dispersion, offset, channels
        The axis *as recorded*: width of a channel (eV), energy of the first channel (eV), number of channels.
    fwhm_eV
        Energy resolution, eV; measured 2.0.
    counts
        Expected counts, edges and background, in the O K window 525-557 eV where the specimen is thickest. Other
        pixels have counts in proportion to their thickness.
    t_over_lambda
        Thickness of the thickest place in inelastic mean free paths; measured 0.3-1.2.
    background_ratio, background_growth
        Background over the O K continuum step at 532 eV: ratio + growth x t/lambda. Measured 1.8 and 0.75.
    background_exponent
        r of the background's E^-r; measured 2.7-3.2.
    psf_tail_fraction, psf_tail_eV
        Point-spread tail of the detector: share of the counts and decay length (eV); measured 0.07 and 8 eV.
        A direct detector has next to none.
    drift_eV
        Range of the slow drift of the energy over the scan, eV.
    row_jump_eV
        Standard deviation of the jumps between rows of the scan, eV.
    dispersion_error, axis_offset_error
        What is wrong with the recorded axis: recorded energy = true energy + offset error (eV)
        + dispersion error x (true energy - 532 eV). Measured: about -11 eV and -0.026.
    gain_variation
        Channel-to-channel gain left over, standard deviation; measured 0.002.
    spike_rate
        X-ray spikes a spectrum.
    readout_noise
        Counts a channel, standard deviation.
    probe_fwhm_nm
        Full width at half maximum of the probe, beam spreading included, nm.
    dwell_s
        Dwell time, written into the metadata only.
    dual_eels
        Whether a low loss is recorded at the same time.
    low_loss_counts, low_loss_offset, low_loss_dispersion, low_loss_channels
        Electrons a low-loss spectrum, and its axis (eV).
    integer_counts
        Whether counts are written as 16-bit integers (a counting detector; cut at 65535) or as float32.
    seed
        Seed of drift, gain pattern and noise.

    Raises
    ------
    RecipeError
        A setting is out of its range.
    """

    beam_energy_kV: float = 200.0  # noqa: N815
    convergence_mrad: float = 25.0
    collection_mrad: float = 50.0
    dispersion: float = 0.25
    offset: float = 465.0
    channels: int = 2048
    fwhm_eV: float = 1.0  # noqa: N815
    counts: float = 1e5
    t_over_lambda: float = 0.6
    background_ratio: float = 1.8
    background_growth: float = 0.75
    background_exponent: float = 2.9
    psf_tail_fraction: float = 0.03
    psf_tail_eV: float = 8.0  # noqa: N815
    drift_eV: float = 0.6  # noqa: N815
    row_jump_eV: float = 0.05  # noqa: N815
    dispersion_error: float = 0.0
    axis_offset_error: float = 0.0
    gain_variation: float = 0.002
    spike_rate: float = 0.005
    readout_noise: float = 1.0
    probe_fwhm_nm: float = 0.5
    dwell_s: float = 0.01
    dual_eels: bool = False
    low_loss_counts: float = 2e6
    low_loss_offset: float = -40.0
    low_loss_dispersion: float = 0.25
    low_loss_channels: int = 1024
    integer_counts: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse settings out of their range, naming them."""
        for name, (low, high) in _LIMITS.items():
            value = getattr(self, name)
            inside = np.isfinite(value) and (low is None or value >= low) and (high is None or value <= high)
            if not inside:
                wanted = f"{'any' if low is None else low} to {'any' if high is None else high}"
                raise RecipeError(f"microscope: {name} = {value!r} cannot be used; its range is {wanted}")
        for name in ("channels", "low_loss_channels"):
            if getattr(self, name) < 16:
                raise RecipeError(f"microscope: {name} = {getattr(self, name)!r} cannot be used; 16 or more are wanted")
        if self.seed < 0:
            raise RecipeError(f"microscope: seed = {self.seed!r} cannot be used; it must be zero or more")
        if self.true_axis()[0] < 10.0:
            raise RecipeError("microscope: with these errors the true axis would start below 10 eV; reduce them")

    def recorded_axis(self) -> FloatArray:
        """Energy of each channel as the file says it, shape (channels,), eV."""
        return self.offset + self.dispersion * np.arange(self.channels, dtype=np.float64)

    def true_axis(self) -> FloatArray:
        """Energy of each channel as it is, shape (channels,), eV."""
        return _PIVOT + (self.recorded_axis() - _PIVOT - self.axis_offset_error) / (1.0 + self.dispersion_error)

    def recorded_energy(self, energy: FloatArray | float) -> FloatArray | float:
        """Where a true energy (eV) appears on the recorded axis, drift aside."""
        return energy + self.axis_offset_error + self.dispersion_error * (energy - _PIVOT)

    def low_loss_axis(self) -> FloatArray:
        """Energy of each low-loss channel, shape (low_loss_channels,), eV."""
        return self.low_loss_offset + self.low_loss_dispersion * np.arange(self.low_loss_channels, dtype=np.float64)

    def drift(self, shape: tuple[int, int]) -> FloatArray:
        """Energy drift of each pixel, eV.

        A slow wave along the scan, whose range is exactly ``drift_eV`` for an image of more than one pixel, and a
        jump of each row.

        Parameters
        ----------
        shape
            (rows, columns) of the scan.

        Returns
        -------
        numpy.ndarray
            Shape (rows, columns); mean about zero.
        """
        rows, columns = shape
        rng = np.random.default_rng([self.seed, 1])
        phase, turns = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(0.4, 0.9)
        time = np.linspace(0.0, 1.0, rows * columns)
        wave = np.cos(2.0 * np.pi * turns * time + phase)
        span = wave.max() - wave.min()
        slow = (wave - 0.5 * (wave.max() + wave.min())) * (self.drift_eV / span if span > 0 else 0.0)
        jumps = self.row_jump_eV * rng.standard_normal(rows)
        return slow.reshape(rows, columns) + jumps[:, None]

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for provenance."""
        return asdict(self)
