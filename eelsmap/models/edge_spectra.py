"""Spectra of one L2,3 edge alone, of any oxide of the metal, as somebody would hand them over: background subtracted.

The library holds layered oxides. Whoever asks for the valence of a metal from its own edge may have a rock salt, a
spinel, a rutile, in a spectrum that was cut, shifted, broadened and treated by others. Simulation and measurement also
differ in ways that no library shows: line widths, L3/L2 ratio, the continuum and what is left of the background. All
of that is drawn at random here, so that a model cannot lean on it (domain randomisation, as Ji, Hu and Xin did for
mixed Mn valences: Sci. Rep. 2023, 13, 14132, 10.1038/s41598-023-40616-5).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline

from eelsmap.edges import Edge
from eelsmap.library.varied_ions import VariedIons
from eelsmap.library.white_lines import AREA_PER_HOLE_EV, WhiteLines
from eelsmap.phantom.scattering import scatter

__all__ = ["EDGE_RANGES", "PARTS", "EdgeSpectra", "IonMixtures", "make_edge_spectra"]

EDGE_RANGES: dict[str, Any] = {
    "pure_valence_probability": 0.7,
    "fields_averaged": (1, 3),
    "l3_position_eV": 0.35,
    "l2_distance_eV": 0.25,
    "l3_over_l2_log_mean": 0.05,
    "l3_over_l2_log_sigma": 0.15,
    "white_line_area_log_sigma": 0.3,
    "lifetime_factor": (0.8, 4.0),
    "l2_lifetime_factor": (0.8, 1.6),
    "continuum_onset_eV": (-1.0, 3.0),
    "continuum_width_eV": (0.6, 3.0),
    "continuum_waves": (0.0, 0.12),
    "fwhm_eV": (0.15, 2.2),
    "t_over_lambda": (0.0, 1.0),
    "psf_tail_fraction": (0.0, 0.09),
    "residue_of_maximum": 0.05,
    "slope_of_maximum": 0.05,
    "counts_in_window": (5e2, 1e6),
    "background_over_edge": (0.3, 20.0),
    "dispersion_eV": (0.05, 0.1, 0.2, 0.25, 0.3, 0.5),
    "start_before_l3_eV": (4.0, 25.0),
    "end_after_l2_eV": (4.0, 25.0),
    "axis_uncertainty_eV": (0.2, 2.5),
    "axis_unknown_probability": 0.4,
}
"""What is drawn for each spectrum: evenly, evenly in the logarithm where a range spans a factor of four, or normally.

The L3/L2 ratio of the multiplets is taken a little up: measured ratios of Mn2+, Mn3+ and Mn4+ oxides lie there
(``examples/ranking_on_measured_edges.py`` prints both for the edges at hand).
"""

PARTS = 5
"""Crystal fields are dealt into so many parts, so that some can be held out."""

_CHUNK = 64
_FINE = 0.1
_REACH = 60.0


class EdgeSpectra(NamedTuple):
    """Spectra with one energy axis.

    ``energy`` (channel,) eV; ``intensity`` (n, channel); ``valence`` (n,); ``part`` (n,): which fifth of the crystal
    fields each spectrum was drawn from; ``axis_uncertainty`` as it is stated to the model, eV, NaN where it is not.
    """

    energy: NDArray[np.float64]
    intensity: NDArray[np.float64]
    valence: NDArray[np.float64]
    part: NDArray[np.intp]
    axis_uncertainty: float


@dataclass(frozen=True)
class IonMixtures:
    """Ions of one element ready to be drawn from.

    Parameters
    ----------
    edge
        The L2,3 edge.
    ions
        Sticks of every ion over all crystal fields.
    white_lines
        Where each ion's L3 centroid lies.
    """

    edge: Edge
    ions: VariedIons
    white_lines: WhiteLines

    def draw_sticks(self, name: str, part: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Sticks (L3 or L2, bin) of one ion: a mean over a few crystal fields of one part of all."""
        sticks = self.ions.sticks[name][part % PARTS :: PARTS]
        low, high = EDGE_RANGES["fields_averaged"]
        several = int(rng.integers(low, high + 1))
        points = rng.integers(len(sticks), size=several)
        return np.asarray(np.tensordot(rng.dirichlet(np.ones(several)), sticks[points], axes=1))

    def draw_shares(self, rng: np.random.Generator) -> dict[int, float]:
        """Shares by valence: one valence, or two neighbours, or (rarely) all."""
        valences = sorted(self.ions.of_element(self.edge.element))
        if rng.random() < EDGE_RANGES["pure_valence_probability"]:
            return {int(rng.choice(valences)): 1.0}
        if rng.random() < 0.15:
            return dict(zip(valences, rng.dirichlet(np.ones(len(valences))), strict=True))
        lower = int(rng.integers(len(valences) - 1))
        share = float(rng.uniform(0.05, 0.95))
        return {valences[lower]: 1.0 - share, valences[lower + 1]: share}


