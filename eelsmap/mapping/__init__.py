"""From signals to maps: ``map_properties`` runs a model over a spectrum image, ``PropertyMaps`` holds the result."""

from eelsmap.mapping.engine import map_properties, plan_signal
from eelsmap.mapping.property_maps import PropertyMaps

__all__ = ["PropertyMaps", "map_properties", "plan_signal"]
