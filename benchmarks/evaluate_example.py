"""A set of spectra of known valence as somebody else would hand it over, to try ``eelsmap evaluate`` and ``calibrate``.

Everything is simulated: Mn L2,3 spectra of library structures that no shipped model trains on, broadened, sampled and
made noisy in different ways, some on a shifted axis. Spectra from the library that a model learned from are easier than
measured ones; what this shows is the program, and the tolerance to the axis, not the truth.

    python benchmarks/evaluate_example.py --out simulated_set
    eelsmap evaluate --spectra simulated_set --shift -2 --shift -1 --shift 0 --shift 1 --shift 2 --out evaluated
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d
from tqdm import tqdm

from eelsmap.library import load_library

VALENCES = (3.0, 4.0)


def write_set(out: Path, number: int, edge: str, shift: float, seed: int) -> None:
    """Write spectra and their label table.

    Parameters
    ----------
    out
        Folder, made if absent.
    number
        Of spectra.
    edge
        Name of the edge.
    shift
        Error of all energies, eV.
    seed
        Of everything random.
    """
    random = np.random.default_rng(seed)
    library = load_library("nmc")
    label = f"{edge.removesuffix('_L').lower()}_valence"
    unseen = (library.split == "test") & (library.kind == "environment")
    by_valence = [np.flatnonzero(unseen & (library.labels[label] == valence)) for valence in VALENCES]
    grid = library.grids[edge]
    out.mkdir(parents=True, exist_ok=True)
    rows = [f"file,edge,specimen,{label}"]
    for place in tqdm(range(number), unit="spectrum"):
        valence = place % len(VALENCES)
        record = int(random.choice(by_valence[valence]))
        values = np.nan_to_num(library.spectra[edge][record].astype(float))
        values = gaussian_filter1d(values, random.uniform(0.5, 1.5) / 2.355 / (grid[1] - grid[0]))
        energy = np.arange(grid[0] + 8.0, grid[-1] - 8.0, random.choice((0.1, 0.2, 0.25, 0.5)))
        counts = (
            random.poisson(random.uniform(300, 3000) * np.interp(energy, grid, values / values.max()) + 50.0) - 50.0
        )
        lines = (f"{x + shift:.3f},{y:.6g}\n" for x, y in zip(energy, counts / counts.max(), strict=True))
        (out / f"{place:04d}.csv").write_text("energy_eV,intensity\n" + "".join(lines))
        rows.append(f"{place:04d}.csv,{edge},{library.parent_names[int(library.parent[record])]},{VALENCES[valence]:g}")
    (out / "labels.csv").write_text("\n".join(rows) + "\n")


def main() -> None:
    """Write the set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--number", type=int, default=400)
    parser.add_argument("--edge", default="Mn_L", choices=("Mn_L", "Co_L", "Ni_L"))
    parser.add_argument("--shift", type=float, default=0.0, help="error of the energies, eV")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    write_set(arguments.out, arguments.number, arguments.edge, arguments.shift, arguments.seed)


if __name__ == "__main__":
    main()
