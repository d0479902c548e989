"""A progress bar for programs that report how many of how many are done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["counting_bar"]


@contextmanager
def counting_bar(words: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar that goes away when all is done.

    Parameters
    ----------
    words
        Before the bar.
    unit
        What is counted.

    Yields
    ------
    callable
        To be called with the number done and of all.
    """
    from tqdm import tqdm

    with tqdm(unit=unit, desc=words, leave=False) as bar:

        def advance(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield advance
