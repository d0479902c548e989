"""Time series: frames found and ordered, mapped one by one, laid on each other, and followed over time.

``map_series`` makes the folder of results, ``MapSeries`` opens it.
"""

from eelsmap.mapping.series.result import MapSeries
from eelsmap.mapping.series.run import map_series

__all__ = ["MapSeries", "map_series"]
