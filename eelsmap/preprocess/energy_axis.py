"""The energy axis: what is wrong with it, the simplest correction that explains it, and what stays uncertain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eelsmap.edges import EdgeSet
from eelsmap.errors import EnergyAxisError
from eelsmap.preprocess.edge_location import EdgeLocation
from eelsmap.recipe import EnergyAxisStep

__all__ = ["AxisCorrection", "check_energy_axis", "correct_energy_axis"]

# Valence moves an L3 line by about +-1 eV (science: Mn2+ to Mn4+ spans 640 to 644 eV), so edges that agree within
# this distance agree on one offset, and no more than that can be learned from them.
_VALENCE_SPREAD = 1.5
_AFFINE_RESIDUAL = 0.7
_LARGEST_DISPERSION_ERROR = 0.05
# Standard deviations, eV: what the valence of one edge and what the charge of all of them together make of positions;
# what calibrations are usually off by, without and with a zero-loss peak.
_VALENCE_SIGMA = 1.0
_CHARGE_SIGMA = 0.4
_PRIOR_SIGMA, _PRIOR_ZERO_LOSS = 1.0, 0.3
_FORCED_SIGMA, _LOST_SIGMA = 1.5, 1.0


@dataclass(frozen=True, slots=True)
class AxisCorrection:
    """What was done to the energy axis: usual = scale x recorded + offset, for each edge.

    Parameters
    ----------
    mode
        ``"none"``, ``"zero_loss"``, ``"global"``, ``"zero_loss+global"`` or ``"per_edge"``.
    edges
        Names of the edges, in the order of the edge set.
    scale, offset
        One pair an edge; offset in eV.
    uncertainty
        Standard deviation of what may remain of the error, eV.
    absolute_scale_lost
        True when edges were shifted one by one: their distances and absolute energies then say nothing.
    displacements
        Recorded minus usual energy of the edges that were located, eV.
    message
        The same in words.
    """

    mode: str
    edges: tuple[str, ...]
    scale: tuple[float, ...]
    offset: tuple[float, ...]
    uncertainty: float
    absolute_scale_lost: bool
    displacements: dict[str, float]
    message: str

    def recorded(self, edge: int, usual: ArrayLike, /) -> NDArray[np.float64]:
        """Energies on the recorded axis of energies on the usual scale, for one edge (its index), eV."""
        return (np.asarray(usual, dtype=np.float64) - self.offset[edge]) / self.scale[edge]

    def usual(self, edge: int, recorded: ArrayLike, /) -> NDArray[np.float64]:
        """Energies on the usual scale of energies on the recorded axis, for one edge (its index), eV."""
        return self.scale[edge] * np.asarray(recorded, dtype=np.float64) + self.offset[edge]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for provenance."""
        return {
            "mode": self.mode,
            "scale": dict(zip(self.edges, self.scale, strict=True)),
            "offset_eV": dict(zip(self.edges, self.offset, strict=True)),
            "uncertainty_eV": self.uncertainty,
            "absolute_scale_lost": self.absolute_scale_lost,
            "displacements_eV": dict(self.displacements),
            "message": self.message,
        }


def check_energy_axis(energy: ArrayLike, /) -> NDArray[np.float64]:
    """Refuse an energy axis that no step can use.

    Parameters
    ----------
    energy
        Channel energies, shape (channel,), eV.

    Returns
    -------
    numpy.ndarray
        The same as float64.

    Raises
    ------
    EnergyAxisError
        The axis is not one-dimensional, too short, not finite, descending, or not uniform.
    """
    axis = np.asarray(energy, dtype=np.float64)
    if axis.ndim != 1 or axis.size < 16:
        raise EnergyAxisError(f"the energy axis has shape {axis.shape}; a spectrum needs at least 16 channels")
    if not np.isfinite(axis).all():
        raise EnergyAxisError("the energy axis holds NaN or infinite values; calibrate it first")
    steps = np.diff(axis)
    if (steps <= 0).all():
        raise EnergyAxisError(
            f"the energy axis descends from {axis[0]:g} to {axis[-1]:g} eV; reverse the data and the axis first"
        )
    if (steps <= 0).any() or np.ptp(steps) > 1e-3 * abs(steps.mean()) + 1e-9:
        raise EnergyAxisError("the energy axis is not uniform; interpolate the data to equal channel widths first")
    return axis