def make_edge_spectra(mixtures: IonMixtures, rows: int, rng: np.random.Generator, /) -> Iterator[EdgeSpectra]:
    """Make spectra chunk by chunk; each chunk has one energy axis.

    Parameters
    ----------
    mixtures
        Ions of one element.
    rows
        Number of spectra.
    rng
        Source of randomness.

    Yields
    ------
    EdgeSpectra
        At most 64 spectra each.
    """
    for start in range(0, rows, _CHUNK):
        yield _chunk(mixtures, min(_CHUNK, rows - start), rng)


def _chunk(mixtures: IonMixtures, n: int, rng: np.random.Generator) -> EdgeSpectra:
    edge = mixtures.edge
    l3, l2 = (line.energy for line in edge.lines)
    fine = np.arange(l3 - _REACH, l2 + _REACH, _FINE)
    uncertainty = float(_draw(rng, "axis_uncertainty_eV", 1)[0])
    shift = rng.normal(0.0, uncertainty, n)
    part = rng.integers(PARTS, size=n)
    spectrum, valence = np.empty((n, fine.size)), np.empty(n)
    for row in range(n):
        shares = mixtures.draw_shares(rng)
        valence[row] = sum(state * share for state, share in shares.items())
        spectrum[row] = _intrinsic(mixtures, shares, int(part[row]), fine - shift[row], rng)
    spectrum = scatter(
        spectrum,
        _FINE,
        t_over_lambda=_draw(rng, "t_over_lambda", n),
        fwhm_eV=_draw(rng, "fwhm_eV", n),
        tail_fraction=_draw(rng, "psf_tail_fraction", n),
        tail_eV=8.0,
    )
    dispersion = float(rng.choice(EDGE_RANGES["dispersion_eV"]))
    first = l3 - float(_draw(rng, "start_before_l3_eV", 1)[0])
    last = l2 + float(_draw(rng, "end_after_l2_eV", 1)[0])
    energy = np.arange(first, last, dispersion)
    intensity = _in_channels(spectrum, fine, energy, dispersion)
    intensity = _noise(intensity, rng)
    top = intensity.max(axis=1, keepdims=True)
    position = np.linspace(-1.0, 1.0, energy.size)
    intensity += top * EDGE_RANGES["residue_of_maximum"] * rng.standard_normal((n, 1))
    intensity += top * EDGE_RANGES["slope_of_maximum"] * rng.standard_normal((n, 1)) * (position + 1.0)
    stated = np.nan if rng.random() < EDGE_RANGES["axis_unknown_probability"] else uncertainty
    return EdgeSpectra(energy, intensity, valence, part, stated)


