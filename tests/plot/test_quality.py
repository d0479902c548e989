"""The page on quality: what stands on it for every kind of image, that nothing overlaps, and what is refused."""

from dataclasses import replace
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

import eelsmap
from eelsmap.commands.demo import image_of
from eelsmap.errors import PixelFlag
from eelsmap.io import load, prepare
from eelsmap.mapping import plan_signal
from eelsmap.mapping.quality_maps import quality_of_image
from eelsmap.phantom import Microscope
from eelsmap.plot import plot_quality
from eelsmap.plot.layout import layout_of
from eelsmap.plot.quality_numbers import in_words, key_figures, thousands
from eelsmap.plot.quality_panel import Panel
from eelsmap.plot.quality_words import COLOURS, answered, kinds_of, reasons_of, sorted_pixels
from eelsmap.preprocess.background_windows import BackgroundWindow
from eelsmap.recipe import Recipe
from tests.small_images import image as small_image
from tests.small_images import phantom_counts, window

SUBJECTS = ("Energy axis", "Drift", "Detector", "Background", "Noise", "Low loss", "Metadata")


def planned(signal: Any, recipe: Recipe | None = None) -> tuple[Any, Any]:
    image = plan_signal(signal, recipe or Recipe())
    return image, quality_of_image(image, lazy=False)


def dual() -> Any:
    microscope = Microscope(counts=1e6, channels=1200, offset=460.0, dispersion=0.4, dual_eels=True, drift_eV=3.0)
    return image_of(eelsmap.make_phantom((6, 8), microscope=microscope))


def faulty() -> Any:
    counts = phantom_counts()
    counts = np.minimum(counts, np.floor(np.percentile(counts.max(axis=-1), 60)))
    counts[..., 400] = 0.0
    return prepare(small_image(counts))


SIGNALS = {
    "dual": dual,
    "image": lambda: prepare(small_image()),
    "thin": lambda: prepare(small_image(phantom_counts()[2:4])),
    "flat": lambda: prepare(small_image(np.tile(phantom_counts()[1:5], (1, 2, 1)))),
    "single": lambda: prepare(small_image(phantom_counts()[3, 4], offset=453.0)),
    "oxygen only": lambda: prepare(window(470.0, 600.0).inav[:, 3]),
    "faulty": faulty,
}
DRAWN: dict[str, Any] = {}


@cache
def kind_of_image(kind: str) -> tuple[Any, Any]:
    return planned(SIGNALS[kind]())


@pytest.fixture
def words_of(drawn_texts):
    """Function that draws a page and returns it, every text on it with its box, and all of them in one string."""

    def words(kind):
        if kind not in DRAWN:
            figure = plot_quality(*kind_of_image(kind), title="A specimen")
            DRAWN[kind] = figure, drawn_texts(figure), said_on(figure)
        return DRAWN[kind]

    return words


def said_on(figure: Figure) -> str:
    """All words on a page, whether it was drawn or not."""
    return " ".join(" ".join(text.get_text() for text in figure.findobj(Text)).split())


def require_room(figure, texts):
    """No text leaves the page or covers another."""
    width, height = figure.canvas.get_width_height()
    assert not [text for text, box in texts if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height]
    pairs = []
    for (one, first), (other, second) in combinations(texts, 2):
        shared = Bbox.intersection(first, second)
        if shared is not None and shared.width > 1.5 and shared.height > 1.5:
            pairs.append((one, other))
    assert not pairs


@pytest.mark.parametrize("kind", [kind for kind in SIGNALS if kind != "image"])
def test_every_kind_of_image_gets_a_page_on_which_no_text_overlaps(kind, words_of):
    figure, texts, words = words_of(kind)
    assert tuple(figure.get_size_inches()) == pytest.approx((8.27, 11.69))
    require_room(figure, texts)
    for said in ("A specimen", "recorded energy loss (eV)", "signal to noise", "before onset (σ)", *SUBJECTS):
        assert said in words
    for edge in kind_of_image(kind)[0].recipe.edge_set.names:
        assert edge.replace("_", " ") in words


