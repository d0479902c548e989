"""Does the right ion explain a measured L2,3 edge better than wrong ones? Shift and width are fixed beforehand.

A fitted cosine proves nothing: with shift and width free, wrong valences fit as well as right ones. So nothing is
fitted here but one scale factor:

- *Width and plural scattering* are those of the measurement: every candidate is convolved with the low loss of the same
  specimen, zero-loss peak included.
- *Shift*: every candidate is laid with its own L3 maximum on the measured one. What is compared is shape alone: no
  candidate gains by an energy axis that is wrong, and none by its empirical position.
- L3/L2 ratio and distance of L3 and L2 are read from measurement and candidates by one and the same function.

The background before the measured edge is a power law (`eelsmap.preprocess`), fitted in the window of the edge set
displaced with the L3 maximum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from eelsmap.edges import NMC_EDGES
from eelsmap.errors import LibraryError
from eelsmap.library.white_lines import REFERENCE_ELONGATION, REFERENCE_FIELD
from eelsmap.preprocess.background import extrapolate_power_law, fit_power_law

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from eelsmap.library.white_lines import WhiteLines

#: What is compared, eV from the L3 maximum: white lines, and as little continuum as tells them from it.
WINDOW = (-8.0, 18.0)
#: Where the height of the continuum is read, eV from the L3 maximum: behind L2 and before the first plasmon of L3.
CONTINUUM = (15.5, 19.0)
#: Halves of a line within which its area is taken, eV from its maximum.
HALF_LINE = 3.5
#: Distance from L3 at which L2 is looked for, eV, by element.
SPIN_ORBIT = {"Mn": (8.5, 13.0), "Co": (12.0, 18.0), "Ni": (14.0, 20.0)}
#: Energy before the edge, eV, from which a candidate is calculated, and how far the low loss is followed.
REACH_EV = 60.0


@dataclass(frozen=True)
class LineFigures:
    """White lines of one spectrum, read the same way from measurement and candidate.

    ``distance`` of the L2 from the L3 maximum, eV; ``height_ratio`` of the maxima, nothing subtracted;
    ``area_ratio`` of L3 to L2 within 3.5 eV on either side after subtraction of two steps (2/3 under L3, 1/3 under L2)
    that reach the continuum behind L2 (Pearson, Ahn, Fultz, Phys. Rev. B 47, 8471 (1993), 10.1103/PhysRevB.47.8471);
    ``continuum`` height behind L2 over the L3 maximum; ``width`` of L3 at half its maximum, eV.
    """

    distance: float
    height_ratio: float
    area_ratio: float
    continuum: float
    width: float


@dataclass(frozen=True)
class MeasuredEdge:
    """One measured L2,3 edge without background, on its recorded axis, and the low loss of the same specimen.

    ``energy``, ``net`` (channel,): recorded energy in eV and counts above the background. ``response`` (point,): share
    of electrons that lose 0, `step`, 2 `step` ... eV more or (before the middle) less. ``l3`` recorded energy of the L3
    maximum.
    """

    element: str
    energy: NDArray
    net: NDArray
    response: NDArray
    l3: float

    @property
    def step(self) -> float:
        """Width of a channel, eV."""
        return float((self.energy[-1] - self.energy[0]) / (self.energy.size - 1))


def measured_edge(
    element: str,
    energy: NDArray,
    counts: NDArray,
    low_loss_energy: NDArray,
    low_loss: NDArray,
    *,
    near: float,
) -> MeasuredEdge:
    """Prepare a measured edge.

    Parameters
    ----------
    element
        ``"Mn"``, ``"Co"`` or ``"Ni"``.
    energy, counts
        Recorded core loss, (channel,), eV and counts.
    low_loss_energy, low_loss
        Recorded low loss with its zero-loss peak, (channel,).
    near
        Recorded energy near which the L3 maximum lies (within 6 eV).

    Returns
    -------
    MeasuredEdge

    Raises
    ------
    LibraryError
        The axis does not hold the edge, or its background cannot be fitted.
    """
    inside = np.abs(energy - near) <= 6
    if not inside.any():
        raise LibraryError(f"the spectrum ({energy[0]:.0f} to {energy[-1]:.0f} eV) has nothing at {near:.0f} eV")
    l3 = _maximum(energy[inside], counts[inside])
    edge = NMC_EDGES[f"{element}_L"]
    usual = edge.lines[0].energy
    low, high = (value - usual + l3 for value in edge.background)
    before = (energy >= low) & (energy <= high)
    wanted = energy >= low
    if energy[0] > low or energy[-1] < l3 + CONTINUUM[1]:
        raise LibraryError(
            f"the spectrum ({energy[0]:.0f} to {energy[-1]:.0f} eV) does not hold {element} L2,3 and its background, "
            f"{low:.0f} to {l3 + CONTINUUM[1]:.0f} eV"
        )
    width = np.full(energy.size, (energy[-1] - energy[0]) / (energy.size - 1))
    fit = fit_power_law(counts[None, before], energy[before], width[before])
    if fit.failed[0]:
        raise LibraryError("the background cannot be fitted: a channel before the edge holds no counts")
    background, _ = extrapolate_power_law(fit, energy[wanted], width[wanted])
    net = counts[wanted] - background[0]
    return MeasuredEdge(element, energy[wanted], net, _response(low_loss_energy, low_loss, float(width[0])), l3)


def candidate(edge: MeasuredEdge, lines: WhiteLines, ions: Mapping[str, float], reduction: float = 0.5) -> NDArray:
    """Shape that a mixture of ions would have in this measurement, with its own L3 maximum on the measured one.

    Parameters
    ----------
    edge
        The measurement.
    lines
        Source of the ion spectra.
    ions
        Shares by ion; each at its reference bond length and elongation.
    reduction
        Slater reduction, 0 to 1 over each ion's grid.

    Returns
    -------
    numpy.ndarray
        (channel,) on `edge.energy`.
    """
    usual = NMC_EDGES[f"{edge.element}_L"].lines[0].energy
    fine = edge.step / 4
    axis = np.arange(usual - REACH_EV, usual + REACH_EV, fine)
    intrinsic = np.zeros(axis.size)
    for ion, share in ions.items():
        elongation = REFERENCE_ELONGATION.get(ion, 0.0)
        intrinsic += share * lines.spectrum(ion, REFERENCE_FIELD[ion][1], reduction, axis, elongation)
    offsets = (np.arange(edge.response.size) - edge.response.size // 2) * edge.step
    within = np.arange(offsets[0], offsets[-1], fine)
    kernel = np.interp(within, offsets, edge.response)
    seen = np.convolve(intrinsic, kernel / kernel.sum() * edge.response.sum())
    seen_axis = axis[0] + within[0] + fine * np.arange(seen.size)
    near = (seen_axis > usual - 8) & (seen_axis < usual + 6)
    top = _maximum(seen_axis[near], seen[near])
    return np.interp(edge.energy - edge.l3, seen_axis - top, seen)


def mismatch(edge: MeasuredEdge, shape: NDArray) -> float:
    """Return what a shape leaves unexplained in `WINDOW` at its best scale factor: 0 all explained, 1 nothing."""
    inside = (edge.energy >= edge.l3 + WINDOW[0]) & (edge.energy <= edge.l3 + WINDOW[1])
    measured, model = edge.net[inside], shape[inside]
    left = measured - model * (measured @ model) / (model @ model)
    return float(np.sqrt((left @ left) / (measured @ measured)))


def line_figures(edge: MeasuredEdge, spectrum: NDArray) -> LineFigures:
    """Read ratio, distance, continuum and width of the white lines of a spectrum on the channels of `edge`."""
    energy = edge.energy - edge.l3
    low, high = SPIN_ORBIT[edge.element]
    top3 = float(spectrum[np.abs(energy) < 1.5].max())
    second = (energy >= low) & (energy <= high)
    distance = _maximum(energy[second], spectrum[second])
    top2 = float(spectrum[second].max())
    continuum = float(spectrum[(energy >= CONTINUUM[0]) & (energy <= CONTINUUM[1])].mean())
    slope = 0.75
    steps = sum(
        share * (0.5 + np.arctan((energy - at) / slope) / np.pi) for share, at in ((2 / 3, 0.0), (1 / 3, distance))
    )
    left = spectrum - continuum * steps
    areas = [float(left[np.abs(energy - at) <= HALF_LINE].sum()) for at in (0.0, distance)]
    above = energy[(spectrum > top3 / 2) & (np.abs(energy) < 6)]
    return LineFigures(distance, top3 / top2, areas[0] / areas[1], continuum / top3, float(above[-1] - above[0]))


@dataclass(frozen=True)
class Ranked:
    """One candidate: its name, what it leaves unexplained, and its white lines."""

    name: str
    mismatch: float
    lines: LineFigures


def rank(
    edge: MeasuredEdge, lines: WhiteLines, candidates: Sequence[Mapping[str, float]], reduction: float = 0.5
) -> list[Ranked]:
    """Candidates, best first."""
    ranked = []
    for ions in candidates:
        shape = candidate(edge, lines, ions, reduction)
        name = " + ".join(ion if share == 1 else f"{share:g} {ion}" for ion, share in ions.items())
        ranked.append(Ranked(name, mismatch(edge, shape), line_figures(edge, shape)))
    return sorted(ranked, key=lambda item: item.mismatch)


def _maximum(energy: NDArray, values: NDArray) -> float:
    """Energy of the maximum, from a parabola through the points within 0.7 eV of the highest one (five at least)."""
    top = int(np.argmax(values))
    half = max(2, int(0.7 / abs(energy[1] - energy[0]) + 1e-3))
    part = slice(max(top - half, 0), top + half + 1)
    a, b, _ = np.polyfit(energy[part] - energy[top], values[part], 2)
    return float(energy[top] - b / (2 * a)) if a < 0 else float(energy[top])


def _response(energy: NDArray, counts: NDArray, step: float) -> NDArray:
    """Low loss on steps of the core loss, zero loss in the middle, as shares of the zero loss to 60 eV."""
    zero = _maximum(energy, counts)
    offsets = np.arange(-round(REACH_EV / step), round(REACH_EV / step) + 1) * step
    own = (energy[-1] - energy[0]) / (energy.size - 1)
    values = np.interp(zero + offsets, energy, counts) / own
    values[(offsets < -5) | (values < 0)] = 0
    return values / values.sum()
