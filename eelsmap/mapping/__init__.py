"""From signals to maps.

``map_properties`` runs a model over a spectrum image, ``map_classical`` asks its edges without one, ``map_quality``
says how far each pixel can be trusted; ``PropertyMaps`` holds the result.
"""

from eelsmap.mapping.classical_maps import map_classical
from eelsmap.mapping.engine import map_properties
from eelsmap.mapping.planned_image import PlannedImage, plan_signal
from eelsmap.mapping.property_maps import PropertyMaps
from eelsmap.mapping.quality_maps import map_quality

__all__ = ["PlannedImage", "PropertyMaps", "map_classical", "map_properties", "map_quality", "plan_signal"]
