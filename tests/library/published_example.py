"""A synthetic stand-in for the published FDMNES set: the format of the real file, never its content.

Structures and spectra are those of this package's own cells, on the energies that the published code interpolates to,
with the photon energies of each edge off by a constant, cross sections in arbitrary units, and a constant of 0.1 with
2 % noise for absent elements, as the paper describes.
"""

import json
from importlib.resources import files
from pathlib import Path

import numpy as np

from eelsmap.library import load_library
from eelsmap.library.cells import load_cells

ENERGIES = {"O": (528.9, 562.1), "Ni": (853.1, 880.1), "Mn": (635.1, 675.1), "Co": (775.1, 815.1)}
EDGES = {"O": "O_K", "Ni": "Ni_L", "Mn": "Mn_L", "Co": "Co_L"}
SHIFTS = {"O_K": 2.0, "Ni_L": 1.0, "Mn_L": -1.5, "Co_L": 0.5}
UNITS = {"O": 0.013, "Ni": 0.31, "Mn": 2.7, "Co": 0.9}


def structure_dict(cell):
    """A cell in the dictionary form of pymatgen."""
    return {
        "@module": "pymatgen.core.structure",
        "@class": "Structure",
        "charge": 0,
        "lattice": {"matrix": np.asarray(cell.lattice).tolist(), "pbc": [True, True, True]},
        "properties": {},
        "sites": [
            {"species": [{"element": symbol, "occu": 1}], "abc": list(map(float, place)), "label": symbol}
            for symbol, place in zip(cell.species, cell.fractional, strict=True)
        ],
    }


def spectra_of(library, row):
    """Spectra of one record on the energies of the published set, by element."""
    random = np.random.default_rng(row)
    result = {}
    for element, (low, high) in ENERGIES.items():
        edge = EDGES[element]
        energy = np.arange(low, high, 0.2)
        intensity = np.interp(energy - SHIFTS[edge], library.grids[edge], library.spectra[edge][row])
        if np.isnan(intensity).all():
            intensity = 0.1 * random.normal(1.0, 0.02, energy.size)
        else:
            intensity = intensity * UNITS[element]
        result[element] = [np.round(energy, 3).tolist(), intensity.tolist()]
    return result


def _like_published(cell):
    """Pristine, or with a defect in a layered cell of four metals or more, as the published ones have thirty atoms."""
    return cell.kind == "pristine" or (cell.phase == "layered" and cell.kind != "reference" and cell.layer_sites > 3)


def records(count=None):
    """Records of the stand-in and the rows of the shipped library that they are made from."""
    library = load_library("nmc")
    cells = {cell.name: cell for cell in load_cells(Path(str(files("eelsmap"))) / "data" / "oxygen_k_cells.npz")[0]}
    content, rows = [], []
    for row in np.flatnonzero(library.kind == "structure"):
        cell = cells.get(library.parent_names[library.parent[row]])
        if cell is None or not _like_published(cell):
            continue
        mixture = "".join(f"{metal}{cell.species.count(metal)}" for metal in ("Ni", "Mn", "Co"))
        content.append(
            {"composition": mixture, "structure_id": cell.name, "structure": structure_dict(cell)}
            | spectra_of(library, row)
        )
        rows.append(int(row))
        if count is not None and len(rows) == count:
            break
    return content, rows


def write(path, content):
    path.write_text(json.dumps(content), encoding="utf-8")
    return path
