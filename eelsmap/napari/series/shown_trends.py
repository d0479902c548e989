"""Which trends the view of a series draws: those of its table and of what the user draws on the maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject

from eelsmap.mapping.map_names import map_info
from eelsmap.napari.maps.layer_plans import WIDTH
from eelsmap.napari.series.drawn_regions import DrawnRegions, draw_on
from eelsmap.napari.series.frames import SeriesFrames
from eelsmap.napari.series.parts import SeriesParts
from eelsmap.napari.series.plot_colours import plot_colours
from eelsmap.napari.series.trends import table_trends
from eelsmap.napari.series.words import frame_words, time_positions, why_empty

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["ShownTrends"]

_LINE_WIDTH = 0.01


class ShownTrends(QObject):
    """Draws the trends of the chosen map.

    Parameters
    ----------
    viewer
        napari's viewer.
    parts
        Plot and list of regions.
    parent
        Owner.
    """

    def __init__(self, viewer: Viewer, parts: SeriesParts, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer, self._parts = viewer, parts
        self._frames: SeriesFrames | None = None
        self._reference: Any = None
        self.drawn = DrawnRegions(viewer, self)
        self.drawn.changed.connect(self.draw)
        parts.regions_chosen.connect(self.draw)
        parts.draw_button.clicked.connect(self.draw_region)
        viewer.events.theme.connect(self.take_theme)
        self.take_theme()

    @property
    def map_name(self) -> str:
        """Map whose trend is drawn: of the width of an interval the property itself."""
        return self._parts.map_name.removesuffix(WIDTH)

    def set_frames(self, frames: SeriesFrames, reference: Any) -> None:
        """Take a series, and a layer on whose pixels its maps lie, None without maps."""
        self._frames, self._reference = frames, reference
        rows = frames.rows
        self._parts.plot.set_time(*time_positions(rows))
        share = np.array([row.get("flagged_fraction", np.nan) for row in rows], dtype=np.float64)
        failed = [(step, frame_words(rows, step)) for step, row in enumerate(rows) if why_empty(row)]
        self._parts.plot.set_flags(share, failed)
        self.follow_map()

    def follow_map(self) -> None:
        """Draw the trends of another map."""
        self.drawn.set_frames(self._frames, self._reference, self.map_name)
        self.draw()

    def draw(self) -> None:
        """Draw what is known."""
        if self._frames is None:
            return
        name = self.map_name
        known = table_trends(self._frames, name) if name in self._frames.properties else []
        coloured = [
            (trend, self.drawn.colours.get(trend.region) or self._colours.line(number))
            for number, trend in enumerate([*known, *self.drawn.trends.values()])
        ]
        self._parts.set_regions([(trend.region, trend.text, colour) for trend, colour in coloured])
        shown = [one for one in coloured if self._parts.is_shown(one[0].region)]
        self._parts.plot.set_trends(shown, map_info(name).label if name else "")

    def draw_region(self) -> None:
        """Let the user draw a region on the maps."""
        if self._reference is not None and self._frames is not None:
            draw_on(self._viewer, self._reference, _LINE_WIDTH * max(self._frames.image_shape))

    def take_theme(self, _event: Any = None) -> None:
        """Take the colours of the theme."""
        self._colours = plot_colours(self._viewer.theme)
        self._parts.plot.set_colours(self._colours)
        self.draw()

    def close(self) -> None:
        """Let go of the viewer."""
        self.drawn.close()
        self._viewer.events.theme.disconnect(self.take_theme)