def test_a_dual_image_shows_thickness_and_zero_loss(words_of):
    _figure, _texts, words = words_of("dual")
    assert "zero-loss position (eV)" in words
    assert "no low loss" not in words
    assert "simultaneous: yes" in words
    _image, maps = kind_of_image("dual")
    good = answered(maps)
    assert 0 < good.sum() < good.size
    assert f"{100 * good.mean():.0f} %" in words
    assert f"of {good.size} pixels" in words
    assert f"{np.median(maps.array('t_over_lambda')[good]):.2f} t/λ" in words


def test_what_the_axis_does_not_hold_is_said(words_of):
    _figure, _texts, words = words_of("oxygen only")
    assert words.count("not on the axis") >= 6
    assert "Ni L lies outside the energy axis" in words
    assert "thickness unknown: no low loss" in words


def test_faults_of_the_detector_are_marked(words_of):
    _figure, _texts, words = words_of("faulty")
    assert "dead channel" in words
    assert "Dead channels 400 (620.0 eV)" in words
    assert kind_of_image("faulty")[0].plan.faults.saturation is not None
    assert "saturation, a pixel" in words
    assert "detector is saturated" in words


def test_a_corrected_axis_gets_a_second_one(words_of):
    assert "corrected energy loss (eV)" in words_of("single")[2]
    assert "corrected energy loss" not in words_of("dual")[2]


def test_the_windows_that_are_used_are_drawn(words_of):
    image = kind_of_image("dual")[0]
    axes = words_of("dual")[0].axes[0]
    spans = {(round(patch.get_x(), 3), round(patch.get_x() + patch.get_width(), 3)) for patch in axes.patches}
    for index, edge in enumerate(image.recipe.edge_set):
        for window_of in (image.plan.window(edge), edge.signal):
            recorded = image.plan.axis.recorded(index, window_of) + image.plan.zero_loss
            assert tuple(np.round(recorded, 3)) in spans


def test_the_background_of_the_mean_follows_it_before_the_edge(words_of):
    image = kind_of_image("dual")[0]
    axes = words_of("dual")[0].axes[0]
    spectrum, *backgrounds = (line for line in axes.lines if len(line.get_xdata()) > 2)
    assert len(backgrounds) == len(image.recipe.edge_set)
    for edge, line in zip(image.recipe.edge_set, backgrounds, strict=True):
        x, y = line.get_data()
        before = x < edge.background[1]
        counted = np.interp(x, *spectrum.get_data())
        assert np.abs(y / counted - 1)[before].mean() < 0.02
        assert (counted > y)[x > edge.signal[0] + 3].mean() > 0.9


def test_more_than_two_axes_are_refused():
    image, maps = planned(prepare(small_image(phantom_counts()[None, 2:4, 2:6])))
    with pytest.raises(ValueError, match="3 navigation axes"):
        plot_quality(image, maps)


def test_an_image_without_any_answer_gets_a_page():
    image, maps = kind_of_image("image")
    stack = np.stack([maps.array(name) for name in maps], axis=-1)
    names = list(maps)
    stack[..., :] = np.nan
    stack[..., names.index("flags")] = int(PixelFlag.LOW_COUNTS)
    stack[..., names.index("counts")] = 0.0
    empty = type(maps)(stack.astype(np.float32), names, maps.axes, maps.provenance)
    words = said_on(plot_quality(image, empty))
    assert "0 %" in words
    assert f"{answered(empty).size}" in words


def test_pixels_are_sorted_by_what_does_not_hold_for_all():
    _image, maps = kind_of_image("thin")
    names = list(maps)
    stack = np.stack([maps.array(name) for name in maps], axis=-1).astype(np.float32)
    flags = np.full(maps.shape, int(PixelFlag.NI_L_MISSING))
    flags[0, 0] |= int(PixelFlag.LOW_COUNTS | PixelFlag.O_K_WEAK)
    flags[0, 1] |= int(PixelFlag.CO_L_WEAK | PixelFlag.SPIKE_REPAIRED)
    flags[0, 2] |= int(PixelFlag.SPIKE_REPAIRED)
    stack[..., names.index("flags")] = flags
    sorted_maps = type(maps)(stack, names, maps.axes, maps.provenance)
    kinds = sorted_pixels(sorted_maps)
    assert kinds[0, :4].tolist() == [3, 2, 1, 0]
    assert (kinds[1] == 0).all()
    assert [(kind.pixels, kind.colour) for kind in kinds_of(sorted_maps)] == [
        (flags.size - 3, COLOURS[0]), (1, COLOURS[1]), (1, COLOURS[2]), (1, COLOURS[3])
    ]  # fmt: skip
    said = {reason.words: reason for reason in reasons_of(sorted_maps)}
    (spiked,) = (reason for words, reason in said.items() if "spike" in words)
    assert (spiked.pixels, spiked.colour) == (2, COLOURS[1])
    assert "O K is lost in noise or absent" not in said
    assert said["Co L is lost in noise or absent"] == (1, "Co L is lost in noise or absent", COLOURS[2])
    missing = said["Ni L lies outside the energy axis, or too much of it does"]
    assert missing.pixels == flags.size - 1
    assert missing.colour == ""


