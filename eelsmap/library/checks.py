"""What must be true of a library if its physics is right: trends over its structures, as numbers.

The trends of the O K edge and the L3/L2 ratios are in `eelsmap.library.summary`; here are those of the metals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eelsmap.library.labels import METALS
from eelsmap.library.summary import pristine_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from eelsmap.library.content import Library

__all__ = ["NICKEL_L3_EV", "VacancyValences", "described_checks", "ion_moments", "nickel_centroids", "vacancy_valences"]

NICKEL_L3_EV = (848.0, 863.0)
"""Window in which the centroid of the Ni L3 line is taken."""


class VacancyValences(NamedTuple):
    """By layered structure with an oxygen vacancy, (n,) each.

    ``lithium`` per site of the metal layers; mean valence of the metals ``beside`` the vacancy and of the ``others``;
    and of a ``complete`` cell of the same metals and lithium, by charge balance.
    """

    lithium: NDArray[np.float64]
    beside: NDArray[np.float64]
    others: NDArray[np.float64]
    complete: NDArray[np.float64]


def nickel_centroids(library: Library) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lithium and centroid of the Ni L3 line (eV) of pristine layered structures that hold nickel, (n,) each."""
    rows = pristine_rows(library)
    rows = rows[(library.atoms["Ni"][rows] > 0) & np.isfinite(library.labels["li_content"][rows])]
    energy = library.grids["Ni_L"]
    inside = (energy >= NICKEL_L3_EV[0]) & (energy <= NICKEL_L3_EV[1])
    spectra = library.spectra["Ni_L"][rows][:, inside].astype(float)
    return library.labels["li_content"][rows], spectra @ energy[inside] / spectra.sum(axis=1)


def vacancy_valences(library: Library) -> VacancyValences:
    """Valences of metals beside an oxygen vacancy and elsewhere, where there are both; empty without structures."""
    found = []
    for structure in library.structures:
        if structure.kind == "vacancy" and structure.phase == "layered":
            metal = sum(structure.mask(element) for element in METALS) > 0
            beside, others = metal & structure.open_site, metal & ~structure.open_site
            if beside.any() and others.any():
                valence = structure.valence.astype(float)
                content = float(structure.mask("Li").sum() / structure.layer_sites)
                found.append((content, valence[beside].mean(), valence[others].mean(), 4.0 - content))
    return VacancyValences(*np.array(found).reshape(-1, 4).T)


def ion_moments(library: Library) -> dict[str, NDArray[np.float64]]:
    """Magnitudes of the moments of six-fold metals by assigned ion, Bohr magnetons, of structures without ambiguity."""
    found: dict[str, list[float]] = {}
    for structure in library.structures:
        if structure.sites_ambiguous:
            continue
        for element in METALS:
            for index in np.flatnonzero((structure.mask(element) > 0) & ~structure.open_site):
                name = f"{element}{structure.valence[index]:.0f}"
                found.setdefault(name, []).append(abs(float(structure.moments[index])))
    return {name: np.array(found[name]) for element in METALS for name in sorted(found) if name[:-1] == element}


def described_checks(library: Library) -> list[str]:
    """Lines that say what the checks give; none without structures."""
    if not library.structures:
        return []
    lithium, centroid = nickel_centroids(library)
    vacancy = vacancy_valences(library)
    beside, others = (float(np.mean(part - vacancy.complete)) for part in (vacancy.beside, vacancy.others))
    found = ion_moments(library)
    moments = ", ".join(f"{ion}+ {values.mean():.2f} +- {values.std():.2f}" for ion, values in found.items())
    return [
        f"  Ni L3 centroid against lithium, {lithium.size} pristine layered structures: r = "
        f"{np.corrcoef(lithium, centroid)[0, 1]:.3f}, {np.polyfit(lithium, centroid, 1)[0]:+.2f} eV per Li",
        f"  valence in {vacancy.lithium.size} layered structures with an oxygen vacancy less that of complete ones: "
        f"beside it {beside:+.2f}, elsewhere {others:+.2f}",
        f"  CHGNet moments of six-fold metals of unambiguous structures, Bohr magnetons: {moments}",
    ]
