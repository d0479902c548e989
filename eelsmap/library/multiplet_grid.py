"""The grid of multiplet calculations as one compact file, and how it is made.

Every grid point is stored as two histograms (L3 and L2 character) of transition energy relative to the L3 centroid.
Reading needs numpy only; making it needs ``edrixs`` and takes minutes on one core. Each finished ion is written at once
beside the file, under the same name with ``.unfinished``; started again, the program goes on behind it, and calculates
only the ions whose parameters have changed since the file was made.
"""

from __future__ import annotations

import json
import time
import zipfile
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eelsmap.errors import LibraryError
from eelsmap.library.multiplets import IONS, TEMPERATURE_K, IonCalculator, IonModel, Multiplet
from eelsmap.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

SCHEMA = 2
#: Raised whenever the calculation itself changes, so that no point of an older one is taken over.
METHOD = 2
#: Bin edges in eV relative to the L3 centroid; 0.05 eV is far below every lifetime width.
BIN_EDGES = np.round(np.arange(-15.0, 40.0 + 0.025, 0.05), 6)


def histograms(point: Multiplet) -> tuple[NDArray, float]:
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


def ion_grid(ion: IonModel) -> tuple[dict[str, Any], NDArray]:
    """All grid points of one ion.

    Returns
    -------
    entry, sticks
        Header of the ion (parameters, lifetime widths, S^2 and L3/L2 of every point); sticks (reduction, 10Dq,
        tetragonal, L3 or L2, bin) float32.
    """
    calculator = IonCalculator(ion)
    shape = (len(ion.reductions), len(ion.ten_dq), len(ion.tetragonal))
    sticks = np.zeros((*shape, 2, BIN_EDGES.size - 1), dtype=np.float32)
    spin_squared, ratio = np.zeros(shape), np.zeros(shape)
    for place in np.ndindex(*shape):
        i, j, k = place
        point = calculator.multiplet(ion.ten_dq[j], ion.reductions[i], ion.tetragonal[k])
        sticks[place], _ = histograms(point)
        spin_squared[place], ratio[place] = point.spin_squared, point.l3_to_l2()
    entry = _parameters(ion) | {
        "l3_width_ev": point.l3_width,
        "l2_width_ev": point.l2_width,
        "spin_squared": np.round(spin_squared, 4).tolist(),
        "l3_to_l2": np.round(ratio, 3).tolist(),
    }
    return entry, sticks


def make_grid(
    path: Path, ions: Mapping[str, IonModel] = IONS, *, report: Callable[[str], object] | None = None
) -> list[str]:
    """Calculate the ions that are missing or were made with other parameters, and write the whole grid.

    Parameters
    ----------
    path
        File to write; finished ions in it are kept.
    ions
        What the grid shall hold.
    report
        Called with one line for every ion.

    Returns
    -------
    list of str
        The ions that were calculated.
    """
    unfinished = path.with_name(f"{path.name}.unfinished")
    entries: dict[str, dict] = {}
    arrays: dict[str, NDArray] = {}
    for earlier in (path, unfinished):
        if earlier.exists():
            for name, entry, sticks in _finished(earlier, ions):
                entries[name], arrays[name] = entry, sticks
    calculated = []
    for number, (name, ion) in enumerate(ions.items(), start=1):
        started = time.perf_counter()
        if name not in entries:
            entries[name], arrays[name] = ion_grid(ion)
            calculated.append(name)
            _write(unfinished, {n: entries[n] for n in ions if n in entries}, arrays)
        if report:
            state = f"{time.perf_counter() - started:.0f} s" if name in calculated else "kept"
            report(f"{number}/{len(ions)} {name}: {arrays[name][..., 0, 0].size} points, {state}")
    _write(path, {name: entries[name] for name in ions}, arrays)
    unfinished.unlink(missing_ok=True)
    return calculated


def load_grid(path: Path) -> tuple[dict, dict[str, NDArray], NDArray]:
    """Read the grid.

    Returns
    -------
    header, sticks, bin_edges
        Header (parameters, widths, S^2 and L3/L2 ratio of every point); by ion an array (reduction, 10Dq, tetragonal,
        L3 or L2, bin) that sums to 1 over the last two axes; bin edges in eV relative to the L3 centroid.

    Raises
    ------
    LibraryError
        The file is missing or is not such a file.
    """
    try:
        with np.load(path, allow_pickle=False) as content:
            header = json.loads(str(content["header"]))
            grid = {name: content[name] for name in header["ions"]}, content["bin_edges"]
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise LibraryError(f"{path}: not a multiplet grid ({error})") from error
    if header["schema"] != SCHEMA:
        raise LibraryError(
            f"{path}: a multiplet grid of schema {header['schema']}, this program reads {SCHEMA}; make it anew with "
            "python -m eelsmap.library.multiplet_grid"
        )
    return header, *grid


def _parameters(ion: IonModel) -> dict[str, Any]:
    """Parameters of an ion as they look after a trip through JSON."""
    return json.loads(json.dumps(asdict(ion)))


def _finished(path: Path, ions: Mapping[str, IonModel]) -> list[tuple[str, dict, NDArray]]:
    """Ions of an earlier file that were made with the present program and parameters; none if it cannot be read."""
    try:
        header, sticks, bin_edges = load_grid(path)
    except LibraryError:
        return []
    if header["method"] != METHOD or header["edrixs"] != version("edrixs") or not np.array_equal(bin_edges, BIN_EDGES):
        return []
    return [
        (name, entry, sticks[name])
        for name, entry in header["ions"].items()
        if name in ions and _parameters(ions[name]).items() <= entry.items()
    ]


def _write(path: Path, entries: dict[str, dict], arrays: dict[str, NDArray]) -> None:
    header = {
        "schema": SCHEMA,
        "method": METHOD,
        "edrixs": version("edrixs"),
        "temperature_K": TEMPERATURE_K,
        "ions": entries,
    }
    content = {name: arrays[name] for name in entries}
    with whole_file(path) as part, part.open("wb") as stream:
        np.savez_compressed(stream, header=np.array(json.dumps(header)), bin_edges=BIN_EDGES, **content)  # type: ignore[arg-type]


if __name__ == "__main__":
    import argparse

    parser = argparse.ArgumentParser(description="Calculate the multiplet grid of the library.")
    parser.add_argument("--out", type=Path, required=True, help="file to write; finished ions in it are kept")
    make_grid(parser.parse_args().out, report=lambda line: print(line, flush=True))
