"""``evaluate_spectra``: what a model makes of given spectra, compared with what is known of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eelsmap._version import __version__
from eelsmap.errors import PixelFlag, describe_flags
from eelsmap.library.label_table import ALIASES
from eelsmap.models.evaluation_measured.measured_set import MeasuredSet, Specimen, read_measured_set
from eelsmap.models.evaluation_measured.predictions import predict_specimens
from eelsmap.models.evaluation_measured.report import report_lines
from eelsmap.models.evaluation_measured.scores import classes_of, nearest_class, property_metrics
from eelsmap.models.evaluation_measured.stacks import Shifts
from eelsmap.models.model import Model
from eelsmap.models.model_loading import load_model
from eelsmap.whole_file import whole_file

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MEASURED_ON", "Evaluation", "evaluate_spectra", "known_values"]

MEASURED_ON = "spectra that you gave"


@dataclass(frozen=True)
class Evaluation:
    """Predictions of given spectra and how they compare with what is known.

    Parameters
    ----------
    table
        A row for each specimen of the label table: ``specimen``, ``group``, ``files``, ``refused`` (why there is no
        prediction, or ""), ``notes``, ``shift_eV``; for each property its prediction, ``_lower`` and ``_upper``, with
        ``_truth`` where it is known of any specimen and ``_class`` where the known values are classes; ``flags`` and
        ``flags_in_words``; ``novelty``.
    metrics
        Figures of each property that is known of any specimen; see `scores.property_metrics`.
    counts
        ``evaluated``, ``refused``, ``bad_rows``, ``novel``.
    reasons
        Why specimens were refused, with the number of each.
    bad_rows
        Rows of the label table that say nothing usable, and why.
    notes
        What was done to spectra, with the number of specimens.
    provenance
        Plain values.
    """

    table: pd.DataFrame
    metrics: dict[str, dict[str, Any]]
    counts: dict[str, int]
    reasons: dict[str, int]
    bad_rows: list[str]
    notes: dict[str, int]
    provenance: dict[str, Any]

    def lines(self) -> list[str]:
        """Report as lines of text."""
        return report_lines(self)

    def save(self, folder: Path, /) -> dict[str, Path]:
        """Write ``predictions.csv`` and ``metrics.json``, each all or nothing.

        Parameters
        ----------
        folder
            Made if it does not exist; earlier results there are replaced.

        Returns
        -------
        dict
            ``predictions`` and ``metrics`` to the file.
        """
        folder.mkdir(parents=True, exist_ok=True)
        paths = {"predictions": folder / "predictions.csv", "metrics": folder / "metrics.json"}
        with whole_file(paths["predictions"]) as part:
            self.table.to_csv(part, index=False, float_format="%.6g")
        with whole_file(paths["metrics"]) as part:
            part.write_text(json.dumps(self.to_dict(), indent=1, sort_keys=True) + "\n")
        return paths

    def to_dict(self) -> dict[str, Any]:
        """Everything but the table, as plain values; what is no number becomes None."""
        content = {
            "measured_on": MEASURED_ON, "metrics": self.metrics, "counts": self.counts, "reasons": self.reasons,
            "bad_rows": self.bad_rows, "notes": self.notes, "provenance": self.provenance,
        }  # fmt: skip
        plain: dict[str, Any] = _plain(content)
        return plain


def evaluate_spectra(
    spectra: str | Path | MeasuredSet,
    labels: str | Path | None = None,
    model: str | Path | Model = "nmc",
    /,
    *,
    axis_uncertainty: float | None = None,
    relative_intensity: bool = False,
    shifts: Shifts | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Predict given spectra and compare with what is known of them; no bad file or row ends the run.

    Parameters
    ----------
    spectra
        Folder of background-subtracted spectra, or what `read_measured_set` made of it.
    labels
        Label table; ``labels.csv`` in the folder when None.
    model
        A model, its name, or the path of a bundle.
    axis_uncertainty
        Standard deviation of the error of the energies, eV; None where nobody knows.
    relative_intensity
        Whether the edges of one specimen share one intensity scale.
    shifts
        Added to the energies, to see what an error of the axis does.
    progress
        Called with the number of specimens predicted and of all.

    Returns
    -------
    Evaluation
        Predictions and figures.

    Raises
    ------
    LibraryError
        The folder or the label table cannot be read at all.
    """
    loaded = model if isinstance(model, Model) else load_model(model)
    table_path = None if labels is None else Path(labels)
    given = spectra if isinstance(spectra, MeasuredSet) else read_measured_set(Path(spectra), table_path)
    options: dict[str, Any] = {"axis_uncertainty": axis_uncertainty, "relative_intensity": relative_intensity}
    usable = given.usable
    shifts = shifts or Shifts()
    predicted, refused, notes = predict_specimens(loaded, usable, shifts=shifts, progress=progress, **options)
    refusals = {specimen.name: specimen.refusal for specimen in given.specimens if specimen.refusal}
    refusals |= {usable[place].name: reason for place, reason in refused.items()}
    table = _table(loaded, given.specimens, usable, predicted, refusals, notes, shifts)
    metrics = _metrics(loaded, table)
    novel = int((table["flags"].fillna(0).astype(np.int64) & int(PixelFlag.NOVEL) != 0).sum())
    counts = {
        "evaluated": len(predicted), "refused": len(refusals), "bad_rows": len(given.bad_rows), "novel": novel,
        "files": given.files,
    }  # fmt: skip
    provenance = {
        "eelsmap_version": __version__,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": {"name": loaded.name, "version": loaded.version, "sha256": loaded.sha256},
        "settings": {**options, "shift_eV": shifts.constant, "random_shift_eV": shifts.spread, "seed": shifts.seed},
        "label_table_sha256": given.table_sha256,
        "ignored_columns": given.ignored_columns,
    }
    reasons = Counter(_without_names(reason, table) for reason in refusals.values())
    said = dict(Counter(given.note_counts()) + Counter(notes.values()))
    return Evaluation(table, metrics, counts, dict(reasons.most_common()), given.bad_rows, said, provenance)


