"""Maps of a run that was stopped: which pixels are known, and maps of what is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from eelsmap.mapping.property_maps import PropertyMaps

__all__ = ["as_known", "known_pixels"]


def known_pixels(values: Mapping[str, NDArray[Any]], /) -> NDArray[np.bool_]:
    """Find the pixels that were computed: those with a value in any map, or with a reason why they have none.

    Parameters
    ----------
    values
        Name of a map to its values, shape of the image.

    Returns
    -------
    numpy.ndarray of bool
        Shape of the image.
    """
    masks = [array != 0 if name == "flags" else np.isfinite(array) for name, array in values.items()]
    return np.asarray(np.any(masks, axis=0))


def as_known(maps: PropertyMaps, /) -> PropertyMaps:
    """Take what is known of maps whose run was stopped, without computing anything.

    Parameters
    ----------
    maps
        Maps, computed or not.

    Returns
    -------
    PropertyMaps
        The maps themselves where they are computed. Else computed maps in which unknown pixels are NaN, without flags,
        and whose provenance says under ``"partial"`` how much is there.
    """
    if not maps.is_lazy:
        return maps
    values = {name: maps.partial(name) for name in maps}
    known = known_pixels(values)
    stack = np.stack([array.astype(np.float32) for array in values.values()], axis=-1)
    said = f"{int(known.sum())} of {known.size} pixels were computed before the run was stopped; the others are empty"
    return type(maps)(stack, list(values), maps.axes, {**maps.provenance, "partial": said})
