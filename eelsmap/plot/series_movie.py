"""Maps of a series as a movie, frame by frame."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from eelsmap.mapping.map_names import map_info
from eelsmap.plot.images import limits_of
from eelsmap.plot.series import series_provenance, time_scale
from eelsmap.plot.style import NO_ANSWER, footer_text, new_figure, quiet_axes
from eelsmap.whole_file import whole_file

if TYPE_CHECKING:
    from PIL.Image import Image

    from eelsmap.mapping.series import MapSeries

__all__ = ["default_names", "write_movie"]

_PREFERRED = ("li_content", "ni_valence", "vacancy_probability")
_WIDTH, _DPI, _GREYS = 3.0, 90, 32


def default_names(series: MapSeries) -> list[str]:
    """Properties of a movie where none are asked for: up to three."""
    known = series.properties
    return [name for name in _PREFERRED if name in known] or known[:3]


def write_movie(
    series: MapSeries,
    path: str | os.PathLike[str],
    /,
    names: Sequence[str] | None = None,
    *,
    seconds_per_frame: float = 0.5,
) -> Path:
    """Write maps over time as an animated GIF, all or nothing.

    Parameters
    ----------
    series
        The series.
    path
        The .gif file; replaced if it exists.
    names
        Maps to show side by side; lithium content, nickel valence and vacancies by default.
    seconds_per_frame
        How long each frame stays.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    KeyError
        There is no map of that name.
    ValueError
        The maps are no images, or the ending is another one.
    """
    target = Path(path)
    if target.suffix.lower() != ".gif":
        raise ValueError(f"{target}: a movie is written as .gif, not as {target.suffix or 'a file without an ending'}")
    shown = default_names(series) if names is None else list(names)
    maps = {name: series[name] for name in shown}
    if not maps or next(iter(maps.values())).data.ndim != 3:
        raise ValueError("the maps of this series are no images; draw its trends instead")
    pictures = _pictures(series, maps)
    first = next(pictures)
    with whole_file(target) as part:
        first.save(
            part,
            save_all=True,
            append_images=pictures,
            duration=round(1000 * seconds_per_frame),
            loop=0,
            optimize=False,
        )
    return target


def _pictures(series: MapSeries, maps: dict[str, Any]) -> Iterator[Image]:
    """Draw frame after frame."""
    from PIL import Image

    table = series.frames
    table = table[table["status"] == "mapped"].reset_index(drop=True)
    factor, _words = time_scale(table["seconds"].to_numpy())
    limits = {name: _limits(name, signal.data) for name, signal in maps.items()}
    palette = Image.new("P", (1, 1))
    palette.putpalette(_palette(list(maps)))
    for place, row in table.iterrows():
        when = f", {row['seconds']:.0f} s" if factor else ""
        figure = _figure(series, {name: np.asarray(one.data[place]) for name, one in maps.items()}, limits,
                         f"Frame {row['number']}{when}: {row['file']}")  # fmt: skip
        figure.set_dpi(_DPI)
        figure.canvas.draw()
        pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3]  # type: ignore[attr-defined]
        yield Image.fromarray(np.ascontiguousarray(pixels)).quantize(palette=palette, dither=Image.Dither.NONE)


def _palette(names: Sequence[str]) -> list[int]:
    """Red, green, blue of the 256 colours of a GIF: those of the maps in even steps, and greys for the words."""
    used = sorted({map_info(name).colormap for name in names})
    greys = np.linspace(0, 1, _GREYS)[:, None].repeat(3, axis=1)
    answers = [colormaps[one](np.linspace(0, 1, (255 - _GREYS) // len(used)))[:, :3] for one in used]
    colours = np.concatenate([[to_rgb(NO_ANSWER)], greys, *answers])
    return [int(value) for value in np.rint(255 * colours).ravel()]


def _limits(name: str, values: Any) -> tuple[float, float]:
    """Range of colours, the same for all frames; read frame by frame where the map has no usual one."""
    usual = map_info(name).limits
    if usual is not None:
        return usual
    ends = [limits_of(np.asarray(values[place]), None) for place in range(len(values))]
    return min(low for low, _high in ends), max(high for _low, high in ends)


def _figure(series: MapSeries, maps: dict[str, Any], limits: dict[str, tuple[float, float]], title: str) -> Figure:
    """Draw the maps of one frame side by side."""
    rows, columns = next(iter(maps.values())).shape
    height = float(np.clip(_WIDTH * rows / columns, 1.0, 5.0)) + 0.3
    figure, body = new_figure(_WIDTH * len(maps) + 0.6, height, footer_text(series_provenance(series))[:1], (), title)
    for panel, (name, values) in zip(body.subplots(1, len(maps), squeeze=False).ravel(), maps.items(), strict=True):
        info = map_info(name)
        colours = colormaps[info.colormap].with_extremes(bad=NO_ANSWER)
        low, high = limits[name]
        image = panel.imshow(values, cmap=colours, vmin=low, vmax=high, interpolation="nearest")
        panel.set(xticks=[], yticks=[])
        panel.set_title(info.title, loc="left", fontsize=8.5)
        quiet_axes(panel)
        bar = body.colorbar(image, ax=panel, shrink=0.9)
        bar.ax.tick_params(labelsize=7)
    return figure