def known_values(specimens: list[Specimen], name: str, /) -> NDArray[np.float64]:
    """Known values of a property, NaN where unknown; shape (specimen,)."""
    label = ALIASES.get(name, name)
    return np.array([specimen.labels.get(label, np.nan) for specimen in specimens], dtype=np.float64)


def _table(
    model: Model,
    specimens: list[Specimen],
    usable: list[Specimen],
    predicted: pd.DataFrame,
    refusals: dict[str, str],
    notes: dict[int, str],
    shifts: Shifts,
) -> pd.DataFrame:
    """Make the table of all specimens, refused ones included."""
    import pandas as pd

    place_of = {id(specimen): place for place, specimen in enumerate(usable)}
    drawn = shifts.draw(len(usable))
    places = [place_of.get(id(specimen), -1) for specimen in specimens]
    columns: dict[str, Any] = {
        "specimen": [specimen.name for specimen in specimens],
        "group": [specimen.group for specimen in specimens],
        "files": ["; ".join(specimen.files.values()) for specimen in specimens],
        "refused": [refusals.get(specimen.name, "") for specimen in specimens],
        "notes": [
            "; ".join(filter(None, [*specimen.notes, notes.get(place, "")]))
            for specimen, place in zip(specimens, places, strict=True)
        ],
        "shift_eV": [drawn[place] if place >= 0 else 0.0 for place in places],
    }
    # Refused specimens have no row among the predictions: they get NaN.
    rows = predicted.reindex(places) if len(predicted) else pd.DataFrame(index=range(len(places)))
    for name in model.targets:
        truth = known_values(specimens, name)
        if np.isfinite(truth).any():
            columns[f"{name}_truth"] = truth
        for column in (name, f"{name}_lower", f"{name}_upper"):
            columns[column] = rows[column].to_numpy(float) if column in rows else np.full(len(places), np.nan)
        classes = classes_of(name, truth)
        if classes.size:
            columns[f"{name}_class"] = nearest_class(columns[name], classes)
    flags = rows["flags"].to_numpy(float) if "flags" in rows else np.full(len(places), np.nan)
    columns["flags"] = pd.array(np.nan_to_num(flags).astype(np.int64), dtype="Int64")
    columns["flags"][~np.isfinite(flags)] = pd.NA
    columns["flags_in_words"] = ["; ".join(_problems(int(value))) if np.isfinite(value) else "" for value in flags]
    columns["novelty"] = rows["novelty"].to_numpy(float) if "novelty" in rows else np.nan
    return pd.DataFrame(columns)


def _problems(flags: int) -> list[str]:
    """Say flags in words, without the edges that nobody gave."""
    missing = sum(int(flag) for flag in PixelFlag if flag.name and flag.name.endswith("_MISSING"))
    return describe_flags(flags & ~missing)


def _metrics(model: Model, table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Figures of every property with known values, over all specimens that were not refused."""
    kept = table[table["refused"] == ""]
    result = {}
    for name in model.targets:
        if f"{name}_truth" in table:
            columns = (f"{name}_truth", name, f"{name}_lower", f"{name}_upper")
            result[name] = property_metrics(name, *(kept[column].to_numpy(float) for column in columns))
    return result


def _without_names(reason: str, table: pd.DataFrame) -> str:
    """Reason without the name of the file at its beginning, so that equal reasons can be counted."""
    head, colon, rest = reason.partition(": ")
    # An edge at the beginning is part of the reason; a path is not.
    return rest if colon and ("/" in head or "\\" in head or "." in head) and len(table) > 1 else reason


def _plain(value: Any) -> Any:
    """Turn NaN and infinities to None, which JSON can say."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
