"""From edge stacks to what a model reads.

``cumulative_distribution`` of each edge; ``white_line_features`` and ``oxygen_edge_features`` of an edge that is laid
on its own maximum; ``feature_matrix`` of a pixel, which holds them all.
"""

from eelsmap.features.cdf import cumulative_distribution
from eelsmap.features.matrix import feature_energies, feature_matrix, feature_names, seen_distributions
from eelsmap.features.oxygen_edge import oxygen_edge_features, oxygen_edge_names
from eelsmap.features.white_lines import white_line_features, white_line_names

__all__ = [
    "cumulative_distribution",
    "feature_energies",
    "feature_matrix",
    "feature_names",
    "oxygen_edge_features",
    "oxygen_edge_names",
    "seen_distributions",
    "white_line_features",
    "white_line_names",
]
