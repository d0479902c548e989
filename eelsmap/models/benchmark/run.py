"""Runs the comparison item by item; what is finished is read back, so that it can be stopped at any moment."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eelsmap._version import __version__
from eelsmap.models.benchmark.measure import Measurement
from eelsmap.models.benchmark.plan import Item, left_out, plan
from eelsmap.whole_file import whole_file

if TYPE_CHECKING:
    from eelsmap.library import Library

__all__ = ["run_benchmark", "write_result"]


def run_benchmark(
    library: Library,
    out: Path,
    /,
    *,
    seed: int = 0,
    full: bool = False,
    items: Iterable[Item] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Run the comparison of the papers.

    Parameters
    ----------
    library
        The spectral library.
    out
        Folder for finished items (``items/``) and for the result (``benchmark.json``); made if absent. Items of another
        library or with other settings have other names and are left alone.
    seed
        Seed of everything random.
    full
        Every combination of feature, reduction and model, instead of one of the three at a time.
    items
        What to run instead of the plan.
    progress
        Called with the number of finished items and of all items.

    Returns
    -------
    dict
        ``library``, ``library_sha256``, ``eelsmap_version``, ``seed``, ``left_out`` (rows that need a package that is
        not installed) and ``results``: a list of ``item``, ``scores`` and ``seconds``.
    """
    wanted = list(items) if items is not None else plan(seed=seed, full=full)
    folder = out / "items"
    folder.mkdir(parents=True, exist_ok=True)
    measurement = Measurement(library)
    result: dict[str, Any] = {
        "library": f"{library.name} {library.version}",
        "library_sha256": library.sha256,
        "eelsmap_version": __version__,
        "seed": seed,
        "left_out": left_out(),
        "results": [],
    }
    for number, item in enumerate(wanted):
        path = folder / f"{item.key(library.sha256)}.json"
        if not path.exists():
            start = time.process_time()
            content: dict[str, Any] = {"item": item.to_dict(), "scores": measurement.of(item)}
            content["seconds"] = round(time.process_time() - start, 1)
            with whole_file(path) as part:
                part.write_text(json.dumps(content, indent=1) + "\n")
        result["results"].append(json.loads(path.read_text()))
        # After every item, so that a run that was stopped can be printed as far as it came.
        write_result(result, out / "benchmark.json")
        if progress is not None:
            progress(number + 1, len(wanted))
    return result


def write_result(result: Mapping[str, Any], path: Path, /) -> None:
    """Write a result of :func:`run_benchmark`, one item a line."""
    head = json.dumps({**result, "results": []})
    rows = ",\n".join(json.dumps(entry) for entry in result["results"])
    with whole_file(path) as part:
        part.write_text(f"{head[:-2]}\n{rows}\n]}}\n")