def test_long_stories_stay_on_the_page(drawn_texts):
    image, maps = kind_of_image("faulty")
    reason = "Mn_L: the mean spectrum, above O_K, departs by 2.1 % from a power law in 606-634 eV; and so on"
    names = image.recipe.edge_set.names
    windows = tuple(BackgroundWindow(name, 608.0, 630.0, reason.replace("Mn_L", name)) for name in names)
    listed = ", ".join(f"{channel} ({460 + 0.4 * channel:.1f} eV)" for channel in range(0, 900, 10))
    faults = replace(image.plan.faults, message=f"hot channels {listed}")
    axis = replace(image.plan.axis, message="no edge lies where it should, and this is said at length; " * 9)
    told = replace(image, plan=replace(image.plan, windows=windows, faults=faults, axis=axis))
    figure = plot_quality(told, maps)
    require_room(figure, drawn_texts(figure))
    words = said_on(figure)
    assert "the mean spectrum, above O K, departs by 2.1 %" in words
    assert "…" in words


def test_key_figures_of_a_single_spectrum():
    image, maps = kind_of_image("single")
    values = [figure.value for figure in key_figures(image, maps)]
    assert values[0] == "yes"
    assert values[1].startswith("± ")
    assert values[2] == "–"


@pytest.mark.parametrize(
    ("shape", "layout"),
    [((), "number"), ((1, 1), "number"), ((40,), "profile"), ((2, 21), "profile"), ((21, 2), "profile"),
     ((4, 60), "profile"), ((6, 8), "image")],
)  # fmt: skip
def test_layouts(shape, layout):
    assert layout_of(shape) == layout


def test_limits_leave_outliers_out_and_are_symmetric_where_zero_matters():
    values = np.append(np.linspace(-1, 3, 1000), 900.0)
    low, high = Panel(values, centre=True, least=2.0).limits
    assert -low == high == 5.0
    assert Panel(np.full(4, np.nan)).limits == (0.0, 1.0)
    low, high = Panel(values).limits
    assert low < 0
    assert high < 10


def test_numbers_in_words():
    assert in_words(-0.5, "eV") == "\N{MINUS SIGN}0.5 eV"
    assert in_words(123.4) == "123"
    assert thousands(np.array([2.5e6, np.nan])) == (1e6, "million")
    assert thousands(np.array([0.0])) == (1.0, "")


def test_the_real_image(shared_data):
    folder = shared_data / "nmc_si_doped"
    image, maps = planned(load(folder / "tm_o_core_loss.dm3", low_loss=folder / "zero_loss.dm3"))
    words = said_on(plot_quality(image, maps))
    for said in ("2 × 21 pixels", "every edge aligned on its own", "simultaneous: no", "Convergence angle: not in the"):
        assert said in words


def test_the_real_spectrum(shared_data):
    image, maps = planned(load(shared_data / "dual_eels" / "coreloss_spectrum.msa"))
    words = said_on(plot_quality(image, maps))
    assert "corrected energy loss (eV)" in words
    assert "not on the axis" in words
    assert "pixels have an answer" not in words


def test_lazy_signals_give_the_same_page():
    eager = said_on(plot_quality(*kind_of_image("image"), title="A specimen"))
    image = plan_signal(prepare(small_image(lazy=True)), Recipe())
    maps = quality_of_image(image, lazy=True)
    assert maps.is_lazy
    assert said_on(plot_quality(image, maps, title="A specimen")) == eager
