"""Whether contributions that were carried to energies tell what a change of the spectrum does to the prediction.

Tree SHAP says what a point of a cumulative distribution contributed; how that is carried to energies is a choice, so it
is measured: the intensity inside a window is replaced by the usual one, and the change of the prediction is compared
with the contribution of that window.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from eelsmap.features import feature_names
from eelsmap.models.energy_shares import bin_boundaries, edge_columns, place_aligned, usual_shares
from eelsmap.models.explanation import explain_table, tree_shap
from eelsmap.models.held_out import held_out_spectra
from eelsmap.models.importance import usual_maximum
from eelsmap.models.model import total_log_snr
from eelsmap.models.permutation import energy_windows, with_window

if TYPE_CHECKING:
    from eelsmap.library import Library
    from eelsmap.models.model import Model

__all__ = ["replacement_agreement"]

_CLEAR = 1.6


def replacement_agreement(
    model: Model, library: Library, target: str, /, *, rows: int = 1500, seed: int = 5
) -> dict[str, float]:
    """Correlate contributions of windows of about 4 eV with what their replacement does.

    Parameters
    ----------
    model
        The model.
    library
        The spectral library; simulated spectra of its held-out structures are used.
    target
        Name of the property.
    rows
        Number of spectra; those with a signal-to-noise ratio below 40 are left out.
    seed
        Seed of the spectra.

    Returns
    -------
    dict
        Pearson correlation over all windows and spectra, of ``"carried"`` contributions and of ``"uncarried"`` ones,
        which stay at the energies of their features; ``"windows"`` is their number.
    """
    data = held_out_spectra(library, model.recipe, rows=rows, seed=seed)
    clear = total_log_snr(data.stack) > _CLEAR
    booster, recipe = model.boosters[target], model.recipe
    before = booster.inplace_predict(data.features, predict_type="margin")
    shap = tree_shap(booster, data.features)[:, :-1]
    names = feature_names(recipe)
    explanation = explain_table(model, data.stack, target, data.features)
    boundaries = bin_boundaries(recipe)
    changes, carried, uncarried = [], [], []
    for name, windows in energy_windows(recipe).items():
        index = recipe.edge_set.index(name)
        rows_seen = clear & data.stack.seen[:, index]
        usual = np.zeros((1, len(recipe.edge_set), boundaries[name].size - 1))
        usual[0, index] = usual_shares(model)[name]
        columns = edge_columns(names, recipe, name)
        left = np.zeros((len(shap), boundaries[name].size - 1))
        left[:, columns.below] = shap[:, columns.points]
        at_usual = np.full(len(shap), usual_maximum(recipe.edge_set[name]))
        if columns.bins:
            left += place_aligned(shap[:, columns.bins], columns.from_maximum, at_usual, boundaries[name])
        for window in windows:
            net = with_window(data.stack.net, np.broadcast_to(usual, data.stack.net.shape), index, window, rows_seen)
            change = before - booster.inplace_predict(data.features_of(net, recipe), predict_type="margin")
            changes.append(change[rows_seen])
            carried.append(explanation.contributions[name][rows_seen, window].sum(axis=1))
            uncarried.append(left[rows_seen, window].sum(axis=1))
    change = np.concatenate(changes)
    return {
        "carried": float(np.corrcoef(np.concatenate(carried), change)[0, 1]),
        "uncarried": float(np.corrcoef(np.concatenate(uncarried), change)[0, 1]),
        "windows": float(change.size),
    }
