"""The simulated spectra that an edge of a pixel looks most like, among the structures of a library.

Distances are those of spectra with unit area on the grid of the model, so they compare shapes and nothing else. The
library holds spectra without a microscope; each is kept at a few energy resolutions, and the nearest is looked for
among all. It shows what the model was taught near this pixel. It is not the answer, which comes from all edges.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from eelsmap.edges import EdgeSet
from eelsmap.errors import LibraryError

if TYPE_CHECKING:
    from eelsmap.library import Library

__all__ = ["LibraryInBackground", "NearSpectrum", "NearestSpectra"]

RESOLUTIONS = (0.3, 0.8, 1.3, 2.0)
"""Full widths at half maximum at which library spectra are kept, eV."""

_FWHM_PER_SIGMA = float(np.sqrt(8.0 * np.log(2.0)))
_METALS = ("Ni", "Mn", "Co")


class NearSpectrum(NamedTuple):
    """One simulated spectrum of an edge.

    ``name``: composition and name of its structure. ``spectrum`` (point,): share of the intensity in each interval of
    the grid. ``fwhm``: resolution that it was given, eV. ``distance``: area between it and the spectrum of the pixel, 0
    for the same shape and 2 for shapes without overlap.
    """

    name: str
    spectrum: NDArray[np.float32]
    fwhm: float
    distance: float


class _Table(NamedTuple):
    """Spectra of one edge (row, point), half of their squared lengths (row,), and where they come from (row,)."""

    spectra: NDArray[np.float32]
    half_square: NDArray[np.float32]
    names: tuple[str, ...]
    fwhm: NDArray[np.float64]


@dataclass(frozen=True)
class NearestSpectra:
    """Tables of simulated spectra, ready to be searched.

    Parameters
    ----------
    tables
        By edge.
    """

    tables: Mapping[str, _Table] = field(repr=False)

    @classmethod
    def of(cls, library: Library, edges: EdgeSet, /) -> NearestSpectra:
        """Put the structures of a library on the grids of a model; edges that it lacks are left out."""
        rows = np.flatnonzero(np.asarray(library.kind) == "structure")
        names = [_name(library, int(row)) for row in rows]
        known = [edge for edge in edges if edge.name in library.grids]
        return cls(
            {
                edge.name: _table(
                    library.spectra[edge.name][rows], library.grids[edge.name], edge.intervals(edges.points), names
                )
                for edge in known
            }
        )

    def nearest(self, edge: str, spectrum: NDArray[np.floating], /, *, several: int = 3) -> tuple[NearSpectrum, ...]:
        """Find the structures whose spectra are nearest.

        Parameters
        ----------
        edge
            Name of the edge.
        spectrum
            Share of the intensity in each interval of the grid, shape (point,).
        several
            How many structures at most.

        Returns
        -------
        tuple of NearSpectrum
            Nearest first, each structure once; empty where the library lacks the edge or the spectrum is not finite.
        """
        table = self.tables.get(edge)
        if table is None or not len(table.names) or not np.isfinite(spectrum).all():
            return ()
        shape = np.asarray(spectrum, dtype=np.float32)
        # Half of the squared distance, less what is the same for all rows.
        off = table.half_square - table.spectra @ shape
        candidates = min(len(off), 4 * several * len(RESOLUTIONS))
        rows = np.argpartition(off, candidates - 1)[:candidates]
        apart = np.abs(table.spectra[rows] - shape).sum(axis=1)
        found: dict[str, NearSpectrum] = {}
        for place in np.argsort(apart):
            row = int(rows[place])
            if table.names[row] not in found and len(found) < several:
                found[table.names[row]] = NearSpectrum(
                    table.names[row], table.spectra[row], float(table.fwhm[row]), float(apart[place])
                )
        return tuple(found.values())


class LibraryInBackground:
    """The shipped library, read once by a thread of its own when it is first asked for.

    Parameters
    ----------
    edges
        The edges of the model.
    """

    def __init__(self, edges: EdgeSet) -> None:
        self._edges = edges
        self._found: NearestSpectra | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def ask(self) -> NearestSpectra | None:
        """Return the tables; None while they are made, and where there is no library."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._load, name="eelsmap library", daemon=True)
                self._thread.start()
        return self._found

    @property
    def settled(self) -> bool:
        """Whether the library was read, or found to be absent."""
        return self._thread is not None and not self._thread.is_alive()

    def wait(self, seconds: float | None = None) -> NearestSpectra | None:
        """Return the tables when they are made, or after so many seconds."""
        self.ask()
        if self._thread is not None:
            self._thread.join(seconds)
        return self._found

    def _load(self) -> None:
        """Read the library and lay out its spectra."""
        from eelsmap.library import load_library

        try:
            self._found = NearestSpectra.of(load_library(), self._edges)
        except (LibraryError, FileNotFoundError, ModuleNotFoundError):
            # The shipped library may be left out of an installation: pixels are shown without it.
            self._found = None


def _table(
    spectra: NDArray[np.floating], grid: NDArray[np.float64], boundaries: NDArray[np.float64], names: list[str]
) -> _Table:
    """Spectra (row, channel) of a library, without rows that lack the element, at all resolutions on a model's grid."""
    # What lies beyond the library's energies is unknown; its ends are continued level there.
    centres = np.clip((boundaries[1:] + boundaries[:-1]) / 2, grid[0], grid[-1])
    place = (centres - grid[0]) / (grid[1] - grid[0])
    below = np.minimum(place.astype(np.intp), grid.size - 2)
    share = place - below
    present = np.isfinite(spectra).all(axis=1)
    found = []
    for fwhm in RESOLUTIONS:
        sigma = fwhm / _FWHM_PER_SIGMA / (grid[1] - grid[0])
        broad = gaussian_filter1d(np.asarray(spectra[present], dtype=np.float32), sigma, axis=1, mode="nearest")
        points = broad[:, below] * (1 - share) + broad[:, below + 1] * share
        total = points.sum(axis=1, keepdims=True)
        found.append((points / np.where(total > 0, total, 1.0)).astype(np.float32))
    kept = [name for name, there in zip(names, present, strict=True) if there]
    table = np.concatenate(found)
    return _Table(
        np.ascontiguousarray(table),
        0.5 * np.square(table).sum(axis=1),
        tuple(kept * len(RESOLUTIONS)),
        np.repeat(RESOLUTIONS, len(kept)),
    )


def _name(library: Library, row: int) -> str:
    """Composition for one metal and two oxygens, as battery chemists write it, and the name of the structure."""
    atoms = {element: float(values[row]) for element, values in library.atoms.items()}
    metals = sum(atoms.get(metal, 0.0) for metal in _METALS)
    parent = str(library.parent_names[library.parent[row]])
    if metals <= 0:
        return parent
    parts = [
        f"{element}{atoms[element] / metals:.2f}".rstrip("0").rstrip(".")
        for element in ("Li", *_METALS, "O")
        if atoms.get(element, 0.0) > 0
    ]
    return f"{' '.join(parts)} ({parent})"
