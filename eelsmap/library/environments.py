"""From structures to records: site-averaged structures and local environments, with atom counts and labels.

A *structure* record averages a whole cell and is scaled to three sites of the metal layers. An *environment* record
belongs to one oxygen atom. By default it holds the metals bound to it, up to three lithium atoms bound to it, and for
the O K edge the mean over that oxygen and its two nearest ones: the sphere of radius 0.3 nm of Jia et al., ACS Nano
2026, 10.1021/acsnano.5c16942. Beside an exchanged pair an oxygen binds two or four metals, beside lithium in the metal
layer two; the counts say so. Where an oxygen binds more than three cations of the metal sites (rock salt, Mn2O3) the
counts are scaled to three. With another `Probe` every atom counts by its weight.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from eelsmap.library.content import ELEMENT_OF_EDGE, ELEMENTS, Library
from eelsmap.library.geometry import BOND_LIMIT, CellGeometry
from eelsmap.library.labels import LABELS, METALS
from eelsmap.library.probe import Probe
from eelsmap.library.site_table import SiteTable, rows_of_weights
from eelsmap.library.split import family, side
from eelsmap.library.structure import LibraryStructure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from eelsmap.library.cells import Cell

__all__ = ["EDGE_OF_METAL", "collect_records", "describe", "environment_weights"]

EDGE_OF_METAL = {"Ni": "Ni_L", "Mn": "Mn_L", "Co": "Co_L"}
SITES = 3
"""Sites of the metal layers that counts are scaled to."""
PRESENT = 0.5
"""Weight from which on the atoms of a defect count as present."""


def describe(
    cell: Cell,
    origin: str,
    settings: str,
    uncertainty: NDArray | None = None,
    extrapolated: NDArray | None = None,
) -> LibraryStructure:
    """Structure of a cell: valences, bond lengths, defects. The rows of its spectra are filled in by the assembly.

    Parameters
    ----------
    cell
        Relaxed cell.
    origin
        ``"calculated"`` or ``"surrogate"``.
    settings
        Name of the settings of the O K calculation, or the surrogate's name.
    uncertainty
        (n_oxygen,) standard deviation of the O K spectra, edge steps; None for 0.
    extrapolated
        (n_oxygen,) whether an oxygen is beyond the surrogate's calibration; None for nowhere.

    Raises
    ------
    LibraryError
        No valences balance charge.
    """
    geometry = CellGeometry(cell)
    count = len(cell.species)

    def by_atom(values: Mapping[int, float]) -> NDArray[np.float32]:
        return np.array([values.get(i, np.nan) for i in range(count)], dtype=np.float32)

    def of_oxygen(values: NDArray | None) -> NDArray[np.float32]:
        result = np.zeros(count, dtype=np.float32)
        result[cell.oxygen] = 0.0 if values is None else values
        return result

    return LibraryStructure(
        name=cell.name,
        kind=cell.kind,
        phase=cell.phase,
        origin=origin,
        settings=settings,
        family=family(cell),
        split=side(cell),
        layer_sites=cell.layer_sites,
        sites_ambiguous=geometry.valences.sites_ambiguous,
        elements_ambiguous=geometry.valences.elements_ambiguous,
        species=cell.species,
        lattice=cell.lattice.astype(np.float32),
        fractional=cell.fractional.astype(np.float32),
        moments=cell.moments.astype(np.float32),
        valence=by_atom(geometry.valence),
        bond_length=by_atom(geometry.bond_length),
        elongation=by_atom(geometry.elongation),
        open_site=np.isin(np.arange(count), list(geometry.open_metals)),
        exchanged=np.isin(np.arange(count), list(geometry.exchanged)),
        site=np.full(count, -1, dtype=np.int32),
        uncertainty=of_oxygen(uncertainty),
        extrapolated=of_oxygen(extrapolated) > 0,
    )


def environment_weights(structure: LibraryStructure, probe: Probe) -> tuple[NDArray, NDArray]:
    """Weights of the atoms in the environment of each oxygen.

    Parameters
    ----------
    structure
        The structure.
    probe
        How atoms are weighted.

    Returns
    -------
    weights, presence
        (n_oxygen, n) atoms in the environment, for three sites of the metal layers; and the same for telling whether a
        defect is there: by default all bound lithium counts for that, though no more than three are in the
        environment.
    """
    layer = np.arange(len(structure.species)) < structure.layer_sites
    if not probe.fixed:
        weights = probe.weights(structure.lattice, structure.fractional, structure.oxygen)
        weights *= SITES / weights[:, layer].sum(axis=1, keepdims=True)
        return weights, weights
    metal = sum(structure.mask(element) for element in METALS)
    distance = _image_distances(structure)
    bonds = (distance <= BOND_LIMIT).sum(axis=-1).astype(float)
    scale = SITES / np.maximum(bonds[:, layer].sum(axis=1, keepdims=True), SITES)
    presence = bonds * (1 - structure.mask("O")) * scale
    weights = presence * metal
    lithium, oxygen = np.flatnonzero(structure.mask("Li")), structure.oxygen
    for row, one in enumerate(scale[:, 0]):
        if lithium.size:
            np.add.at(weights[row], _nearest(distance[row], lithium, round(SITES / one), BOND_LIMIT), one)
        np.add.at(weights[row], [oxygen[row], *_nearest(distance[row], oxygen, 2, np.inf)], 1.0)
    return weights, presence


def _image_distances(structure: LibraryStructure) -> NDArray:
    """Distances from each oxygen to the images of all atoms, (n_oxygen, n, images), angstrom."""
    steps = np.arange(-2, 3)
    images = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    fractional = structure.fractional.astype(float)
    offset = fractional[None] - fractional[structure.oxygen][:, None]
    offset -= np.round(offset)
    return np.linalg.norm((offset[:, :, None] + images) @ structure.lattice.astype(float), axis=-1)


def _nearest(distance: NDArray, candidates: NDArray, count: int, limit: float) -> NDArray:
    """Nearest images of some atoms: their indices, at most `count`, within `limit` angstrom; not the atom itself."""
    own = distance[candidates]
    which, image = np.nonzero((own > 1e-3) & (own <= limit))
    return candidates[which[np.argsort(own[which, image], kind="stable")[:count]]]


def collect_records(
    structures: Sequence[LibraryStructure],
    sites: Mapping[str, SiteTable],
    grids: Mapping[str, NDArray],
    header: Mapping[str, Any],
    sources: Sequence[dict[str, str]],
    probe: Probe,
) -> Library:
    """Make the records of structures whose site spectra are known.

    Parameters
    ----------
    structures
        Structures whose atoms know the rows of their spectra.
    sites
        Site spectra by edge; their shares in records are replaced.
    grids
        Energies by edge, eV.
    header
        Header of the library.
    sources
        By structure, how each edge was obtained.
    probe
        How atoms are weighted in environments.

    Returns
    -------
    Library
        By structure: its record, then one environment per oxygen atom.
    """
    entries: dict[str, list[tuple[NDArray, NDArray, NDArray]]] = {edge: [] for edge in sites}
    atoms, labels, parent = [], [], []
    for number, structure in enumerate(structures):
        local, presence = environment_weights(structure, probe)
        whole = np.full((1, len(structure.species)), SITES / structure.layer_sites)
        weights = np.concatenate([whole, local])
        for edge, element in ELEMENT_OF_EDGE.items():
            if edge in sites:
                own = structure.mask(element) > 0
                entries[edge].append(rows_of_weights(weights[:, own], structure.site[own]))
        atoms.append({element: weights @ structure.mask(element) for element in ELEMENTS})
        labels.append(_labels(structure, weights, presence))
        parent += [number] * len(weights)
    tables = {}
    for edge, parts in entries.items():
        count, site, weight = (np.concatenate([part[i] for part in parts]) for i in range(3))
        tables[edge] = sites[edge].with_records(np.append(0, np.cumsum(count)), site, weight)
    first = np.unique(parent, return_index=True)[1]
    kind = np.full(len(parent), "environment", dtype="<U11")
    kind[first] = "structure"
    return Library(
        grids=dict(grids),
        sites=tables,
        atoms={element: np.concatenate([entry[element] for entry in atoms]) for element in ELEMENTS},
        labels={name: np.concatenate([entry[name] for entry in labels]) for name in LABELS},
        parent=np.array(parent, dtype=np.int64),
        parent_names=tuple(structure.name for structure in structures),
        kind=kind,
        split=np.array([structures[i].split for i in parent]),
        source=tuple(sources[i] for i in parent),
        header={key: value for key, value in header.items() if key != "hashes"} | {"probe": probe.as_dict()},
        origin=np.array([structures[i].origin for i in parent]),
        phase=np.array([structures[i].phase for i in parent]),
        structures=tuple(structures),
    )


def _labels(structure: LibraryStructure, weights: NDArray, presence: NDArray) -> dict[str, NDArray]:
    """Labels of the records of one structure; the first record is that of the whole structure."""
    count = len(weights)
    labels = {"li_content": np.full(count, structure.li_content), "li_count": weights @ structure.mask("Li")}
    for element in METALS:
        own = weights * structure.mask(element)
        total = own.sum(axis=1)
        labels[f"{element.lower()}_count"] = total
        for name, values in (("valence", structure.valence), ("bond_length", structure.bond_length)):
            mean = own @ np.nan_to_num(values.astype(float)) / np.where(total > 0, total, 1.0)
            labels[f"{element.lower()}_{name}"] = np.where(total > 0, mean, np.nan)
    for name, concerned in (("vacancy", structure.open_site), ("antisite", structure.exchanged)):
        here = presence @ concerned.astype(float) >= PRESENT
        labels[name] = np.concatenate([[structure.kind == name], here]).astype(float)
    ambiguous = [structure.elements_ambiguous] + [structure.sites_ambiguous] * (count - 1)
    labels["valence_ambiguous"] = np.array(ambiguous, dtype=float)
    oxygen = weights * structure.mask("O")
    for name in ("uncertainty", "extrapolated"):
        said = getattr(structure, name).astype(float)
        labels[f"surrogate_{name}"] = oxygen @ said / oxygen.sum(axis=1)
    return labels
