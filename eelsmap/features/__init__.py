"""From edge stacks to what a model reads: ``cumulative_distribution`` of each edge, ``feature_matrix`` of a pixel."""

from eelsmap.features.cdf import cumulative_distribution
from eelsmap.features.matrix import feature_energies, feature_matrix, feature_names, seen_distributions

__all__ = ["cumulative_distribution", "feature_energies", "feature_matrix", "feature_names", "seen_distributions"]
