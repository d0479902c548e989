"""A model measured on simulated spectra of structures that it has never seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.features import seen_distributions
from eelsmap.models.metrics import number_metrics, probability_metrics
from eelsmap.models.training_mixtures import sample_mixtures
from eelsmap.models.training_spectra import make_training_spectra
from eelsmap.properties import PROPERTIES

if TYPE_CHECKING:
    from eelsmap.library import Library
    from eelsmap.models.model import Model

__all__ = ["evaluate_simulated"]

_SNR_RANGES = ((-np.inf, 1.5), (1.5, 2.0), (2.0, 2.5), (2.5, np.inf))


def evaluate_simulated(model: Model, library: Library, /, *, rows: int = 6000, seed: int = 1) -> dict[str, Any]:
    """Predict simulated spectra of the library's ``test`` structures, over the same ranges of microscopes.

    Structures whose O K edge a surrogate filled in are left out: a model is not measured on another model's spectra.

    Parameters
    ----------
    model
        The model.
    library
        The spectral library.
    rows
        Number of spectra.
    seed
        Seed of the draw.

    Returns
    -------
    dict
        ``measured_on`` in words, ``called_novel`` (share of spectra, all of known kind), ``overall`` by property,
        and ``by_log_snr``: the same in ranges of log10 of the signal-to-noise ratio.
    """
    random = np.random.default_rng(seed)
    judged = (library.split == "test") & (library.origin != "surrogate")
    test = {int(parent): 0 for parent in library.parent[judged]}
    mixtures = sample_mixtures(library, test, rows, random)
    predicted, labels, log_snr, novel = [], [], [], []
    for chunk in make_training_spectra(library, mixtures, model.recipe, random):
        predicted.append(model.predict_features(chunk.features, chunk.log_snr).astype(np.float64))
        labels.append(chunk.labels)
        novel.append(model.novelty.relative_score(*seen_distributions(chunk.features, model.recipe)) > 1)
        log_snr.append(chunk.log_snr)
    values = np.concatenate(predicted)
    truth = {name: np.concatenate([label[name] for label in labels]) for name in labels[0]}
    noise = np.concatenate(log_snr)
    everything = np.ones(noise.size, dtype=bool)
    by_noise = {}
    for low, high in _SNR_RANGES:
        inside = (noise >= low) & (noise < high)
        by_noise[f"{low:g} to {high:g}"] = _metrics(model, values, truth, inside)
    return {
        "measured_on": f"{values.shape[0]} simulated spectra of {len(test)} structures that were not trained on",
        "called_novel": float(np.concatenate(novel).mean()),
        "overall": _metrics(model, values, truth, everything),
        "by_log_snr": by_noise,
    }


def _metrics(
    model: Model, values: NDArray[np.float64], truth: dict[str, NDArray[np.float64]], rows: NDArray[np.bool_]
) -> dict[str, dict[str, float]]:
    """Metrics of every property over some rows."""
    result = {}
    for index, name in enumerate(model.targets):
        value, lower, upper = values[rows, 3 * index : 3 * index + 3].T
        if PROPERTIES[name].probability:
            result[name] = probability_metrics(truth[name][rows], value)
        else:
            result[name] = number_metrics(truth[name][rows], value, lower, upper)
    return result
