"""Finding what was measured among the results of a run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from eelsmap.errors import EelsmapError
from eelsmap.models.benchmark.plan import Item

__all__ = ["Results"]


class Results:
    """Results of :func:`eelsmap.models.benchmark.run.run_benchmark`, found by item.

    Parameters
    ----------
    content
        What it returned, or the content of its ``benchmark.json``.
    """

    def __init__(self, content: Mapping[str, Any]):
        self.content = content
        self.seed = int(content["seed"])
        self._scores = {_name(entry["item"]): entry for entry in content["results"]}

    @classmethod
    def read(cls, path: Path) -> Results:
        """Read ``benchmark.json``.

        Raises
        ------
        EelsmapError
            It is no such file.
        """
        try:
            return cls(json.loads(path.read_text()))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise EelsmapError(f"{path}: not a result of `eelsmap benchmark` ({error})") from error

    def entry(self, item: Item) -> Mapping[str, Any] | None:
        """Item, scores and seconds; None where it was not run."""
        return self._scores.get(_name(replace(item, seed=item.seed + self.seed).to_dict()))

    def score(self, item: Item, task: str, name: str) -> float | None:
        """One score; None where it was not measured."""
        entry = self.entry(item)
        if entry is None or name not in entry["scores"].get(task, {}):
            return None
        return float(entry["scores"][task][name])


def _name(item: Mapping[str, Any]) -> str:
    """Text that is the same for the same item."""
    return json.dumps(item, sort_keys=True)
