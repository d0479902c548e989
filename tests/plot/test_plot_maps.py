"""Figures of maps: what stands on them, that nothing overlaps, and that they need no screen."""

import subprocess
import sys
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from eelsmap.errors import PixelFlag
from eelsmap.mapping.property_maps import PropertyMaps
from eelsmap.plot import plot_maps
from eelsmap.plot.gaps import no_answer, runs
from eelsmap.plot.scale_bar import round_length
from eelsmap.properties import PROPERTIES

TWO = ["li_content", "ni_valence"]
SHAPES = [(48, 64), (90, 30), (20, 70), (21, 2), (2, 21), (60,), (1, 1), ()]


def overlaps(texts):
    """Pairs of texts that cover each other by more than a pixel."""
    pairs = []
    for (one, first), (other, second) in combinations(texts, 2):
        shared = Bbox.intersection(first, second)
        if shared is not None and shared.width > 1 and shared.height > 1:
            pairs.append((one, other))
    return pairs


@pytest.mark.parametrize(("shape", "intervals"), [*((shape, True) for shape in SHAPES), ((2, 21), False)])
def test_no_text_overlaps_or_is_lost(make_maps, drawn_texts, shape, intervals):
    figure = plot_maps(make_maps(shape, intervals=intervals)[0])
    texts = drawn_texts(figure)
    assert not overlaps(texts)
    width, height = figure.canvas.get_width_height()
    outside = [text for text, box in texts if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height]
    assert not outside
    words = " ".join(text for text, _box in texts)
    for item in PROPERTIES.values():
        assert item.label in words
    for part in ("trained on simulated spectra: nmc 0.1.0 (abcdef01)", "tm_o_core_loss.dm3", "charged NMC"):
        assert part in words
    assert "absolute energies are lost" in words.replace("\n", " ")


@pytest.mark.parametrize("shape", [(16, 16), (2, 21), (60,)])
def test_gaps_are_explained_with_their_numbers(make_maps, drawn_texts, shape):
    maps, _ = make_maps(shape)
    words = " ".join(text for text, _box in drawn_texts(plot_maps(maps, TWO)))
    pixels = int(np.prod(shape[:-1])) * (shape[-1] // 8)
    assert f"no answer: too few counts (vacuum or a hole): {pixels} pixels" in words
    assert f"this property not answered: Ni L is lost in noise or absent: {pixels} pixels" in words
    assert "unlike every spectrum that the model has seen" in words
    clean = " ".join(text for text, _box in drawn_texts(plot_maps(make_maps(shape, gaps=False)[0], TWO)))
    assert "no answer" not in clean
    assert "unlike every spectrum" not in clean


def test_colours_span_the_physical_range_and_images_keep_their_shape(make_maps):
    figure = plot_maps(make_maps((48, 64))[0])
    images = [image for axes in figure.subfigs[1].axes for image in axes.images]
    assert len(images) == len(PROPERTIES)
    for image, item in zip(images, PROPERTIES.values(), strict=True):
        assert image.get_clim() == item.limits
        assert image.get_cmap().name == item.colormap
        assert image.get_extent() == [0, 64 * 2.05, 48 * 2.05, 0]


def test_scale_bar_needs_a_unit(make_maps, drawn_texts):
    def with_unit(units):
        return [text for text, _box in drawn_texts(plot_maps(make_maps((48, 64), units=units)[0], TWO))]

    assert with_unit("nm").count("20 nm") == len(TWO)
    assert not [text for text in with_unit("") if text.endswith("nm") and text[0].isdigit()]


def test_a_single_spectrum_is_written_in_numbers(make_maps, drawn_texts):
    maps, _ = make_maps((), gaps=False)
    words = [text for text, _box in drawn_texts(plot_maps(maps))]
    value, low, high = (float(maps.array(f"li_content{part}")) for part in ("", "_lower", "_upper"))
    assert f"{value:.2f}   {low:.2f} to {high:.2f}" in words


def test_chosen_maps_and_title(make_maps, drawn_texts):
    figure = plot_maps(make_maps((16, 16))[0], ["counts", "li_content"], title="mine")
    words = [text for text, _box in drawn_texts(figure)]
    assert "mine" in words
    assert "Counts" in words
    assert "Ni count" not in words


def test_refusals(make_maps):
    maps, _ = make_maps((4, 5))
    with pytest.raises(KeyError, match="no map 'Li'"):
        plot_maps(maps, ["Li"])
    with pytest.raises(ValueError, match="no map to draw"):
        plot_maps(maps, [])
    with pytest.raises(ValueError, match="3 axes"):
        plot_maps(make_maps((3, 4, 5))[0])


def test_maps_plot_draws_the_same(make_maps):
    maps, _ = make_maps((4, 5))
    assert isinstance(maps.plot(["li_content"]), Figure)


@pytest.mark.parametrize("shape", [(), (7,), (5, 6)])
def test_maps_without_a_single_answer(drawn_texts, shape):
    stack = np.full((*shape, 3), np.nan, dtype=np.float32)
    stack[..., 2] = int(PixelFlag.NO_EDGE)
    axes = [{"name": "x", "size": size, "scale": 1.0, "offset": 0.0, "units": ""} for size in shape]
    maps = PropertyMaps(stack, ["li_content", "bond_length", "flags"], axes, {})
    words = " ".join(text for text, _box in drawn_texts(plot_maps(maps)))
    assert "no answer" in words
    assert "no edge rises above the noise" in words


def test_importing_needs_no_pyplot(tmp_path):
    code = "import sys, eelsmap.plot; print('matplotlib.pyplot' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_gaps_are_told_apart(make_maps):
    maps, _ = make_maps((16, 16))
    nothing, not_here = no_answer(maps, "ni_valence")
    assert nothing[:, :2].all()
    assert not nothing[:, 2:].any()
    assert not_here[:, -2:].all()
    assert not not_here[:, :-2].any()
    assert not no_answer(maps, "li_content")[1].any()


@given(arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 9))))
def test_runs_cover_a_mask_exactly(mask):
    painted = np.zeros(mask.shape, dtype=int)
    found = runs(mask)
    for row, start, end in found:
        painted[row, start:end] += 1
    np.testing.assert_array_equal(painted, mask.astype(int))
    assert len(found) == (np.diff(np.pad(mask.astype(int), ((0, 0), (1, 0))), axis=1) == 1).sum()


@given(st.floats(1e-9, 1e9))
def test_round_lengths(longest):
    length = round_length(longest)
    assert longest / 2.6 < length <= longest * (1 + 1e-6)
    assert f"{length:e}"[0] in "125"
    assert float(f"{length:.0e}") == pytest.approx(length)


@pytest.mark.parametrize("longest", [0, -1, float("nan"), float("inf")])
def test_no_length(longest):
    with pytest.raises(ValueError, match="positive length"):
        round_length(longest)
