"""Take a model to a neighbouring system by few labelled spectra of it.

The ways are those of :mod:`eelsmap.models.calibration` that follow the trees, fine-tuning by further boosting among
them; intervals are calibrated anew. Spectra of the new system are unlike those that the model learned from, so the
threshold of novelty is raised to what the references show; a spectrum of neither system may then pass more easily.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from eelsmap.models.calibration import Calibration, calibrate_model
from eelsmap.models.references import ReferenceSet
from eelsmap.models.training_mixtures import group_parents, sample_mixtures
from eelsmap.models.training_spectra import make_training_spectra

if TYPE_CHECKING:
    from eelsmap.library import Library
    from eelsmap.models.model import Model

__all__ = ["TRANSFER_WAYS", "as_seen", "simulated_features", "transfer_model"]

TRANSFER_WAYS = ("intervals", "offset", "affine", "ridge", "trees")
_ACCEPTED = 0.95


def transfer_model(
    references: ReferenceSet,
    library: Library | None,
    /,
    *,
    ways: Sequence[str] | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Calibration:
    """Try ways to take a model to the system of some references, each judged on specimens that it did not see.

    Parameters
    ----------
    references
        Labelled spectra of the new system.
    library
        What the model learned from, so that fine-tuning does not forget it; None leaves fine-tuning out.
    ways
        Names out of :data:`eelsmap.models.calibration.WAYS`; :data:`TRANSFER_WAYS` when None.
    seed
        Of everything random.
    progress
        Called with the number of fits done and of all.

    Returns
    -------
    Calibration
        With the threshold of novelty raised in every attempt, where references need it.
    """
    ways = ways or TRANSFER_WAYS
    simulated = None
    if library is not None and "trees" in ways:
        simulated = as_seen(simulated_features(references.model, library, seed=seed), references.rows().features, seed)
    result = calibrate_model(references, ways=ways, simulated=simulated, seed=seed, progress=progress)
    factor = max(1.0, float(np.nanquantile(references.novelty(), _ACCEPTED)))
    attempts = []
    for item in result.attempts:
        corrections = replace(item.fitted.corrections, novelty_factor=factor)
        attempts.append(item if item.refusal else replace(item, fitted=item.fitted._replace(corrections=corrections)))
    return Calibration(references, attempts)


def simulated_features(model: Model, library: Library, /, *, rows: int = 2000, seed: int = 0) -> NDArray[np.float32]:
    """Features of spectra like those that a model learned from, shape (about `rows`, feature)."""
    random = np.random.default_rng(seed)
    parents = dict.fromkeys(group_parents(library, groups=2, seed=seed), 0)
    mixtures = sample_mixtures(library, parents, rows, random)
    return np.concatenate([chunk.features for chunk in make_training_spectra(library, mixtures, model.recipe, random)])


def as_seen(simulated: NDArray[np.float32], references: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    """Take away from simulated spectra the edges that references lack: each gets the gaps of one of them."""
    chosen = np.random.default_rng(seed).integers(0, len(references), len(simulated))
    return np.where(np.isnan(references[chosen]), np.float32(np.nan), simulated)
