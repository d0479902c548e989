"""Blocks of a lazy array computed one by one, each handed over as it is finished.

Whatever dask would use is used: threads, the synchronous scheduler, processes, or an active ``distributed`` client. No
block is kept here after it was handed over, so the memory needed does not grow with the array.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from eelsmap.errors import RunCancelledError

if TYPE_CHECKING:
    import dask.array as da

__all__ = ["run_blocks"]

Finished = Callable[[tuple[int, ...], NDArray[Any]], None]


def run_blocks(
    blocks: da.Array,
    wanted: Sequence[tuple[int, ...]],
    finished: Finished,
    /,
    *,
    cancelled: Callable[[], bool] | None = None,
) -> None:
    """Compute blocks of an array.

    Parameters
    ----------
    blocks
        The array.
    wanted
        Which of its blocks: a number along each axis.
    finished
        Called with the number and the values of each block as soon as it is done, in any order, one call at a time, in
        the thread that called this function.
    cancelled
        Asked after each block, in the same thread.

    Raises
    ------
    RunCancelledError
        When `cancelled` says so. Blocks that are being computed at that moment are finished and thrown away.
    """
    from dask.base import get_scheduler

    indices = {(blocks.name, *index): tuple(index) for index in wanted}
    if not indices:
        return

    def deliver(key: Any, values: NDArray[Any]) -> None:
        finished(indices[key], values)
        if cancelled is not None and cancelled():
            raise RunCancelledError("the run was cancelled; what was computed before is kept")

    if cancelled is not None and cancelled():
        raise RunCancelledError("the run was cancelled before it began")
    get = get_scheduler(collections=[blocks])
    client = getattr(get, "__self__", None)
    graph = blocks.__dask_optimize__(blocks.__dask_graph__(), list(indices))
    with _one_thread_each():
        if hasattr(client, "scheduler_info"):
            _run_on_cluster(client, graph, list(indices), deliver)
        else:
            _run_here(get, graph, list(indices), deliver)


def _run_here(get: Callable[..., Any], graph: Any, keys: list[Any], deliver: Callable[[Any, Any], None]) -> None:
    """Run with one of dask's own schedulers, which report every finished task to the calling thread."""
    from dask.callbacks import Callback

    left = set(keys)

    def after(key: Any, values: Any, _graph: Any, state: Any, _worker: Any) -> None:
        if key in left:
            left.discard(key)
            deliver(key, values)
            # The scheduler would hold every block until the last one is done.
            state["cache"][key] = None

    with Callback(posttask=after):
        rest = get(graph, keys)
    # What lies in the graph as data is no task, and is never reported.
    for key, values in zip(keys, rest, strict=True):
        if key in left:
            deliver(key, values)


def _run_on_cluster(client: Any, graph: Any, keys: list[Any], deliver: Callable[[Any, Any], None]) -> None:
    """Run with a ``distributed`` client; its scheduler starts a block only when a worker is free for it."""
    from dask.delayed import Delayed
    from distributed import as_completed

    with warnings.catch_warnings():
        # The model is a part of the graph, once.
        warnings.filterwarnings("ignore", message="Sending large graph")
        sent = client.compute([Delayed(key, graph) for key in keys], optimize_graph=False)
    futures = dict(zip(sent, keys, strict=True))
    del sent
    try:
        for future in as_completed(list(futures)):
            deliver(futures.pop(future), future.result())
            # Without it the cluster would hold every block until the last one is done.
            future.release()
    finally:
        client.cancel(list(futures))


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Keep the linear algebra inside a block to one thread: the blocks themselves occupy the cores."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield
