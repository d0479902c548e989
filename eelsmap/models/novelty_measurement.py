"""How well a model tells spectra that it must refuse from those of its own kind, on simulated spectra."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eelsmap.errors import NO_ANSWER
from eelsmap.models.foreign_spectra import KINDS, KNOWN, foreign_stack
from eelsmap.models.metrics import probability_metrics

if TYPE_CHECKING:
    from eelsmap.library import Library
    from eelsmap.models.model import Model

__all__ = ["NoveltyOfKind", "measure_novelty", "novelty_lines"]

_UNCERTAINTY_EV = 0.5
_CLEAR = 1e5


class NoveltyOfKind(NamedTuple):
    """How spectra of one kind are told from held-out ones of the known kind.

    Parameters
    ----------
    kind
        Its name.
    spectra
        Their number.
    unanswered
        Share that gets no answer at all: too few counts, or no edge above noise.
    called_novel
        Share that gets an answer and is called novel.
    auroc
        Area under the receiver operating characteristic of the score; spectra without an answer count as refused. NaN
        for the known kind itself.
    auroc_clear
        The same among spectra of 1e5 counts or more in the O K window.
    """

    kind: str
    spectra: int
    unanswered: float
    called_novel: float
    auroc: float
    auroc_clear: float

    @property
    def refused(self) -> float:
        """Share that gets no answer or is called novel."""
        return self.unanswered + self.called_novel


def measure_novelty(
    model: Model,
    library: Library,
    /,
    *,
    rows: int = 400,
    seed: int = 11,
    kinds: Sequence[str] = tuple(KINDS),
    progress: Callable[[int, int], None] | None = None,
) -> list[NoveltyOfKind]:
    """Measure every kind of spectra against held-out spectra of the known kind, seen by the same microscope.

    Parameters
    ----------
    model
        The model.
    library
        The spectral library.
    rows
        Number of spectra of each kind.
    seed
        Seed of everything random.
    kinds
        Which kinds of :data:`eelsmap.models.foreign_spectra.KINDS`.
    progress
        Called with the number of kinds that are done and of all kinds.

    Returns
    -------
    list of NoveltyOfKind
        The known kind first.
    """
    wanted = [KNOWN, *(kind for kind in kinds if kind != KNOWN)]
    result: list[NoveltyOfKind] = []
    known: tuple[NDArray[np.float64], NDArray[np.bool_]] | None = None
    for done, kind in enumerate(wanted, 1):
        stack, counts = foreign_stack(kind, library, model.recipe, rows, seed)
        score = model.predict_stack(stack, axis_uncertainty=_UNCERTAINTY_EV)[:, -1].astype(np.float64)
        unanswered = ((stack.flags & np.uint32(NO_ANSWER)) != 0) | ~np.isfinite(score)
        # Without an answer nothing is claimed: as good as refused.
        score[unanswered] = np.inf
        clear = counts >= _CLEAR
        if known is None:
            known = score, clear
            areas = float("nan"), float("nan")
        else:
            areas = _area(known[0], score), _area(known[0][known[1]], score[clear])
        novel = float(((score > 1) & ~unanswered).mean())
        result.append(NoveltyOfKind(kind, score.size, float(unanswered.mean()), novel, *areas))
        if progress is not None:
            progress(done, len(wanted))
    return result


def novelty_lines(measured: Sequence[NoveltyOfKind], /) -> list[str]:
    """Lines to print, a table in Markdown."""
    lines = ["| kind of spectra | n | no answer | called novel | refused | AUROC | AUROC from 1e5 counts |",
             "|---|---|---|---|---|---|---|"]  # fmt: skip
    for item in measured:
        areas = ["-" if np.isnan(area) else f"{area:.3f}" for area in (item.auroc, item.auroc_clear)]
        shares = [f"{100 * share:.1f} %" for share in (item.unanswered, item.called_novel, item.refused)]
        lines.append(f"| {' | '.join([item.kind, str(item.spectra), *shares, *areas])} |")
    return lines


def _area(known: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """AUROC of scores of which the higher ones should be those of the other kind."""
    truth = np.concatenate([np.zeros(known.size), np.ones(other.size)])
    score = np.concatenate([known, other])
    # Ranks alone matter; infinity is the highest of them.
    finite = np.where(np.isfinite(score), score, 1.0 + score[np.isfinite(score)].max(initial=0.0))
    return probability_metrics(truth, finite).get("auroc", float("nan"))
