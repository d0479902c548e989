"""A spectrum with its edges."""

import numpy as np
import pytest

from eelsmap.io import load
from eelsmap.plot import plot_edges
from tests.plot.test_plot_maps import overlaps

ENERGY = np.arange(440.0, 1054.0, 0.3)


def spectrum(energy):
    return 1e5 * (energy / 440) ** -3 + sum(
        2e3 * np.exp(-(((energy - at) / 2) ** 2)) for at in (529, 540, 642, 653, 780, 795, 855, 872)
    )


def test_shifts_are_written_with_their_sign(drawn_texts):
    figure = plot_edges(
        ENERGY, spectrum(ENERGY + 11), {"O_K": -11.0, "Mn_L": 2.04}, message="one by one", title="a file",
        backgrounds={"O_K": (ENERGY[:100], spectrum(ENERGY[:100]))},
    )  # fmt: skip
    texts = drawn_texts(figure)
    words = [text for text, _box in texts]
    for part in ("O K  −11.0 eV", "Mn L  +2.0 eV", "one by one", "a file"):
        assert part in words
    assert "Co L" in words
    assert not overlaps(texts)


def test_an_edge_outside_the_axis_says_so(drawn_texts):
    energy = np.arange(440.0, 700.0, 0.3)
    words = [text for text, _box in drawn_texts(plot_edges(energy, spectrum(energy)))]
    assert words.count("outside the axis") == 2


def test_counts_that_cannot_be_drawn_on_a_logarithm(drawn_texts):
    assert drawn_texts(plot_edges(ENERGY, np.zeros_like(ENERGY)))
    assert drawn_texts(plot_edges(ENERGY, np.where(ENERGY > 700, np.nan, -1.0)))


def test_shapes():
    with pytest.raises(ValueError, match="energy has shape"):
        plot_edges(ENERGY, ENERGY[:-1])


def test_real_spectrum(shared_data, drawn_texts):
    signal = load(shared_data / "nmc_si_doped/tm_o_core_loss.dm3")
    energy = signal.axes_manager.signal_axes[0].axis
    texts = drawn_texts(plot_edges(energy, np.median(signal.data.reshape(-1, 2048), axis=0)))
    assert not overlaps(texts)
