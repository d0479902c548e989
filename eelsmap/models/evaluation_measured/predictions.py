"""Predictions of many specimens; nothing that one of them holds ends the run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from eelsmap.errors import EelsmapError
from eelsmap.models.evaluation_measured.measured_set import Specimen
from eelsmap.models.evaluation_measured.stacks import Shifts, rows_of, stacks_of_specimens
from eelsmap.preprocess.edge_stack import EdgeStack

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from eelsmap.models.model import Model

__all__ = ["predict_specimens"]


def predict_specimens(
    model: Model,
    specimens: Sequence[Specimen],
    /,
    *,
    axis_uncertainty: float | None = None,
    relative_intensity: bool = False,
    shifts: Shifts | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[pd.DataFrame, dict[int, str], dict[int, str]]:
    """Predict specimens with spectra, as :meth:`eelsmap.models.Model.predict` does, whatever their axes.

    Parameters
    ----------
    model
        The model.
    specimens
        Specimens with spectra.
    axis_uncertainty
        Standard deviation of the error of the energies, eV; None where nobody knows.
    relative_intensity
        Whether the edges of one specimen share one intensity scale.
    shifts
        Added to the energies; nothing when None.
    progress
        Called with the number of specimens predicted and of all.

    Returns
    -------
    table : pandas.DataFrame
        A row for each specimen that was predicted, in order, with its place among `specimens` as the index.
    refused : dict
        Place to reason, of the others.
    notes : dict
        Place to reason, of specimens of which an edge had to be left out.
    """
    import pandas as pd

    stacks, refused, notes = stacks_of_specimens(
        specimens, model.recipe, shifts=shifts, relative_intensity=relative_intensity
    )
    known = np.nan if axis_uncertainty is None else axis_uncertainty
    tables, done = [], len(refused)
    for places, stack in stacks:
        table, failed = _predict(model, places, stack, known)
        refused.update(failed)
        tables.append(table)
        done += len(places)
        if progress is not None:
            progress(done, len(specimens))
    return (pd.concat(tables).sort_index() if tables else pd.DataFrame()), refused, notes


def _predict(
    model: Model, places: NDArray[np.intp], stack: EdgeStack, axis_uncertainty: float
) -> tuple[pd.DataFrame, dict[int, str]]:
    """Predict specimens together or, if that fails, one by one, so that one that fails takes no other with it."""
    import pandas as pd

    try:
        values = model.predict_stack(stack, axis_uncertainty=axis_uncertainty)
    except Exception as error:
        if len(places) == 1:
            said = str(error) if isinstance(error, EelsmapError) else f"unforeseen {type(error).__name__}: {error}"
            return pd.DataFrame(), {int(places[0]): said}
        parts = [
            _predict(model, places[row : row + 1], rows_of(stack, slice(row, row + 1)), axis_uncertainty)
            for row in range(len(places))
        ]
        failed = {place: reason for _, some in parts for place, reason in some.items()}
        return pd.concat([table for table, _ in parts]), failed
    return pd.DataFrame(values, columns=model.outputs, index=places).assign(flags=stack.flags), {}
