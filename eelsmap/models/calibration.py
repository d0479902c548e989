"""Correct a model by a user's references: every way that so many of them support, its gain measured before it counts.

Each way is learned from all specimens but some, and judged on those; whole specimens are held out. The gain's standard
error is that of a bootstrap over specimens. Nothing is changed here: who accepts a way writes a new bundle with it
(:mod:`eelsmap.models.corrected_bundle`). Choosing the best of several ways by the same references makes its figure a
little too good; the more ways and the fewer references, the more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.errors import EelsmapError, LibraryError
from eelsmap.models.calibration_figures import compared, loss_difference, with_factors
from eelsmap.models.interval_correction import interval_factors
from eelsmap.models.references import ReferenceSet, whole_groups
from eelsmap.models.spectrum_corrections import add_broadening, add_shift, weighted_loss
from eelsmap.models.value_corrections import (
    Fitted,
    add_affine,
    add_offset,
    add_ridge,
    add_trees,
    corrected_values,
)
from eelsmap.properties import PROPERTIES

__all__ = ["WAYS", "Attempt", "Calibration", "Way", "calibrate_model"]

_OF_NUMBERS = {"offset", "affine", "ridge", "trees"}
_MOST_PARTS = 40
_MOST_PARTS_OF_TREES = 5


@dataclass(frozen=True)
class Way:
    """One way to correct a model: its name, what it does in words, and the specimens that it needs."""

    name: str
    words: str
    fewest: int
    steps: tuple[str, ...]

    def fit(self, references: ReferenceSet, rows: NDArray[np.bool_], simulated: NDArray[np.float32] | None) -> Fitted:
        """Learn from some of the references.

        Parameters
        ----------
        references
            All references.
        rows
            Which of them may be learned from, shape (n,).
        simulated
            Features of spectra that the model learned from; only trees need them.
        """
        fitted = Fitted()
        targets, recipe = references.model.targets, references.model.recipe
        for step in self.steps:
            if step == "shift":
                fitted = add_shift(fitted, references, rows)
            elif step == "broadening":
                fitted = add_broadening(fitted, references, rows)
            else:
                table = references.rows(fitted.corrections.shift, fitted.corrections.fwhm).take(rows)
                if step == "offset":
                    fitted = add_offset(fitted, table, targets)
                elif step == "affine":
                    fitted = add_affine(fitted, table, targets)
                elif step == "ridge":
                    fitted = add_ridge(fitted, table, targets, recipe)
                elif simulated is not None:
                    fitted = add_trees(fitted, table, targets, recipe, simulated)
        return fitted


WAYS = {
    way.name: way
    for way in (
        Way("intervals", "predictions stay, intervals get a factor", 3, ()),
        Way("shift", "each edge is moved", 3, ("shift",)),
        Way("broadening", "all edges are broadened", 4, ("broadening",)),
        Way("offset", "a constant is added", 3, ("offset",)),
        Way("affine", "a line is put through prediction and truth", 6, ("affine",)),
        Way("shift+offset", "edges are moved, then a constant is added", 5, ("shift", "offset")),
        Way("shift+affine", "edges are moved, then a line is put through", 8, ("shift", "affine")),
        Way("ridge", "a constant and a linear function of the spectrum are added", 8, ("ridge",)),
        Way("trees", "boosting goes on with simulated spectra and references", 12, ("offset", "trees")),
    )
}
"""Every way by name, the simplest first. With fewer specimens than stated a gain could not be told from luck."""


@dataclass(frozen=True)
class Attempt:
    """One way, tried.

    Parameters
    ----------
    way
        Which.
    refusal
        Why it was not tried, or "".
    fitted
        Learned from all references, intervals included; what would be written.
    metrics
        By property: ``before`` and ``after`` (held out), ``gain`` of the main error with ``gain_error``, and
        ``better`` (share of bootstraps in which it is a gain). The main error is the RMSE, of classes the Brier score.
    loss_before, loss_after
        Mean squared error over all properties in squared shares of their range, held out.
    loss_error
        Standard error of their difference.
    """

    way: Way
    refusal: str = ""
    fitted: Fitted = field(default_factory=Fitted)
    metrics: Mapping[str, dict[str, Any]] | None = None
    loss_before: float = float("nan")
    loss_after: float = float("nan")
    loss_error: float = float("nan")

    @property
    def is_gain(self) -> bool:
        """Whether the errors become smaller by more than their standard error."""
        return bool(self.loss_before - self.loss_after > self.loss_error)


@dataclass(frozen=True)
class Calibration:
    """All ways that were tried, with what they were tried on."""

    references: ReferenceSet
    attempts: list[Attempt]

    @property
    def best(self) -> Attempt | None:
        """The way that lowers the errors most, if by more than its standard error; else None."""
        gains = [item for item in self.attempts if not item.refusal and item.is_gain]
        return min(gains, key=lambda item: item.loss_after + item.loss_error, default=None)

    def chosen(self, name: str) -> Attempt:
        """Attempt of a way by its name, or of ``"best"``; raises EelsmapError where there is none to be accepted."""
        if name == "best":
            if self.best is None:
                raise EelsmapError("no way lowers the errors on held-out references by more than their standard error; "
                                   "nothing was changed")  # fmt: skip
            return self.best
        for item in self.attempts:
            if item.way.name == name:
                if item.refusal:
                    raise EelsmapError(f"{name}: {item.refusal}")
                return item
        known = ", ".join(item.way.name for item in self.attempts)
        raise EelsmapError(f"no way {name!r}; there are best, {known}")


def calibrate_model(
    references: ReferenceSet,
    /,
    *,
    ways: Sequence[str] | None = None,
    simulated: NDArray[np.float32] | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Calibration:
    """Try ways to correct a model.

    Parameters
    ----------
    references
        From :func:`eelsmap.models.references.measured_references`.
    ways
        Names out of :data:`WAYS`; all when None.
    simulated
        Features of spectra that the model learned from, for the way ``trees``, which is refused without.
    seed
        Of the deal into parts and of the bootstrap.
    progress
        Called with the number of fits done and of all.

    Returns
    -------
    Calibration
        An attempt for each way; those that so few references cannot support are refused with the reason.

    Raises
    ------
    LibraryError
        There are too few references for anything to be held out, or the model was corrected already.
    """
    if references.model.manifest.get("corrected"):
        parent = references.model.manifest["corrected"]["parent"]["name"]
        raise LibraryError(f"this model was corrected already; correct the one that it came from ({parent})")
    names = list(WAYS) if ways is None else list(ways)
    unknown = [name for name in names if name not in WAYS]
    if unknown:
        raise LibraryError(f"no way {unknown[0]!r}; there are {', '.join(WAYS)}")
    specimens = len(references.group_names)
    if specimens < min(way.fewest for way in WAYS.values()):
        raise LibraryError(f"{specimens} specimens are too few to tell whether a correction helps; 3 are the least")
    plans = []
    for name in names:
        way = WAYS[name]
        refusal = ""
        if specimens < way.fewest:
            refusal = f"needs {way.fewest} specimens, there are {specimens}"
        elif "trees" in way.steps and simulated is None:
            refusal = "needs the simulated spectra of the model's library"
        elif set(way.steps) & _OF_NUMBERS and all(PROPERTIES[prop].probability for prop in references.truth):
            refusal = "corrects numbers, and only classes are known of the references"
        most = _MOST_PARTS_OF_TREES if "trees" in way.steps else _MOST_PARTS
        plans.append((way, refusal, [] if refusal else whole_groups(references.group, most, seed)))
    total = sum(len(parts) + 1 for _, refusal, parts in plans if not refusal)
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    attempts = []
    for way, refusal, parts in plans:
        attempts.append(
            Attempt(way, refusal) if refusal else _attempt(way, references, parts, simulated, seed, advance)
        )
    return Calibration(references, attempts)


def _attempt(
    way: Way,
    references: ReferenceSet,
    parts: list[NDArray[np.bool_]],
    simulated: NDArray[np.float32] | None,
    seed: int,
    advance: Callable[[], None],
) -> Attempt:
    """Judge one way on references that it was not learned from, then learn it from all."""
    targets, recipe = references.model.targets, references.model.recipe
    before = references.values()
    after = np.full_like(before, np.nan)
    for outside in parts:
        fitted = way.fit(references, ~outside, simulated)
        advance()
        table = references.rows(fitted.corrections.shift, fitted.corrections.fwhm).take(outside)
        after[outside] = corrected_values(fitted, table, targets, recipe)
    confidence = float(references.model.manifest.get("confidence", 0.9))
    judged = replace(references.rows(), values=after)
    widened = after.copy()
    for outside in parts:
        factors = interval_factors(judged.take(~outside), targets, confidence=confidence, seed=seed)
        widened[outside] = with_factors(after[outside], factors, targets)
    everything = np.ones(len(after), dtype=bool)
    fitted = way.fit(references, everything, simulated)
    advance()
    factors = interval_factors(judged, targets, confidence=confidence, seed=seed)
    corrections = replace(fitted.corrections, interval_factor=factors, applies_to=_applies_to(references))
    metrics = {name: compared(name, references, before, widened, seed) for name in references.truth}
    difference = loss_difference(references, before, after, seed)
    return Attempt(
        way, "", Fitted(corrections, fitted.boosters), metrics,
        weighted_loss(references, before, everything), weighted_loss(references, after, everything), difference,
    )  # fmt: skip


def _applies_to(references: ReferenceSet) -> str:
    """Which spectra are like the references: those with one edge, with several, or any."""
    number = references.rows().seen.sum(axis=1)
    if (number == 1).all():
        return "one edge"
    return "several edges" if (number > 1).all() else "any"
