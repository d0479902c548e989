"""L2,3 multiplets of single ions over everything that a crystal field may do to them.

The library proper gives each ion the crystal field of its site. A model that is to read a valence off an edge of any
oxide must not lean on such details: here crystal field, tetragonal splitting and Slater reduction of every ion are
drawn over the whole range in which its ground state keeps its spin, tetrahedral sites included (negative 10Dq, for
instance Mn2+ and Co2+ of spinels). A low-discrepancy sequence draws them, so the same program makes the same file.

Making the file needs ``edrixs`` and about a second a point; each finished ion is written at once beside the file, and a
program that is started again goes on behind it. Reading needs numpy only.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eelsmap.errors import LibraryError
from eelsmap.library.array_digest import array_digest
from eelsmap.library.multiplets import IONS, IonCalculator, Multiplet
from eelsmap.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

__all__ = ["RANGES", "IonRange", "VariedIons", "load_varied_ions", "make_varied_ions"]

SCHEMA = 1
BIN_EDGES = np.round(np.arange(-15.0, 30.0 + 0.05, 0.1), 6)
"""Edges of the bins, eV from the L3 centroid; 0.1 eV is a third of the narrowest lifetime width."""

_TRIES = 6
_OUTSIDE = 5e-3


@dataclass(frozen=True)
class IonRange:
    """What is drawn for one ion: 10Dq (eV), factor on the Slater integrals, splitting of eg as a share of 10Dq.

    ``tetrahedral`` is the range of 10Dq of tetrahedral sites (negative), of which every fourth point is one; None where
    the ion has no such site in oxides.
    """

    points: int
    ten_dq: tuple[float, float]
    reduction: tuple[float, float]
    tetragonal: tuple[float, float] = (-0.15, 0.3)
    tetrahedral: tuple[float, float] | None = None


#: Wider than the grid of the library on every side; a ground state of another spin is drawn again.
RANGES: dict[str, IonRange] = {
    "Mn2": IonRange(80, (0.4, 1.5), (0.6, 0.9), (-0.15, 0.2), (-0.7, -0.3)),
    "Mn3": IonRange(80, (0.9, 1.9), (0.5, 0.8), (-0.3, 0.9)),
    "Mn4": IonRange(80, (1.5, 3.0), (0.4, 0.75)),
    "Co2": IonRange(60, (0.5, 1.5), (0.6, 0.85), (-0.2, 0.3), (-0.8, -0.3)),
    "Co3": IonRange(60, (1.9, 3.3), (0.5, 0.7)),
    "Co3-high-spin": IonRange(30, (0.6, 1.5), (0.6, 0.8)),
    "Co4": IonRange(60, (2.8, 3.9), (0.45, 0.6)),
    "Ni2": IonRange(60, (0.7, 2.0), (0.6, 0.85), (-0.2, 0.3)),
    "Ni3": IonRange(60, (2.6, 3.8), (0.45, 0.6), (0.0, 0.6)),
    "Ni4": IonRange(60, (2.2, 3.8), (0.45, 0.65)),
}


@dataclass(frozen=True)
class VariedIons:
    """Sticks of every ion and point.

    Parameters
    ----------
    sticks
        By ion: (point, L3 or L2, bin), of sum 1 over the last two axes.
    widths
        By ion: Lorentzian full width of L3 and of L2, eV.
    parameters
        By ion: (point, 3): 10Dq (eV), Slater reduction, tetragonal splitting as a share of 10Dq.
    centres
        Middles of the bins, eV from the L3 centroid.
    sha256
        Hash of the sticks of all ions.
    """

    sticks: Mapping[str, NDArray[np.float32]]
    widths: Mapping[str, tuple[float, float]]
    parameters: Mapping[str, NDArray[np.float64]]
    centres: NDArray[np.float64]
    sha256: str

    def of_element(self, element: str) -> dict[int, list[str]]:
        """Names of an element's ions by valence."""
        found: dict[int, list[str]] = {}
        for name in self.sticks:
            if name.startswith(element):
                found.setdefault(int(name[len(element)]), []).append(name)
        return found


