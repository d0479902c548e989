"""The result of a series: a table, and maps over time that stay on disk until they are used."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from eelsmap.errors import FileReadError
from eelsmap.mapping.map_names import LOWER, UPPER, map_info
from eelsmap.mapping.series.rows import MAPPED, properties_of
from eelsmap.mapping.series.settings import read_settings
from eelsmap.mapping.series.store import STORE, open_store
from eelsmap.mapping.series.table import LINES, data_frame, read_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

__all__ = ["MapSeries"]

_TREND = ["region", "property", "number", "file", "seconds", "mean", "standard_error", "lower", "upper", "pixels"]
_SUMMARY = ["region", "property", "frames", "first", "last", "change", "change_standard_error", "least", "largest",
            "interval"]  # fmt: skip


class MapSeries(Mapping[str, Any]):
    """Maps of a series by name, each a lazy HyperSpy signal (time | x, y), and the table of its frames.

    Parameters
    ----------
    folder
        Folder that :func:`eelsmap.map_series` wrote.
    settings
        What it was made with.
    rows
        One a frame.

    Examples
    --------
    >>> series = eelsmap.map_series("run_*.dm4", out="run/")  # doctest: +SKIP
    >>> series.frames[["file", "status", "drift_y_px"]]  # doctest: +SKIP
    >>> series["li_content"].plot()  # doctest: +SKIP
    """

    def __init__(self, folder: Path, settings: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        self.folder = folder
        self.settings = settings
        self._rows = rows
        self._stack: Any = None

    @classmethod
    def load(cls, folder: str | os.PathLike[str], /) -> Self:
        """Open the results of a series, also while it is still running.

        Raises
        ------
        FileReadError
            The folder holds no series.
        """
        place = Path(folder)
        settings = read_settings(place, ())
        if settings is None or not (place / LINES).is_file():
            raise FileReadError(f"{place}: holds no series; make one with eelsmap.map_series")
        return cls(place, settings, read_rows(place))

    def __getitem__(self, name: str) -> Any:
        """Return the map of that name over time: a lazy signal on the pixels of the first frame."""
        names = list(self)
        if name not in names:
            raise KeyError(f"no map {name!r}; there are {', '.join(names)}")
        # HyperSpy counts navigation axes from the last: time, map.
        signal = self._open().inav[:, names.index(name)]
        if name == "flags":
            signal.change_dtype(np.uint32)
        signal.metadata.General.title = map_info(name).title
        signal.metadata.Signal.quantity = map_info(name).title
        return signal

    def __iter__(self) -> Iterator[str]:
        """Names of the maps."""
        return iter([] if not (self.folder / STORE).exists() else list(self._open().metadata.EELSMap.names))

    def __len__(self) -> int:
        """Return the number of maps."""
        return len(list(iter(self)))

    def __repr__(self) -> str:
        """Say what there is."""
        return f"<MapSeries: {self.folder}; {self._words()}; {', '.join(self.properties)}>"

    @property
    def frames(self) -> DataFrame:
        """One row a frame, in the order of acquisition, also those that could not be mapped."""
        return data_frame(self._rows)

    @property
    def properties(self) -> list[str]:
        """Names of the properties: no interval limits, no quality maps."""
        return properties_of(list(self))

    @property
    def regions(self) -> list[str]:
        """Names of the regions."""
        return [str(region["name"]) for region in self.settings["regions"]]

    def trends(self) -> DataFrame:
        """Every property of every region over time.

        Returns
        -------
        pandas.DataFrame
            One row for each region, property and frame that has maps: ``region``, ``property``, ``number``, ``file``,
            ``seconds``, ``mean``, ``standard_error`` (by the scatter of pixels), ``lower``, ``upper`` (means of the
            interval's limits), ``pixels`` that have an answer.
        """
        from pandas import DataFrame

        found = []
        for region in self.regions:
            for name in self.properties:
                start = f"{region}_{name}"
                for row in self._mapped():
                    content = {"region": region, "property": name}
                    content |= {key: row[key] for key in ("number", "file", "seconds")}
                    values = {"mean": "_mean", "standard_error": "_standard_error", "lower": LOWER, "upper": UPPER,
                              "pixels": "_pixels"}  # fmt: skip
                    found.append(content | {key: row[start + ending] for key, ending in values.items()})
        return DataFrame(found, columns=_TREND)

    def summary(self) -> DataFrame:
        """How every property of every region changed.

        Returns
        -------
        pandas.DataFrame
            One row for each region and property: ``frames`` with an answer, ``first`` and ``last`` mean, ``change``
            and its standard error by the scatter of pixels, ``least`` and ``largest`` mean, ``interval`` (mean width of
            the intervals, within which all pixels may err alike).
        """
        from pandas import DataFrame

        found = []
        for (region, name), part in self.trends().groupby(["region", "property"], sort=False):
            known = part[np.isfinite(part["mean"])]
            content: dict[str, Any] = {"region": region, "property": name, "frames": len(known)}
            if len(known):
                first, last = known.iloc[0], known.iloc[-1]
                content |= {
                    "first": first["mean"],
                    "last": last["mean"],
                    "change": last["mean"] - first["mean"],
                    "change_standard_error": float(np.hypot(first["standard_error"], last["standard_error"])),
                    "least": known["mean"].min(),
                    "largest": known["mean"].max(),
                    "interval": (known["upper"] - known["lower"]).mean(),
                }
            found.append(content)
        return DataFrame(found, columns=_SUMMARY)

    def plot(self, names: Sequence[str] | None = None, **options: Any) -> Figure:
        """Draw properties over time; see :func:`eelsmap.plot.series.plot_series`."""
        from eelsmap.plot.series import plot_series

        return plot_series(self, names, **options)

    def movie(self, path: str | os.PathLike[str], names: Sequence[str] | None = None, **options: Any) -> Path:
        """Write maps over time as a GIF; see :func:`eelsmap.plot.series_movie.write_movie`."""
        from eelsmap.plot.series_movie import write_movie

        return write_movie(self, path, names, **options)

    def _mapped(self) -> list[dict[str, Any]]:
        """Rows of the frames that have maps."""
        return [row for row in self._rows if row["status"] == MAPPED]

    def _words(self) -> str:
        """How many frames are mapped, and of how many."""
        return f"{len(self._mapped())} of {len(self._rows)} frames mapped"

    def _open(self) -> Any:
        """Open the store once."""
        if self._stack is None:
            self._stack = open_store(self.folder / STORE)
        return self._stack
