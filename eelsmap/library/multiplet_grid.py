"""The grid of multiplet calculations as one compact file, and how it is made.

Every grid point is stored as two histograms (L3 and L2 character) of transition energy relative to the L3 centroid.
Reading needs numpy only; making it needs ``edrixs`` and takes about four minutes on one core.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import numpy as np

from eelsmap.errors import LibraryError
from eelsmap.library.multiplets import IONS, TEMPERATURE_K, Multiplet, calculate
from eelsmap.whole_file import whole_file

#: Bin edges in eV relative to the L3 centroid; 0.05 eV is far below every lifetime width.
BIN_EDGES = np.round(np.arange(-15.0, 40.0 + 0.025, 0.05), 6)


def histograms(point: Multiplet) -> tuple[np.ndarray, float]:
    """L3 and L2 histograms (2, bins), together of sum 1, and the L3 centroid (eV) that they are relative to."""
    l3 = point.strength * point.l3_character
    centroid = float(np.average(point.energy, weights=l3))
    rows = [
        np.histogram(point.energy - centroid, bins=BIN_EDGES, weights=weights)[0]
        for weights in (l3, point.strength - l3)
    ]
    outside = 1 - np.sum(rows) / point.strength.sum()
    if outside > 1e-4:
        raise LibraryError(f"{outside:.1%} of the transitions lie outside the histogram")
    return np.array(rows) / np.sum(rows), centroid


def make_grid(path: Path) -> None:
    """Calculate all ions at all grid points and write them to `path`."""
    arrays: dict[str, np.ndarray] = {}
    ions = {}
    for ion in IONS.values():
        shape = (len(ion.reductions), len(ion.ten_dq))
        sticks = np.zeros((*shape, 2, BIN_EDGES.size - 1), dtype=np.float32)
        spin_squared, ratio = np.zeros(shape), np.zeros(shape)
        for i, reduction in enumerate(ion.reductions):
            for j, ten_dq in enumerate(ion.ten_dq):
                point = calculate(ion, ten_dq, reduction)
                sticks[i, j], _ = histograms(point)
                spin_squared[i, j], ratio[i, j] = point.spin_squared, point.l3_to_l2()
        arrays[ion.name] = sticks
        ions[ion.name] = asdict(ion) | {
            "l3_width_ev": point.l3_width,
            "l2_width_ev": point.l2_width,
            "spin_squared": np.round(spin_squared, 4).tolist(),
            "l3_to_l2": np.round(ratio, 3).tolist(),
        }
    header = {"schema": 1, "edrixs": version("edrixs"), "temperature_K": TEMPERATURE_K, "ions": ions}
    with whole_file(path) as part, part.open("wb") as stream:
        np.savez_compressed(stream, header=np.array(json.dumps(header)), bin_edges=BIN_EDGES, **arrays)  # type: ignore[arg-type]


def load_grid(path: Path) -> tuple[dict, dict[str, np.ndarray], np.ndarray]:
    """Read the grid.

    Returns
    -------
    header, sticks, bin_edges
        Header (parameters, widths, S^2 and L3/L2 ratio of every point); by ion an array (reduction, 10Dq, L3 or L2,
        bin) that sums to 1 over the last two axes; bin edges in eV relative to the L3 centroid.

    Raises
    ------
    LibraryError
        The file is missing or is not such a file.
    """
    try:
        with np.load(path, allow_pickle=False) as content:
            header = json.loads(str(content["header"]))
            return header, {name: content[name] for name in header["ions"]}, content["bin_edges"]
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise LibraryError(f"{path}: not a multiplet grid ({error})") from error


if __name__ == "__main__":
    import argparse

    parser = argparse.ArgumentParser(description="Calculate the multiplet grid of the library.")
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    make_grid(parser.parse_args().out)
