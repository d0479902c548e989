"""Figures: maps with gaps, maps beside the truth, spectra with the edges found in them, pages on quality and results.

Every function returns a matplotlib ``Figure`` that needs no screen: ``figure.savefig("maps.png", dpi=200)``.
"""

from __future__ import annotations

from eelsmap.plot.edges import plot_edges
from eelsmap.plot.maps import plot_maps
from eelsmap.plot.quality import plot_quality
from eelsmap.plot.report import plot_report
from eelsmap.plot.truth import plot_truth

__all__ = ["plot_edges", "plot_maps", "plot_quality", "plot_report", "plot_truth"]
