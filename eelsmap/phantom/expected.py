"""The expected electron counts of a core-loss spectrum: edges, plural scattering, resolution and background.

Used for the phantom and for training spectra alike; vectorised over rows, every setting may differ from row to row.

What is simplified: one power law stands for everything below the O K edge; plural scattering acts on the edges only
(the power law already stands for a background as it is measured); the shape of an edge does not depend on momentum
transfer; extended fine structure above the library's grids is left out, as are the L1 edges.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eelsmap.cross_sections import cross_section
from eelsmap.edges import NMC_EDGES
from eelsmap.errors import EnergyAxisError, LibraryError
from eelsmap.phantom.edge_shapes import EdgeShape
from eelsmap.phantom.rows import per_row, uniform_axis
from eelsmap.phantom.scattering import scatter

__all__ = ["COUNT_WINDOW", "STEP_WINDOW", "SpectraAndAtoms", "expected_counts"]

FloatArray = NDArray[np.float64]

COUNT_WINDOW = NMC_EDGES["O_K"].near_edge
"""Window (eV) in which the counts of a spectrum are stated."""

STEP_WINDOW = (560.0, 574.0)
"""Window (eV) in which the height of the O K continuum is read: past its near-edge structure, before Mn L."""

_FIRST_USED = 515.0  # eV: from here on the O K edge matters, also to spectra that start above it
_BLOCK = 128  # rows at a time: their transforms fit the cache


class SpectraAndAtoms(Protocol):
    """What the kernel needs of a library mixture: spectra per edge (n, P) and atoms per element (n,)."""

    @property
    def spectra(self) -> Mapping[str, NDArray[Any]]:
        """Step-normalised spectra per atom, shape (n, P) an edge."""

    @property
    def atoms(self) -> Mapping[str, NDArray[Any]]:
        """Atoms per element, shape (n,)."""


def expected_counts(
    mixture: SpectraAndAtoms,
    energy: ArrayLike,
    *,
    grids: Mapping[str, NDArray[Any]],
    counts: ArrayLike,
    fwhm_eV: ArrayLike = 1.0,
    t_over_lambda: ArrayLike = 0.5,
    background_ratio: ArrayLike = 2.2,
    background_exponent: ArrayLike = 2.9,
    edge_shift_eV: ArrayLike = 0.0,
    edge_amplitude: ArrayLike = 1.0,
    white_line_scale: ArrayLike = 1.0,
    psf_tail_fraction: ArrayLike = 0.0,
    psf_tail_eV: float = 8.0,
    beam_energy_kV: float = 200.0,
    collection_mrad: float = 50.0,
) -> FloatArray:
    """Compute the expected counts of core-loss spectra.

    Parameters
    ----------
    mixture
        Spectra per edge (n, P) on the library's grids, step-normalised per atom (NaN rows where the element is
        absent), and atoms per element (n,), as :meth:`eelsmap.library.Library.mix` returns them.
    energy
        Shape (E,): true energy of each channel's centre, eV; uniform.
    grids
        The library's energy grids, eV.
    counts
        Expected counts, edges and background together, summed over the O K near-edge window (525-557 eV), also where
        the axis does not cover it. The single scale of a spectrum: it does not depend on the dispersion.
    fwhm_eV
        Gaussian resolution, eV.
    t_over_lambda
        Thickness in inelastic mean free paths; 0.3-1.2 in the measured NMC line scan.
    background_ratio
        Background at 532 eV over the mean height of the O K edge at 560-574 eV, scattering included: as one reads it
        off a measured spectrum. Measured: 2.0 at t/lambda 0.35, growing by 0.75 per mean free path.
    background_exponent
        r of the background's E^-r; 2.7-3.2 in the measured line scan.
    edge_shift_eV
        Shift of each edge, eV: one number, (n,), or (n, 4) in the order of ``NMC_EDGES``. The background stays.
    edge_amplitude
        Factor on each edge: one number, (n,), or (n, 4).
    white_line_scale
        Factor on what exceeds the continuum step: white lines, pre-edge, main peak.
    psf_tail_fraction, psf_tail_eV
        Share and decay length (eV) of the detector's point-spread tail; measured: about 0.07 and 8 eV.
    beam_energy_kV, collection_mrad
        For the cross sections.

    Returns
    -------
    numpy.ndarray
        Shape (n, E). All zero where there are no oxygen atoms or ``counts`` is 0.

    Raises
    ------
    EnergyAxisError
        The axis is not uniform or starts below 10 eV.
    RecipeError
        A setting has the wrong shape or an impossible value.
    LibraryError
        An edge has spectra but no grid, or no atoms.
    """
    axis, dispersion = uniform_axis(energy)
    if axis[0] < 10.0:
        raise EnergyAxisError(f"a core-loss axis cannot start at {axis[0]:g} eV: the power law needs 10 eV or more")
    names = [name for name in NMC_EDGES.names if name in mixture.spectra]
    for name in names:
        if name not in grids or NMC_EDGES[name].element not in mixture.atoms:
            raise LibraryError(f"edge {name} has spectra, but no energy grid or no atoms of {NMC_EDGES[name].element}")
    if "O_K" not in names:
        raise LibraryError("the mixture has no O K spectra: the background and the counts are stated relative to O K")
    rows = len(mixture.spectra["O_K"])
    edges = len(NMC_EDGES)
    settings = {
        "counts": per_row(counts, rows, "counts", lowest=0.0),
        "fwhm": per_row(fwhm_eV, rows, "fwhm_eV", lowest=0.0),
        "thickness": per_row(t_over_lambda, rows, "t_over_lambda", lowest=0.0),
        "ratio": per_row(background_ratio, rows, "background_ratio", lowest=0.0),
        "exponent": per_row(background_exponent, rows, "background_exponent", lowest=0.0),
        "shift": per_row(edge_shift_eV, rows, "edge_shift_eV", columns=edges),
        "amplitude": per_row(edge_amplitude, rows, "edge_amplitude", lowest=0.0, columns=edges),
        "white_line": per_row(white_line_scale, rows, "white_line_scale", lowest=0.0),
        "tail": per_row(psf_tail_fraction, rows, "psf_tail_fraction", lowest=0.0),
    }
    sections = {name: cross_section(name, beam_energy_kV, collection_mrad) for name in names}
    # Work on an axis that holds the O K window, whatever the detector covers.
    before = max(0, int(np.ceil((axis[0] - _FIRST_USED) / dispersion)))
    # Resolution and tail reach in from beyond the end of the axis as well.
    reach = 2.0 * settings["fwhm"].max(initial=0.0) + (8.0 * psf_tail_eV if settings["tail"].any() else 0.0)
    after = int(np.ceil(max(reach, STEP_WINDOW[1] + 1.0 + reach - axis[-1]) / dispersion))
    start = axis[0] - before * dispersion
    working = start + dispersion * np.arange(before + axis.size + after)
    window = _window(working, COUNT_WINDOW)
    continuum = _window(working, STEP_WINDOW) / (STEP_WINDOW[1] - STEP_WINDOW[0]) * dispersion
    out = np.empty((rows, axis.size))
    for first in range(0, rows, _BLOCK):
        part = slice(first, min(first + _BLOCK, rows))
        value = {key: array[part] for key, array in settings.items()}
        total = np.zeros((part.stop - first, working.size))
        for name in names:
            column = NMC_EDGES.index(name)
            atoms = np.asarray(mixture.atoms[NMC_EDGES[name].element], dtype=np.float64)[part]
            scaled = None if (value["white_line"] == 1.0).all() else value["white_line"]
            shape = EdgeShape.from_library(
                name, grids[name], mixture.spectra[name][part], sections[name].exponent, scaled
            )
            amount = atoms * sections[name].continuum * value["amplitude"][:, column]
            shape.add_counts(total, start, dispersion, value["shift"][:, column], amount)
        total = scatter(
            total,
            dispersion,
            t_over_lambda=value["thickness"],
            fwhm_eV=value["fwhm"],
            tail_fraction=value["tail"],
            tail_eV=psf_tail_eV,
        )
        logarithm = np.log(working / NMC_EDGES["O_K"].onset)
        background = (value["ratio"] * (total @ continuum))[:, None]
        total += background * np.exp(-value["exponent"][:, None] * logarithm)
        stated = total @ window
        scale = np.divide(value["counts"], stated, out=np.zeros_like(stated), where=stated > 0.0)
        np.multiply(total[:, before : before + axis.size], scale[:, None], out=out[part])
    return out


def _window(axis: FloatArray, window: tuple[float, float]) -> FloatArray:
    """Share of each channel (E,) inside a window; sums over channels do not depend on the dispersion then."""
    half = 0.5 * (axis[1] - axis[0])
    inside = np.minimum(axis + half, window[1]) - np.maximum(axis - half, window[0])
    return np.clip(inside / (2.0 * half), 0.0, 1.0)
