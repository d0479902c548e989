"""The table of a series: JSON lines, which keep everything, and the same as CSV for other programs."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eelsmap.whole_file import whole_file

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["data_frame", "read_rows", "write_rows"]

LINES, TABLE = "frames.jsonl", "frames.csv"


def write_rows(folder: Path, rows: Sequence[dict[str, Any]], /) -> None:
    """Write all rows, each file all or nothing.

    Parameters
    ----------
    folder
        Where ``frames.jsonl`` and ``frames.csv`` go.
    rows
        One a frame; what begins with an underscore stays out of the CSV.
    """
    with whole_file(folder / LINES) as part:
        lines = (json.dumps({key: _plain(value) for key, value in row.items()}) for row in rows)
        part.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    with whole_file(folder / TABLE) as part:
        data_frame(rows).to_csv(part, index=False, lineterminator="\n")


def read_rows(folder: Path, /) -> list[dict[str, Any]]:
    """Read what :func:`write_rows` has written; nothing where there is no whole table."""
    try:
        lines = (folder / LINES).read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines]
    except (OSError, ValueError):
        return []
    return [{key: math.nan if value is None else value for key, value in row.items()} for row in rows]


def data_frame(rows: Sequence[dict[str, Any]], /) -> DataFrame:
    """Rows as a table; columns that a row lacks are NaN there."""
    from pandas import DataFrame

    columns = dict.fromkeys(key for row in rows for key in row if not key.startswith("_"))
    return DataFrame(list(rows), columns=list(columns))


def _plain(value: Any) -> Any:
    """Value for JSON, which knows no NaN."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.item() if hasattr(value, "item") else value
