"""The synthetic specimen: how much of which library record lies in each pixel, and what is therefore true there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.errors import LibraryError, RecipeError
from eelsmap.phantom.geometry import Geometry, particle_geometry
from eelsmap.phantom.records import blend_records, composition

if TYPE_CHECKING:
    from eelsmap.library import Library, Mixture

__all__ = ["TRUTH_NAMES", "Specimen"]

FloatArray = NDArray[np.float64]

_FROM_LABEL = {
    "li_content": "li_content",
    "li_count": "li_count",
    "ni_count": "ni_count",
    "mn_count": "mn_count",
    "co_count": "co_count",
    "ni_valence": "ni_valence",
    "mn_valence": "mn_valence",
    "co_valence": "co_valence",
    "vacancy_fraction": "vacancy",
    "antisite_fraction": "antisite",
}
TRUTH_NAMES = (*_FROM_LABEL, "thickness", "hole")
"""Names of the truth maps of a specimen."""

_BLOCK = 256  # pixels mixed at a time
_FWHM_PER_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))


@dataclass(frozen=True)
class Specimen:
    """Amounts of library records in each pixel.

    Parameters
    ----------
    records
        Shape (R,): records of the library that occur.
    amounts
        Shape (R, rows, columns): how much of each record the beam passes; summed over records it is the thickness
        relative to the thickest place.
    hole
        Shape (rows, columns): where the hole is.
    scale_nm
        Size of a pixel, nm.
    notes
        Sentences on what the library could not provide.
    """

    records: NDArray[np.intp]
    amounts: FloatArray
    hole: NDArray[np.bool_]
    scale_nm: float
    notes: tuple[str, ...] = ()

    @classmethod
    def build(
        cls,
        library: Library,
        shape: tuple[int, int] = (48, 64),
        *,
        scale_nm: float = 1.0,
        compositions: tuple[tuple[float, float, float], ...] = ((1 / 3, 1 / 3, 1 / 3), (0.75, 0.125, 0.125)),
        lithium: tuple[float, float] = (0.05, 0.95),
        surface_nm: float = 3.0,
        vacancy_spots: int = 4,
        hole: bool = True,
        kind: str = "structure",
        split: str = "test",
        seed: int = 0,
    ) -> Specimen:
        """Fill the particle of :func:`~eelsmap.phantom.geometry.particle_geometry` with library records.

        Parameters
        ----------
        library
            The spectral library.
        shape
            (rows, columns).
        scale_nm
            Size of a pixel, nm.
        compositions
            Shares of Ni, Mn and Co wanted in the two grains; blends of records come as near as the library allows.
        lithium, surface_nm, vacancy_spots, hole
            See :func:`~eelsmap.phantom.geometry.particle_geometry`. The surface layer is made of antisite records.
        kind
            ``"structure"`` or ``"environment"`` records.
        split
            Records of this half only: ``"test"`` ones have never been seen by a model trained on ``"train"``.
        seed
            Seed of the geometry.

        Returns
        -------
        Specimen
            Before the probe has blurred it.

        Raises
        ------
        LibraryError
            The library has no pristine record of that kind and split.
        """
        geometry = particle_geometry(
            shape,
            scale_nm=scale_nm,
            lithium=lithium,
            surface_nm=surface_nm,
            vacancy_spots=vacancy_spots,
            hole=hole,
            seed=seed,
        )
        if len(compositions) != 2:
            raise RecipeError(f"specimen: {len(compositions)} compositions given; the particle has two grains")
        return cls.fill(geometry, library, scale_nm=scale_nm, compositions=compositions, kind=kind, split=split)

    @classmethod
    def fill(
        cls,
        geometry: Geometry,
        library: Library,
        *,
        scale_nm: float = 1.0,
        compositions: tuple[tuple[float, float, float], ...] = ((1 / 3, 1 / 3, 1 / 3), (0.75, 0.125, 0.125)),
        kind: str = "structure",
        split: str = "test",
    ) -> Specimen:
        """Fill any geometry with library records; as :meth:`build`, which says what the rest means.

        Parameters
        ----------
        geometry
            Where what is.
        library, scale_nm, compositions, kind, split
            As for :meth:`build`.
        """
        return _fill(geometry, library, scale_nm, compositions, kind, split)

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.hole.shape[0], self.hole.shape[1]

    @property
    def thickness(self) -> FloatArray:
        """Thickness relative to the thickest place, shape (rows, columns)."""
        return self.amounts.sum(axis=0)

    def seen_by(self, probe_fwhm_nm: float) -> Specimen:
        """Blur the specimen with a Gaussian probe.

        What the probe blurs is the amount of each record, so that spectra, labels and thickness all follow.

        Parameters
        ----------
        probe_fwhm_nm
            Full width at half maximum of the probe, nm.

        Returns
        -------
        Specimen
            The specimen as the microscope averages it. Material ends four standard deviations beyond its rim.
        """
        if probe_fwhm_nm == 0:
            return self
        from scipy.ndimage import gaussian_filter

        sigma = probe_fwhm_nm / _FWHM_PER_SIGMA / self.scale_nm
        return replace(self, amounts=gaussian_filter(self.amounts, (0.0, sigma, sigma), mode="nearest", truncate=4.0))

    def mix(self, library: Library, pixels: NDArray[np.intp]) -> Mixture:
        """Mixture of the library in some pixels.

        Parameters
        ----------
        library
            The library that the specimen was built from.
        pixels
            Shape (n,): flat indices of pixels that hold material.

        Returns
        -------
        Mixture
            Of n rows.
        """
        amounts = self.amounts.reshape(len(self.records), -1)[:, pixels].T
        # Only as many records a pixel as any of these pixels needs: most records are absent from most pixels.
        needed = max(int((amounts > 0).sum(axis=1).max(initial=1)), 1)
        order = np.argsort(-amounts, axis=1, kind="stable")[:, :needed]
        chosen = np.take_along_axis(amounts, order, axis=1)
        return library.mix(self.records[order], chosen / chosen.sum(axis=1, keepdims=True))

    def truth(self, library: Library) -> dict[str, NDArray[Any]]:
        """Tell what is true in each pixel.

        Parameters
        ----------
        library
            The library that the specimen was built from.

        Returns
        -------
        dict
            One map (rows, columns) for each of :data:`TRUTH_NAMES`: the labels of the mixture (NaN in vacuum;
            valences NaN where the metal is absent), ``thickness`` (relative) and ``hole`` (0 or 1).
        """
        thickness = self.thickness
        maps = {name: np.full(thickness.size, np.nan) for name in _FROM_LABEL}
        material = np.flatnonzero(thickness.ravel() > 0)
        for first in range(0, material.size, _BLOCK):
            pixels = material[first : first + _BLOCK]
            labels = self.mix(library, pixels).labels
            for name, label in _FROM_LABEL.items():
                maps[name][pixels] = labels[label]
        truth = {name: values.reshape(self.shape) for name, values in maps.items()}
        return {**truth, "thickness": thickness, "hole": self.hole.astype(np.float64)}


def _fill(
    geometry: Geometry,
    library: Library,
    scale_nm: float,
    compositions: tuple[tuple[float, float, float], ...],
    kind: str,
    split: str,
) -> Specimen:
    """Put records into the regions of a geometry."""
    # A specimen is layered and made of calculated spectra; those that the surrogate filled in only serve to learn from.
    usable = (library.kind == kind) & (library.split == split)
    usable &= (library.origin != "surrogate") & (library.phase == "layered")
    vacancy = np.asarray(library.labels["vacancy"]) > 0
    antisite = np.asarray(library.labels["antisite"]) > 0
    pools = {
        "pristine": np.flatnonzero(usable & ~vacancy & ~antisite),
        "vacancy": np.flatnonzero(usable & vacancy & ~antisite),
        "antisite": np.flatnonzero(usable & antisite),
    }
    if not pools["pristine"].size:
        raise LibraryError(f"the library has no pristine {kind!r} record in its {split!r} half to build a phantom from")
    share = {"vacancy": geometry.vacancy * (1.0 - geometry.surface), "antisite": geometry.surface}
    notes = []
    for name in ("vacancy", "antisite"):
        if not pools[name].size:
            notes.append(f"the library has no {name} record in its {split} half: that region is pristine")
            share[name] = np.zeros(geometry.thickness.shape)
    share["pristine"] = 1.0 - share["vacancy"] - share["antisite"]

    content = np.asarray(library.labels["li_content"], dtype=np.float64)
    shares = composition(library.atoms)
    amounts = np.zeros((len(content), geometry.thickness.size))
    thickness, grain = geometry.thickness.ravel(), geometry.grain.ravel()
    for name, pool in pools.items():
        part = thickness * share[name].ravel()
        for number, wanted in enumerate(compositions):
            pixels = np.flatnonzero((grain == number) & (part > 0))
            if not pixels.size:
                continue
            blend = blend_records(content[pool], shares[pool], geometry.lithium.ravel()[pixels], wanted)
            amounts[np.ix_(pool, pixels)] += (blend * part[pixels, None]).T
    records = np.flatnonzero(amounts.any(axis=1))
    return Specimen(
        records=records,
        amounts=amounts[records].reshape(-1, *geometry.thickness.shape),
        hole=geometry.hole,
        scale_nm=scale_nm,
        notes=tuple(notes),
    )
