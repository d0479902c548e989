"""Maps with structure, gaps and flags, and a record of every text that a figure draws."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib.text import Text

from eelsmap.errors import PixelFlag
from eelsmap.mapping.property_maps import PropertyMaps
from eelsmap.properties import PROPERTIES

PROVENANCE = {
    "title": "charged NMC",
    "eelsmap_version": "0.1.0",
    "time": "2026-11-21T10:00:00+00:00",
    "model": {"name": "nmc", "version": "0.1.0", "sha256": "abcdef0123456789"},
    "axis": {"message": "edges were aligned one by one (O K -11.0, Mn L -10.8, Co L -16.1, Ni L -19.4 eV); absolute "
                        "energies are lost"},
    "source": {"file": "tm_o_core_loss.dm3"},
}  # fmt: skip


@pytest.fixture
def make_maps() -> Callable[..., tuple[PropertyMaps, dict[str, np.ndarray]]]:
    """Function that makes maps of any shape, and the truth they scatter about."""

    def make(shape: tuple[int, ...], *, units: str = "nm", gaps: bool = True, intervals: bool = True) -> Any:
        rng = np.random.default_rng(3)
        flags = np.zeros(shape, dtype=int)
        if gaps and shape:
            flags[..., : max(1, shape[-1] // 8)] = int(PixelFlag.LOW_COUNTS)
            flags[..., -max(1, shape[-1] // 8) :] = int(PixelFlag.NI_L_WEAK)
            flags[..., shape[-1] // 2] = int(PixelFlag.NOVEL)
        names, columns, truth = [], [], {}
        for name, item in PROPERTIES.items():
            low, high = item.limits
            truth[name] = np.clip(
                low + (high - low) * np.linspace(0.1, 0.9, int(np.prod(shape))).reshape(shape), low, high
            )
            value = np.clip(truth[name] + 0.05 * (high - low) * rng.normal(size=shape), low, high)
            value = np.where(flags & int(PixelFlag.LOW_COUNTS), np.nan, value)
            if item.edge == "Ni_L":
                value = np.where(flags & int(PixelFlag.NI_L_WEAK), np.nan, value)
            names.append(name)
            columns.append(value)
            if intervals:
                names += [f"{name}_lower", f"{name}_upper"]
                columns += [value - 0.1 * (high - low), value + 0.1 * (high - low)]
        names += ["counts", "flags"]
        columns += [1e4 * rng.random(shape), flags]
        axes = [
            {"name": name, "size": size, "scale": 2.05, "offset": 0.0, "units": units}
            for name, size in zip("zyx"[3 - len(shape) :], shape, strict=True)
        ]
        return PropertyMaps(np.stack(columns, axis=-1).astype(np.float32), names, axes, PROVENANCE), truth

    return make


@pytest.fixture
def drawn_texts(monkeypatch) -> Callable[..., list[tuple[str, Any]]]:
    """Function that draws a figure and returns every text on it with its box in pixels."""

    def record(figure: Any) -> list[tuple[str, Any]]:
        found: list[tuple[str, Any]] = []
        draw = Text.draw

        def draw_and_record(self, renderer):
            draw(self, renderer)
            if self.get_visible() and self.get_text().strip():
                found.append((self.get_text(), Text.get_window_extent(self, renderer)))

        with monkeypatch.context() as patch:
            patch.setattr(Text, "draw", draw_and_record)
            # Annotations have a draw of their own, which ends in that of Text.
            figure.canvas.draw()
        return found

    return record