def correct_energy_axis(
    found: dict[str, EdgeLocation], edges: EdgeSet, step: EnergyAxisStep, /, *, zero_loss: float | None = None
) -> AxisCorrection:
    """Choose the simplest correction that explains where the edges were found.

    Parameters
    ----------
    found
        Result of :func:`eelsmap.preprocess.edge_location.locate_edges` on the mean spectrum.
    edges
        The edge set.
    step
        Mode and tolerance.
    zero_loss
        Median position of the zero-loss peak, eV, when every pixel is shifted by its own; None otherwise. The
        correction is then what remains to be done after those shifts.

    Returns
    -------
    AxisCorrection
        With ``uncertainty`` grown by what the way of correction cannot know.
    """
    names = [name for name in edges.names if name in found]
    onset = np.array([edges[name].onset for name in names])
    displacement = np.array([found[name].displacement for name in names]) - (zero_loss or 0.0)
    by_name = dict(zip(names, displacement.round(3).tolist(), strict=True))
    pixels, before = ("", "") if zero_loss is None else ("zero_loss", "each pixel shifted by its zero-loss peak; ")
    if not names:
        said = before + "no edge could be located to check the axis; left as recorded"
        return _uniform(edges, pixels or "none", 1.0, 0.0, 1.0, by_name, said)
    weight = 1.0 / (np.array([found[name].uncertainty for name in names]) ** 2 + _VALENCE_SIGMA**2)
    offset = float(np.median(displacement))
    known = float(np.sqrt(_CHARGE_SIGMA**2 + 1.0 / weight.sum()))
    mode = step.mode
    if mode in ("none", "zero_loss") or (mode == "auto" and np.abs(displacement).max() <= step.tolerance):
        said = before + ("left as recorded as the recipe says" if mode == "none" else "edges lie where they should")
        prior = _PRIOR_ZERO_LOSS if pixels else _PRIOR_SIGMA
        sigma = _left_alone(float(np.average(displacement, weights=weight)), known, prior)
        return _uniform(edges, pixels or "none", 1.0, 0.0, sigma, by_name, said)
    together = f"{pixels}+global" if pixels else "global"
    if mode == "per_edge":
        return _per_edge(
            edges, onset, displacement, by_name, before + "each edge aligned on its own as the recipe says"
        )
    if np.abs(displacement - offset).max() <= _VALENCE_SPREAD:
        said = f"the axis reads {abs(offset):.1f} eV too {'low' if offset < 0 else 'high'} everywhere; shifted back"
        return _uniform(edges, together, 1.0, -offset, known, by_name, before + said)
    if len(names) >= 3:
        (slope, intercept), covariance = _line(onset, displacement, weight)
        residual = np.abs(displacement - (slope * onset + intercept)).max()
        if (residual <= _AFFINE_RESIDUAL and abs(slope) <= _LARGEST_DISPERSION_ERROR) or mode == "global":
            # recorded = usual + slope usual + intercept, solved for usual.
            scale = 1.0 / (1.0 + slope)
            said = (
                f"dispersion off by {100 * slope:+.2f} % and the axis by {slope * 532 + intercept:+.1f} eV at O K; "
                "both put right"
            )
            design = np.stack([onset, np.ones_like(onset)])
            sigma = float(np.sqrt(_CHARGE_SIGMA**2 + np.einsum("ie,ij,je->e", design, covariance, design).mean()))
            return _uniform(edges, together, scale, -intercept * scale, sigma, by_name, before + said)
    if mode == "global":
        said = f"one offset of {offset:+.1f} eV forced, though the edges disagree"
        return _uniform(edges, together, 1.0, -offset, _FORCED_SIGMA, by_name, before + said)
    listed = ", ".join(f"{name} {value:+.1f}" for name, value in by_name.items())
    said = f"the axis is wrong by more than an offset and a dispersion ({listed} eV): every edge aligned on its own"
    return _per_edge(edges, onset, displacement, by_name, before + said)


def _left_alone(offset: float, known: float, prior: float) -> float:
    """Error of an axis that was left as it is though the edges lie off by a little, be it theirs or the axis's."""
    trust = prior**2 / (prior**2 + known**2)
    return float(np.sqrt(trust * known**2 + (trust * offset) ** 2))


def _line(
    onset: NDArray[np.float64], displacement: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Slope and intercept of the displacements over energy, and their covariance."""
    design = np.stack([onset, np.ones_like(onset)], axis=1)
    covariance = np.asarray(np.linalg.inv(design.T @ (weight[:, None] * design)), dtype=np.float64)
    return covariance @ (design.T @ (weight * displacement)), covariance


def _uniform(
    edges: EdgeSet, mode: str, scale: float, offset: float, sigma: float, found: dict[str, float], said: str
) -> AxisCorrection:
    """One correction for all edges."""
    n = len(edges)
    return AxisCorrection(mode, edges.names, (float(scale),) * n, (float(offset),) * n, sigma, False, found, said)


def _per_edge(
    edges: EdgeSet, onset: NDArray[np.float64], displacement: NDArray[np.float64], found: dict[str, float], said: str
) -> AxisCorrection:
    """One shift an edge; edges that were not located take the shift of the nearest ones."""
    shifts = np.interp([edge.onset for edge in edges], onset, displacement)
    missing = [name for name in edges.names if name not in found]
    if missing:
        said += f"; {', '.join(missing)} could not be located and moved with the nearest edge"
    said += "; the absolute energy scale is lost"
    return AxisCorrection(
        "per_edge",
        edges.names,
        (1.0,) * len(edges),
        tuple(float(-shift) for shift in shifts),
        _LOST_SIGMA,
        True,
        found,
        said,
    )