def _intrinsic(
    mixtures: IonMixtures, shares: dict[int, float], part: int, energy: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """One spectrum before the microscope, shape (point,), in units of the continuum step."""
    ions = mixtures.ions
    names = ions.of_element(mixtures.edge.element)
    frequency = np.fft.rfftfreq(energy.size, _FINE)
    transform = np.zeros(frequency.size, dtype=complex)
    ratio = np.exp(rng.normal(EDGE_RANGES["l3_over_l2_log_mean"], EDGE_RANGES["l3_over_l2_log_sigma"]))
    area = AREA_PER_HOLE_EV * np.exp(rng.normal(0.0, EDGE_RANGES["white_line_area_log_sigma"]))
    widening = float(_draw(rng, "lifetime_factor", 1)[0])
    widening2 = widening * float(_draw(rng, "l2_lifetime_factor", 1)[0])
    apart_jitter = rng.normal(0.0, EDGE_RANGES["l2_distance_eV"])
    onset = 0.0
    for state, share in shares.items():
        name = str(rng.choice(names[state]))
        sticks = mixtures.draw_sticks(name, part, rng)
        centre = mixtures.white_lines.centroid_energy(name) + rng.normal(0.0, EDGE_RANGES["l3_position_eV"])
        onset += share * centre
        holes = 10 - mixtures.white_lines.header["ions"][name]["electrons"]
        apart = apart_jitter + mixtures.white_lines.l2_farther(name)
        weights = np.array([ratio, 1.0]) * sticks.sum(axis=1)
        weights *= 1.0 / weights.sum() / np.maximum(sticks.sum(axis=1), 1e-12)
        for line, (scale, moved) in enumerate(((widening, 0.0), (widening2, apart))):
            width = ions.widths[name][line] * scale
            # Bins lie at centre + their middle; a phase moves them there without resampling.
            padded = scipy.fft.rfft(sticks[line], n=energy.size)
            place = centre + moved + ions.centres[0] - energy[0]
            kernel = np.exp(-np.pi * width * frequency - 2j * np.pi * frequency * place)
            transform += share * holes * area * weights[line] / _FINE * padded * kernel
    result: NDArray[np.float64] = scipy.fft.irfft(transform, n=energy.size)
    distance = mixtures.edge.lines[1].energy - mixtures.edge.lines[0].energy
    onset += float(_draw(rng, "continuum_onset_eV", 1)[0])
    width = float(_draw(rng, "continuum_width_eV", 1)[0])
    step = sum(
        part * (0.5 + np.arctan((energy - onset - moved) / width) / np.pi)
        for part, moved in ((2 / 3, 0), (1 / 3, distance))
    )
    return np.maximum(result, 0.0) + step * _waves(energy, onset, rng)


def _waves(energy: NDArray[np.float64], onset: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw extended fine structure and slope of the continuum: a slow curve about a power law, shape (point,)."""
    knots = np.arange(energy[0], energy[-1] + 24.0, 12.0)
    size = float(_draw(rng, "continuum_waves", 1)[0])
    curve = make_interp_spline(knots, size * rng.standard_normal(knots.size))(energy)
    decay = np.maximum(energy / onset, 0.5) ** -rng.uniform(0.0, 6.0)
    return np.asarray(np.maximum(1.0 + curve, 0.0) * decay)


def _in_channels(
    spectrum: NDArray[np.float64], fine: NDArray[np.float64], energy: NDArray[np.float64], dispersion: float
) -> NDArray[np.float64]:
    """Mean intensity in every channel, shape (n, channel)."""
    running = np.concatenate([np.zeros((len(spectrum), 1)), np.cumsum(spectrum, axis=1)], axis=1)
    boundary = np.append(energy - dispersion / 2, energy[-1] + dispersion / 2)
    position = np.clip((boundary - fine[0]) / _FINE + 0.5, 0, fine.size)
    index = np.minimum(position.astype(np.intp), fine.size - 1)
    integral = running[:, index] + (position - index) * (running[:, index + 1] - running[:, index])
    return np.asarray(np.diff(integral, axis=1) * (_FINE / dispersion))


def _noise(intensity: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Shot noise of edge and of the background that was subtracted, shape (n, channel)."""
    n = len(intensity)
    counts = _draw(rng, "counts_in_window", n)[:, None]
    below = _draw(rng, "background_over_edge", n)[:, None]
    expected = intensity / intensity.sum(axis=1, keepdims=True) * counts
    background = below * expected.mean(axis=1, keepdims=True)
    return rng.poisson(expected + background) - background


def _draw(rng: np.random.Generator, name: str, n: int) -> NDArray[np.float64]:
    """Draw n values of a range: evenly, or evenly in the logarithm where it spans more than a factor of four."""
    low, high = EDGE_RANGES[name]
    if low > 0 and high / low > 4:
        return np.asarray(np.exp(rng.uniform(np.log(low), np.log(high), n)))
    return rng.uniform(low, high, n)