def load_varied_ions(path: Path, /) -> VariedIons:
    """Read the file.

    Raises
    ------
    LibraryError
        The file is missing or is not such a file.
    """
    try:
        with np.load(path, allow_pickle=False) as content:
            header = json.loads(str(content["header"]))
            ions = header["ions"]
            if header["schema"] != SCHEMA:
                raise LibraryError(f"{path}: varied ions of schema {header['schema']}, this program reads {SCHEMA}")
            return VariedIons(
                {name: content[name] for name in ions},
                {name: tuple(entry["widths"]) for name, entry in ions.items()},
                {name: np.array(entry["parameters"]) for name, entry in ions.items()},
                (BIN_EDGES[1:] + BIN_EDGES[:-1]) / 2,
                header["sha256"],
            )
    except (OSError, KeyError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise LibraryError(f"{path}: not a file of varied ions ({error})") from error


def make_varied_ions(
    path: Path, /, *, ranges: Mapping[str, IonRange] = RANGES, report: Callable[[str], object] | None = None
) -> None:
    """Calculate all ions and write the file; finished ions beside it are kept.

    Parameters
    ----------
    path
        File to write.
    ranges
        What is drawn for each ion.
    report
        Called with one line for every ion.
    """
    entries: dict[str, Any] = {}
    arrays: dict[str, NDArray[np.float32]] = {}
    made_by = {"edrixs": version("edrixs"), "schema": SCHEMA}
    for name, drawn in ranges.items():
        finished = path.with_name(f"{path.stem}-{name}.unfinished.npz")
        asked = json.dumps({**made_by, "ion": name, **asdict(drawn)})
        if not _is_finished(finished, asked):
            sticks, parameters, widths = _ion(name, drawn)
            with whole_file(finished) as part:
                np.savez(part, asked=np.array(asked), sticks=sticks, parameters=parameters, widths=widths)
        with np.load(finished, allow_pickle=False) as content:
            arrays[name] = content["sticks"]
            entries[name] = {
                "widths": content["widths"].tolist(),
                "parameters": np.round(content["parameters"], 4).tolist(),
            }
        if report:
            report(f"{name}: {len(arrays[name])} points")
    digest = hashlib.sha256("".join(array_digest(arrays[name]) for name in ranges).encode()).hexdigest()
    header = {**made_by, "ions": entries, "sha256": digest}
    with whole_file(path) as part, part.open("wb") as stream:
        np.savez_compressed(stream, header=np.array(json.dumps(header)), **arrays)  # type: ignore[arg-type]
    for name in ranges:
        path.with_name(f"{path.stem}-{name}.unfinished.npz").unlink(missing_ok=True)


def _is_finished(path: Path, asked: str) -> bool:
    """Whether an earlier run calculated just this."""
    try:
        with np.load(path, allow_pickle=False) as content:
            return str(content["asked"]) == asked
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
        return False


def _ion(name: str, drawn: IonRange) -> tuple[NDArray[np.float32], NDArray[np.float64], tuple[float, float]]:
    """Sticks (point, 2, bin), parameters (point, 3) and lifetime widths of one ion."""
    from scipy.stats import qmc

    calculator = IonCalculator(IONS[name])
    sequence = qmc.Sobol(3, scramble=True, rng=np.random.default_rng(len(name) + sum(map(ord, name))))
    sticks: list[NDArray[np.float64]] = []
    parameters: list[NDArray[np.float64]] = []
    point = None
    for share in sequence.random(1 << int(np.ceil(np.log2(_TRIES * drawn.points)))):
        tetrahedral = drawn.tetrahedral is not None and len(sticks) % 4 == 3
        field = drawn.tetrahedral if tetrahedral and drawn.tetrahedral else drawn.ten_dq
        limits = np.array([field, drawn.reduction, (0.0, 0.0) if tetrahedral else drawn.tetragonal])
        values = np.round(limits[:, 0] + share * (limits[:, 1] - limits[:, 0]), 4)
        try:
            point = calculator.multiplet(*(float(value) for value in values))
        except LibraryError:
            continue
        sticks.append(_histogram(point))
        parameters.append(values)
        if len(sticks) == drawn.points:
            break
    if point is None or len(sticks) < drawn.points:
        raise LibraryError(
            f"{name}: only {len(sticks)} of {drawn.points} crystal fields within {drawn} give the accepted spin state"
        )
    return np.array(sticks, dtype=np.float32), np.array(parameters), (point.l3_width, point.l2_width)


def _histogram(point: Multiplet) -> NDArray[np.float64]:
    """L3 and L2 histograms (2, bin) about the L3 centroid, together of sum 1."""
    l3 = point.strength * point.l3_character
    position = point.energy - np.average(point.energy, weights=l3)
    rows = np.array([np.histogram(position, bins=BIN_EDGES, weights=part)[0] for part in (l3, point.strength - l3)])
    if rows.sum() < (1 - _OUTSIDE) * point.strength.sum():
        raise LibraryError("transitions lie outside the histogram")
    return rows / rows.sum()


if __name__ == "__main__":
    import argparse

    parser = argparse.ArgumentParser(description="Calculate ions over all crystal fields.")
    parser.add_argument("--out", type=Path, required=True, help="file to write; finished ions beside it are kept")
    make_varied_ions(parser.parse_args().out, report=lambda line: print(line, flush=True))
