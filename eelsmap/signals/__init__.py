"""The HyperSpy signal types of eelsmap: thin methods over the functions of the other rooms.

``MultiEdgeEELS`` is a core-loss spectrum image that carries its low loss; ``PropertyMap`` is a map of one property on
the navigation axes of the image. Each has a lazy twin.
"""

from __future__ import annotations

from eelsmap.signals.multi_edge_eels import LazyMultiEdgeEELS, MultiEdgeEELS
from eelsmap.signals.property_map import LazyPropertyMap, PropertyMap

__all__ = ["LazyMultiEdgeEELS", "LazyPropertyMap", "MultiEdgeEELS", "PropertyMap"]
