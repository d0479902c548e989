"""The resumable program that makes the cells of the library: ``eelsmap library build --out RUN``.

Two stages, each of which can be started, killed and started again at any time, also by several processes on one folder:

``relax``
    planned structures by CHGNet, into ``RUN/relaxed/<name>.npz`` (`eelsmap.library.relaxed`);
``oxygen-k``
    relaxed structures, and cells of the package whose settings are not the standard ones, by GPAW, into
    ``RUN/cells/<name>.npz`` (`eelsmap.library.cells`).

What the package holds already is left out, unless it is asked for by name or everything is to be made again.

Every finished cell is written at once, whole or not at all; a process that is killed loses only the cell in work. A
cell that fails leaves a ``.failed`` file with the reason and is not tried again until that file is removed. A process
holds a lock on the cell in work, which the system lets go of when it ends. Needs ``chgnet`` and ``gpaw``.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from eelsmap.errors import LibraryError
from eelsmap.library.cells import Cell, load_cells, save_cells
from eelsmap.library.gpaw_oxygen_k import BIN_EDGES, STANDARD, oxygen_k_transitions
from eelsmap.library.orderings import decoration_of, supercell
from eelsmap.library.relaxed import load_relaxed, save_relaxed
from eelsmap.library.structures import Plan, plan

if TYPE_CHECKING:
    from eelsmap.library.relaxation import Relaxer

Item = TypeVar("Item", Plan, Cell)
STAGES = ("relax", "oxygen-k")
_DATA = Path(str(files("eelsmap"))) / "data"


def relax_planned(planned: Plan, relaxer: Relaxer) -> Cell:
    """Relax a planned structure; the result has no O K histogram yet."""
    result = relaxer.relax(planned.species, planned.lattice, planned.fractional)
    return Cell(
        planned.name,
        planned.kind,
        planned.layer_sites,
        planned.species,
        result.lattice,
        result.fractional,
        result.moments,
        np.zeros((planned.species.count("O"), 0)),
        float("nan"),
        "",
        {"phase": planned.phase, "relaxation": result.details},
    )


def calculate_oxygen_k(cell: Cell, setup_folder: Path, log: Path | None = None) -> Cell:
    """Calculate the O K transitions of a relaxed cell at the standard settings, from the moments of the relaxation."""
    from ase import Atoms

    atoms = Atoms(cell.species, cell=cell.lattice, scaled_positions=cell.fractional, pbc=True)
    result = oxygen_k_transitions(atoms, STANDARD, setup_folder, log, moments=[float(m) for m in cell.moments])
    kept = {key: cell.details[key] for key in ("phase", "relaxation") if key in cell.details}
    measured = (
        "fermi_eV", "magnetic_moments", "iterations", "seconds", "potential_at_nucleus_eV", "energy_eV"
    )  # fmt: skip
    return replace(
        cell,
        intensity=result["intensity"],
        complete_to=result["complete_to_eV"],
        settings=STANDARD.name,
        details=kept | {key: result[key] for key in measured},
    )


def run(
    folder: Path,
    limit: int | None = None,
    *,
    stages: Iterable[str] = STAGES,
    names: Iterable[str] | None = None,
    again: bool = False,
) -> dict[str, int]:
    """Make what is planned and not yet made, one item after the other.

    Parameters
    ----------
    folder
        Folder of the run; made if absent.
    limit
        Stop each stage after this number of new items. None for all.
    stages
        ``"relax"``, ``"oxygen-k"`` or both.
    names
        Only cells of these names, in this order, whether the package holds them or not. None for all.
    again
        Make what the package holds again too: cells that are not planned from their relaxed structures.

    Returns
    -------
    dict
        Number of items made by this call, by stage.

    Raises
    ------
    LibraryError
        A stage or a name is unknown.
    """
    stages = list(stages)
    wanted = None if names is None else list(names)
    if unknown := sorted(set(stages) - set(STAGES)):
        raise LibraryError(f"unknown stage {unknown[0]!r}: take {' or '.join(STAGES)}")
    shipped = load_cells(_DATA / "oxygen_k_cells.npz")[0]
    known = {entry.name for entry in plan()} | {cell.name for cell in shipped}
    if wanted is not None and (strange := [name for name in wanted if name not in known]):
        raise LibraryError(f"no cell named {strange[0]!r} is planned or in the package")
    done = {}
    anew = again or wanted is not None
    if "relax" in stages:
        done["relax"] = _relax(folder / "relaxed", shipped + _stored(), limit, wanted, anew)
    if "oxygen-k" in stages:
        done["oxygen-k"] = _oxygen_k(folder, shipped, limit, wanted, anew)
    return done


def _stored() -> list[Cell]:
    """Relaxed structures that the package holds."""
    path = _DATA / "relaxed_cells.npz"
    return load_relaxed(path) if path.exists() else []


def _relax(folder: Path, held: list[Cell], limit: int | None, wanted: list[str] | None, anew: bool) -> int:
    """Relax planned cells; `anew` also those held, but no ordering that is held under another name."""
    relaxer: Relaxer | None = None

    def make(planned: Plan) -> tuple[Cell, str]:
        nonlocal relaxer
        if relaxer is None:
            from eelsmap.library.relaxation import Relaxer

            relaxer = Relaxer()
        cell = relax_planned(planned, relaxer)
        how = cell.details["relaxation"]
        return cell, f"{how['evaluations']} evaluations, {how['seconds']} s, {how['residual_force_eV_per_A']} eV/A"

    names = {cell.name for cell in held}
    present = {key for cell in held if (key := ordering(cell)) is not None}
    planned = {entry.name: entry for entry in plan()}
    order = list(planned.values()) if wanted is None else [planned[name] for name in wanted if name in planned]

    def due(entry: Plan) -> bool:
        return anew if entry.name in names else ordering(entry) not in present

    items = ((entry.name, entry) for entry in order if due(entry))
    return _each(folder, items, make, lambda cell, path: save_relaxed([cell], path), limit)


def _oxygen_k(folder: Path, shipped: list[Cell], limit: int | None, wanted: list[str] | None, anew: bool) -> int:
    """Calculate cells of the package that have other settings (`anew`: all), then relaxed ones of package and run."""

    def make(cell: Cell) -> tuple[Cell, str]:
        # One log a process: two that write into one file would spoil each other's.
        made = calculate_oxygen_k(cell, folder.resolve() / "setups", folder / "cells" / f"{cell.name}.log")
        return made, f"complete to {made.complete_to} eV, {made.details['seconds']} s"

    made = {cell.name: cell for path in sorted((folder / "relaxed").glob("*.npz")) for cell in load_relaxed(path)}
    stored, own = ({cell.name: cell for cell in cells} for cells in (_stored(), shipped))
    available = stored | own | made if anew else stored | made | own
    ranked = [entry.name for entry in plan()]
    order = wanted if wanted is not None else [cell.name for cell in shipped] + ranked
    items = (
        (name, available[name])
        for name in dict.fromkeys(order)
        if name in available and (anew or available[name].settings != STANDARD.name)
    )

    def save(cell: Cell, path: Path) -> None:
        save_cells([cell], path, {STANDARD.name: STANDARD.as_dict()}, {}, BIN_EDGES)

    return _each(folder / "cells", items, make, save, limit)


def ordering(cell: Cell | Plan) -> tuple[int, str, int] | None:
    """Identify a layered cell up to symmetry: metals, kind, key of its decoration; None for ten metals and others."""
    phase = cell.phase if isinstance(cell, Plan) else cell.details.get("phase", "layered")
    if phase not in ("layered", "lithium-rich") or cell.layer_sites > 5:
        return None
    row = decoration_of(cell.species, cell.fractional, cell.layer_sites)
    return cell.layer_sites, cell.kind, int(supercell(cell.layer_sites).keys(row[None])[0])


def _each(
    folder: Path,
    items: Iterable[tuple[str, Item]],
    make: Callable[[Item], tuple[Cell, str]],
    save: Callable[[Cell, Path], None],
    limit: int | None,
) -> int:
    """Make every item that has neither a file nor a failure yet and that no other process is making."""
    folder.mkdir(parents=True, exist_ok=True)
    made = 0
    for name, item in items:
        if limit is not None and made >= limit:
            break
        target = folder / f"{name}.npz"
        failed = target.with_suffix(".failed")
        if target.exists() or failed.exists():
            continue
        with _claimed(target.with_suffix(".lock")) as free:
            if not free or target.exists() or failed.exists():
                continue
            try:
                cell, message = make(item)
            except ImportError:
                raise  # a missing tool is no property of the cell
            except Exception:  # one cell that fails must not end a run of hundreds; the reason is kept beside it
                failed.write_text(traceback.format_exc())
                print(f"{name}: failed, see {failed}", flush=True)
                continue
            save(cell, target)
            print(f"{name}: {message}", flush=True)
            made += 1
    return made


@contextmanager
def _claimed(path: Path) -> Iterator[bool]:
    """Whether this process got the lock of an item; the system frees it when the process ends in any way."""
    import fcntl

    with path.open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True
    with suppress(OSError):
        path.unlink()
