"""Readers without a model, whose views tell which pixel was asked for."""

import threading
import time

import numpy as np

from eelsmap.mapping.pixel_edges import EdgeView
from eelsmap.mapping.pixel_view import PixelView, PropertyValue

ENERGY = np.linspace(480.0, 900.0, 300)
EDGE_ENERGY = ENERGY[20:60]
GRID = np.linspace(525.0, 557.0, 40)


def edge_view(name="O_K", height=1.0):
    shape = np.exp(-(((GRID - 540.0) / 4.0) ** 2))
    shape /= shape.sum()
    return EdgeView(
        name, EDGE_ENERGY, np.full(40, 200.0 * height), np.full(40, 100.0 * height), (525.0, 557.0), (494.0, 524.0),
        532.0, GRID, shape, np.cumsum(shape), True, "", 30.0,
    )  # fmt: skip


def pixel_view(label, height=1.0, flags=(), values=True):
    said = {"li_content": PropertyValue(0.5 * height, 0.4 * height, 0.6 * height)} if values else {}
    return PixelView(label, ENERGY, 1e4 * height * (ENERGY / 500.0) ** -3, {"O_K": edge_view()}, said, tuple(flags))


class PlainReader:
    """Answers at once, or after a while; keeps what it was asked for, and in which thread."""

    properties = ("li_content", "mn_valence")

    def __init__(self, shape, *, seconds=0.0, bad=(), name=""):
        self.shape = tuple(shape)
        self.asked, self.threads, self.explained = [], set(), []
        self._seconds, self._bad, self._name = seconds, set(bad), name

    def at(self, index, *, explain=None):
        time.sleep(self._seconds)
        self.threads.add(threading.current_thread())
        self.asked.append(tuple(index))
        self.explained.append(explain)
        label = f"{self._name}pixel {tuple(index)}"
        if tuple(index) in self._bad:
            return pixel_view(label, flags=("NaN or infinite counts",), values=False)
        return pixel_view(label, 1.0 + sum(index) / 100)

    def mean(self, mask, *, explain=None):
        self.explained.append(explain)
        if not mask.any():
            raise ValueError("nothing is marked")
        return pixel_view(f"{self._name}mean of {int(mask.sum())}")
