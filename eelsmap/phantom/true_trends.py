"""What is true of regions of a phantom series over time, in the columns of ``MapSeries.trends``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eelsmap.phantom.series import PhantomFrame
from eelsmap.properties import PROPERTIES

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["true_trends"]

_TRUTH_OF = {"vacancy_probability": "vacancy_fraction", "antisite_probability": "antisite_fraction"}


def true_trends(frames: Sequence[PhantomFrame], regions: Mapping[str, ArrayLike], /) -> DataFrame:
    """Average the truth over regions that move along with the specimen.

    Parameters
    ----------
    frames
        The series.
    regions
        Name to mask (rows, columns) on the first frame.

    Returns
    -------
    pandas.DataFrame
        One row for each region, property and frame: ``region``, ``property``, ``seconds``, ``truth`` (mean over the
        pixels of the region that hold material and that the frame shows; for the probability of a vacancy or an
        antisite the mean *fraction*, which a probability follows but does not measure).
    """
    from pandas import DataFrame

    found = []
    for region, mask in regions.items():
        for frame in frames:
            inside = _moved(np.asarray(mask, dtype=bool), frame.drift) & (frame.phantom.truth["thickness"] > 0)
            for name in PROPERTIES:
                values = frame.phantom.truth[_TRUTH_OF.get(name, name)][inside]
                known = values[np.isfinite(values)]
                truth = float(known.mean()) if known.size else np.nan
                found.append({"region": region, "property": name, "seconds": frame.seconds, "truth": truth})
    return DataFrame(found)


def _moved(mask: NDArray[np.bool_], drift: tuple[float, float]) -> NDArray[np.bool_]:
    """Move a mask by whole pixels; nothing comes in from outside."""
    result = np.zeros_like(mask)
    place = [index + int(np.rint(moved)) for index, moved in zip(np.nonzero(mask), drift, strict=True)]
    inside = np.logical_and.reduce([(one >= 0) & (one < size) for one, size in zip(place, mask.shape, strict=True)])
    result[place[0][inside], place[1][inside]] = True
    return result
