"""Numbers that sum up a set of maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from eelsmap.errors import PixelFlag, describe_flags
from eelsmap.mapping.map_names import map_info

if TYPE_CHECKING:
    from pandas import DataFrame

    from eelsmap.mapping.property_maps import PropertyMaps

__all__ = ["count_flags", "summarise"]


def summarise(maps: PropertyMaps, /) -> DataFrame:
    """Sum up each main map over the pixels that have an answer.

    Parameters
    ----------
    maps
        Maps; lazy ones are computed.

    Returns
    -------
    pandas.DataFrame
        One row a map, indexed by its name: ``label``, ``unit``, ``mean``, ``median``, ``standard_deviation``,
        ``mean_interval_width`` (two standard deviations where an error stands for an interval, NaN without either),
        ``answered_fraction``, ``pixels``. Statistics over no pixel
        are NaN.
    """
    from pandas import DataFrame

    rows = {}
    for name in maps.main:
        values = maps.array(name)
        answered = np.isfinite(values)
        some = values[answered].astype(np.float64)
        width = np.nan
        limits = maps.interval(name)
        if some.size and limits is not None:
            widths = (limits[1] - limits[0])[answered]
            width = float(widths[np.isfinite(widths)].mean()) if np.isfinite(widths).any() else np.nan
        rows[name] = {
            "label": map_info(name).label,
            "unit": maps.unit(name),
            "mean": float(some.mean()) if some.size else np.nan,
            "median": float(np.median(some)) if some.size else np.nan,
            "standard_deviation": float(some.std()) if some.size else np.nan,
            "mean_interval_width": width,
            "answered_fraction": float(answered.mean()),
            "pixels": int(values.size),
        }
    table = DataFrame.from_dict(rows, orient="index")
    table.index.name = "property"
    return table


def count_flags(flags: NDArray[np.integer], /) -> dict[str, int]:
    """Count the pixels that carry each flag.

    Parameters
    ----------
    flags
        Map of :class:`eelsmap.errors.PixelFlag` values, any shape.

    Returns
    -------
    dict
        Reason in words to number of pixels, the gravest first; a pixel with two flags counts twice; flags that no
        pixel carries are left out.
    """
    counts = {flag: int(np.count_nonzero(flags & int(flag))) for flag in PixelFlag}
    return {describe_flags(flag)[0]: count for flag, count in counts.items() if count}
