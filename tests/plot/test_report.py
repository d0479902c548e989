"""The report: what stands on the page for every kind of maps, that nothing overlaps, and that its numbers are right."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.text import Text
from matplotlib.transforms import Bbox

import eelsmap
from eelsmap.errors import PixelFlag
from eelsmap.io import load, prepare
from eelsmap.mapping import PropertyMaps, map_classical, map_properties, plan_signal
from eelsmap.mapping.known_pixels import as_known, known_pixels
from eelsmap.plot.report import plot_report
from eelsmap.plot.report_panels import grid_in
from eelsmap.plot.report_table import report_figures, table_of
from eelsmap.plot.report_words import accuracy_words, found_words, made_words
from tests.small_images import image, phantom_counts

HEADINGS = ("Answers", "What was found and done", "Where the maps come from", "Accuracy: ")


def said_on(figure):
    return " ".join(" ".join(text.get_text() for text in figure.findobj(Text)).split())


def require_room(figure, texts):
    width, height = figure.canvas.get_width_height()
    outside = [text for text, box in texts if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height]
    assert not outside
    pairs = []
    for (one, first), (other, second) in combinations(texts, 2):
        shared = Bbox.intersection(first, second)
        if shared is not None and shared.width > 2.0 and shared.height > 2.0:
            pairs.append((one, other))
    assert not pairs


def flagged(maps, flags):
    names = list(maps)
    stack = np.stack([maps.array(name).astype(np.float32) for name in names], axis=-1)
    stack[..., names.index("flags")] = flags
    return PropertyMaps(stack, names, maps.axes, maps.provenance)


@pytest.mark.parametrize("shape", [(1, 1), (2, 30), (5, 14), (40, 8)], ids=lambda shape: str(shape))
def test_every_shape_gets_a_page_on_which_no_text_overlaps(shape, make_maps, drawn_texts):
    maps, _truth = make_maps(shape)
    figure = plot_report(maps)
    assert tuple(figure.get_size_inches()) == pytest.approx((8.27, 11.69))
    require_room(figure, drawn_texts(figure))
    words = said_on(figure)
    for said in ("charged NMC", "tm_o_core_loss.dm3", "Li content", "Ni/Li antisite", "O K −11.0", *HEADINGS):
        assert said in words
    for row in table_of(maps):
        assert row.label in words
        assert row.mean in words
        assert row.interval in words


def test_many_flags_long_stories_and_large_numbers_stay_on_the_page(make_maps, drawn_texts):
    maps, _truth = make_maps((12, 14))
    rng = np.random.default_rng(1)
    flags = np.zeros(maps.shape, dtype=np.uint32)
    for flag in PixelFlag:
        flags |= np.where(rng.random(maps.shape) < 0.3, np.uint32(int(flag)), 0).astype(np.uint32)
    many = flagged(maps, flags)
    long = {
        **many.provenance,
        "axis": {"message": "no edge lies where it should, and this is said at length; " * 20, "uncertainty_eV": 1.0},
        "detector": f"hot channels {', '.join(f'{channel} ({460 + 0.4 * channel:.1f} eV)' for channel in range(90))}",
        "windows": {name: [606.0, 634.0, "moved"] for name in ("O_K", "Mn_L", "Co_L", "Ni_L")},
        "averaging": "over a Gaussian of 2 pixels; " * 9,
    }
    stack = np.stack([many.array(name).astype(np.float32) for name in many], axis=-1)
    told = PropertyMaps(stack, list(many), many.axes, long)
    figure = plot_report(told, title="A title that goes on and on " * 9)
    require_room(figure, drawn_texts(figure))
    words = said_on(figure)
    assert "no power law fits the background" in words
    assert "more reasons" in words
    assert "…" in words


def test_maps_without_any_answer_get_a_page(make_maps):
    maps, _truth = make_maps((6, 8))
    names = list(maps)
    stack = np.full((*maps.shape, len(names)), np.nan, dtype=np.float32)
    stack[..., names.index("flags")] = int(PixelFlag.LOW_COUNTS)
    empty = PropertyMaps(stack, names, maps.axes, maps.provenance)
    words = said_on(plot_report(empty))
    assert "of 48 pixels have an answer" in words
    assert report_figures(empty)[0].value == "0 %"
    assert {row.mean for row in table_of(empty)} == {"–"}


def test_a_run_that_was_stopped_counts_only_what_was_computed(make_maps):
    maps, _truth = make_maps((10, 8), gaps=False)
    names = list(maps)
    stack = np.stack([maps.array(name).astype(np.float32) for name in names], axis=-1)
    stack[4:] = np.nan
    stack[4:, :, names.index("flags")] = 0
    partial = {**maps.provenance, "partial": "32 of 80 pixels were computed before the run was stopped"}
    stopped = PropertyMaps(stack, names, maps.axes, partial)
    assert known_pixels({name: stopped.array(name) for name in stopped}).sum() == 32
    words = said_on(plot_report(stopped))
    assert "of 32 computed pixels" in words
    assert "48 not computed" in words
    assert "Incomplete 32 of 80 pixels" in words
    assert report_figures(stopped)[0].value == "100 %"
    assert table_of(stopped)[0].share == "100 %"
    assert as_known(stopped) is stopped


def test_the_table_holds_means_intervals_and_the_error_that_was_measured(make_maps):
    maps, _truth = make_maps((6, 8))
    measured = {"li_content": {"rmse": 0.137}, "vacancy_probability": {"auroc": 0.96}}
    provenance = {**maps.provenance, "model": {"name": "m", "measured": measured}}
    stack = np.stack([maps.array(name).astype(np.float32) for name in maps], axis=-1)
    rows = {row.label: row for row in table_of(PropertyMaps(stack, list(maps), maps.axes, provenance))}
    values, (low, high) = maps.array("li_content"), maps.interval("li_content")
    row = rows["Li content, Li per metal"]
    assert row.mean == f"{np.nanmean(values):.2f}"
    assert row.interval == f"{np.nanmean(low):.2f} to {np.nanmean(high):.2f}".replace("-", "−")
    assert row.spread == f"{np.nanstd(values):.2f}"
    assert row.share == f"{100 * np.isfinite(values).mean():.0f} %"
    assert row.error == "0.14"
    assert rows["O vacancy, probability"].error == "AUROC 0.96"
    assert rows["Ni oxidation state"].error == ""


def test_classical_maps_of_the_phantom(drawn_texts):
    maps = map_classical(prepare(image()))
    figure = plot_report(maps)
    require_room(figure, drawn_texts(figure))
    words = said_on(figure)
    for said in ("L3 / L2 white-line ratio, Mn L", "mean ± error", "no model was asked", "None: read from the edges"):
        assert said in words
    assert "error *" not in words


def test_real_words_of_a_mapped_image():
    signal = prepare(image(phantom_counts()[3, 4]))
    model = eelsmap.load_model("nmc")
    words = said_on(plot_report(map_properties(signal, model), image=plan_signal(signal, model.recipe)))
    assert "5559 simulated spectra" in words
    assert "never on measured spectra" in words
    assert "The model’s own, unchanged" in words
    assert "beam energy, convergence angle, collection angle" in words.lower()
    assert f"sha256 {model.sha256[:12]}" in words


def test_on_what_the_accuracy_was_measured_is_said_for_every_model():
    known = {"model": {"name": "m", "sha256": "0", "measured_on": "7 phantoms"}}
    assert "were measured on 7 phantoms, and never on measured" in accuracy_words(known)
    unknown = accuracy_words({"model": {"name": "gone", "sha256": "0"}})
    assert "simulated spectra of structures that were not trained on" in unknown
    held_out = "references that you gave, each held out when it was judged"
    record = {"spectra": 40, "specimens": 5, "measured_on": held_out}
    corrected = {"model": {"name": "m", "sha256": "0", "corrected": record}}
    assert "40 spectra of 5 measured reference specimens" in accuracy_words(corrected)
    assert "no model was asked" in accuracy_words({})


def test_words_leave_out_what_is_not_known():
    assert found_words({}) == [("Low loss", "None was given")]
    made = dict(made_words({"recipe_sha256": "ab" * 32}))
    assert made["File"] == "a signal in memory"
    assert made["Recipe"] == "Not recorded (sha256 abababababab)"
    low = dict(found_words({"low_loss": "recorded 6 min apart", "low_loss_source": {"file": "z.dm3"},
                            "low_loss_simultaneous": "no"}))["Low loss"]  # fmt: skip
    assert low == "Z.dm3; simultaneous: no (recorded 6 min apart)"


def test_more_than_two_axes_are_refused(make_maps):
    with pytest.raises(ValueError, match="3 axes"):
        plot_report(make_maps((2, 3, 4))[0])


def test_panels_use_the_room_and_never_more(make_maps):
    for shape in ((64, 64), (20, 64), (64, 10), (2, 40)):
        maps, _truth = make_maps(shape)
        for number in (1, 4, 10, 12):
            grid = grid_in(maps, number, 4.5)
            assert grid.rows * grid.columns >= number
            assert grid.total <= 4.5 + 1e-6
    # More room, larger maps.
    maps, _truth = make_maps((64, 64))
    assert grid_in(maps, 10, 5.0).width > grid_in(maps, 10, 3.0).width


def test_the_real_image(shared_data, drawn_texts):
    folder = shared_data / "nmc_si_doped"
    signal = load(folder / "tm_o_core_loss.dm3", low_loss=folder / "zero_loss.dm3")
    model = eelsmap.load_model("nmc")
    figure = plot_report(map_properties(signal, model), image=plan_signal(signal, model.recipe))
    require_room(figure, drawn_texts(figure))
    words = said_on(figure)
    for said in ("2 × 21 pixels", "every edge aligned on its own", "Convergence angle: not in the file", "6.25 min"):
        assert said in words
