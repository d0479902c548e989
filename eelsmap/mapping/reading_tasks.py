"""Tasks that read parts of a file, each when its turn comes and wherever it is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from eelsmap.mapping.counts_files import CountsFile
from eelsmap.mapping.counts_reading import Region

if TYPE_CHECKING:
    import dask.array as da

__all__ = ["read_in_parts", "reading_tasks"]


def reading_tasks(
    file: CountsFile,
    name: str,
    regions: Mapping[tuple[Any, ...], Region],
    function: Callable[..., Any] | None = None,
    /,
    **options: Any,
) -> dict[Any, Any]:
    """Make a graph of tasks of dask.

    Parameters
    ----------
    file
        The file.
    name
        Of the whole, that no other graph has.
    regions
        What each task reads, by its key.
    function
        ``function(counts, **options)``, what it does with it; nothing without.

    Returns
    -------
    dict
        The tasks.
    """
    from dask._task_spec import DataNode, Task, TaskRef

    # A key of its own: where all the chunks of a file lie is not to travel with every task.
    source = f"file-{name}"
    graph: dict[Any, Any] = {source: DataNode(source, file)}
    for key, region in regions.items():
        graph[key] = Task(key, _read, TaskRef(source), region, function, **options)
    return graph


def read_in_parts(
    file: CountsFile, regions: Sequence[Region], function: Callable[..., Any] | None = None, /, **options: Any
) -> da.Array:
    """Read parts of an array in a file, each in a task of its own.

    Parameters
    ----------
    file
        The file.
    regions
        Which parts, each with a step along some axes perhaps.
    function
        ``function(counts, **options)`` of what was read.

    Returns
    -------
    dask.array.Array
        One block a part, whatever its shape.
    """
    import dask.array as da

    name = f"parts-{uuid4().hex}"
    graph = reading_tasks(
        file, name, {(name, number): part for number, part in enumerate(regions)}, function, **options
    )
    return da.Array(graph, name, ((1,) * len(regions),), meta=np.empty(0, dtype=object))


def _read(file: CountsFile, region: Region, function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Read a region, and do something with it perhaps."""
    counts = file.read(region)
    return counts if function is None else function(counts, **options)
