"""What the spectrum view draws, says, copies and saves."""

import csv
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("napari")

from napari.components import ViewerModel
from pyqtgraph import PlotCurveItem
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QFileDialog, QLabel, QPushButton

from eelsmap.mapping.nearest_spectra import NearSpectrum
from eelsmap.models.explanation import Explanation
from eelsmap.napari.spectrum.colours import spectrum_colours
from eelsmap.napari.spectrum.edge_plots import push_strengths
from eelsmap.napari.spectrum.text import flag_words, nearest_words, spectra_csv, value_words, values_tsv
from eelsmap.napari.spectrum.value_table import ValueTable
from eelsmap.napari.spectrum.view import SpectrumView
from tests.napari.spectrum.pixel_readers import ENERGY, GRID, edge_view, pixel_view


@pytest.fixture(scope="module")
def one_view(qapp):
    """Make one view for all tests: making it takes longer than most of them."""
    made = SpectrumView()
    made.resize(1260, 256)
    yield made
    made.close()
    made.deleteLater()


@pytest.fixture
def view(one_view):
    one_view.clear("")
    one_view.set_properties(("li_content", "mn_valence"))
    one_view.explain("li_content")
    one_view._bar._logarithmic.setChecked(True)
    one_view._counts.full_range()
    return one_view


def explained(strength):
    edges = np.append(GRID - 0.4, GRID[-1] + 0.4)
    return Explanation(
        "li_content", "Li per metal", 0.5, np.array([0.7]), {"O_K": edges}, {"O_K": strength[None]}, {}, {}, {},
        np.zeros(1, dtype=np.uint32),
    )  # fmt: skip


def curves(plot):
    drawn = [item for item in plot.plot.items if isinstance(item, PlotCurveItem) and item.isVisible()]
    return [item for item in drawn if item.xData is not None and len(item.xData)]


def test_counts_background_and_shape_of_each_view_are_drawn_in_its_colour(view):
    view.show_views([pixel_view("a"), pixel_view("b", 2.0)], ["", "#e0559a"])
    counts = [item for item in curves(view._counts) if len(item.xData) == ENERGY.size]
    np.testing.assert_allclose(counts[0].yData, np.log10(pixel_view("a").counts))
    np.testing.assert_allclose(counts[1].yData - counts[0].yData, np.log10(2.0))
    assert [item.opts["pen"].color().name() for item in counts] == [view._colours.ink, "#e0559a"]
    shapes = [item for item in curves(view._edges["O_K"]) if item.zValue() == 5]
    np.testing.assert_allclose(shapes[0].yData, edge_view().spectrum / edge_view().spectrum.max())
    assert len(shapes) == 2


def test_a_second_view_reuses_the_curves_of_the_first(view):
    view.show_views([pixel_view("a"), pixel_view("b")], ["", "#e0559a"])
    before = len(view._counts.plot.items), len(view._edges["O_K"].plot.items)
    for label in "cdef":
        view.show_views([pixel_view(label)], [""])
    assert (len(view._counts.plot.items), len(view._edges["O_K"].plot.items)) == before
    assert len([item for item in curves(view._counts) if len(item.xData) == ENERGY.size]) == 1


def test_windows_and_onset_are_marked_where_they_were_recorded(view):
    view.show_views([pixel_view("a")], [""])
    before, inside = view._counts._windows
    assert (before.opts["x0"], before.opts["x1"]) == ([494.0], [524.0])
    assert (inside.opts["x0"], inside.opts["x1"]) == ([525.0], [557.0])
    assert [line.value() for line in view._counts._onsets if line.isVisible()] == [532.0]


def test_nearest_spectra_lie_behind_and_are_named(view):
    near = tuple(NearSpectrum(f"Li1 Co1 O2 ({n})", edge_view().spectrum, 0.8, 0.1 * n) for n in range(3))
    edge = replace(edge_view(), nearest=near)
    view.show_views([replace(pixel_view("a"), edges={"O_K": edge})], [""])
    assert len([item for item in curves(view._edges["O_K"]) if item.zValue() == -5]) == 3
    assert "Li1 Co1 O2 (0), at a resolution of 0.8 eV, 0.0 % of the area differs" in view.nearest_said()
    assert "no library" in nearest_words(edge_view())


def test_energies_that_pushed_the_answer_are_coloured(view):
    strength = np.zeros(GRID.size)
    strength[20], strength[15] = 0.3, -0.3
    shown = replace(pixel_view("a"), pushes=explained(strength))
    assert push_strengths(shown)["O_K"][20] > 0
    view.show_views([shown], [""])
    image = view._edges["O_K"]._pushes
    assert image.isVisible()
    colours = spectrum_colours(type("Theme", (), {"background": "#23242b", "text": "#f0f1f2", "icon": "#d1d2d4"}))
    for place, colour in ((20, colours.raises), (15, colours.lowers)):
        pixel = image.image[0, place]
        assert "#{:02x}{:02x}{:02x}".format(*pixel[:3].astype(int)) == colour
        assert pixel[3] > 100
    assert image.image[0, 5, 3] == 0
    assert not image.image[-1, 0, 3]
    view.show_views([pixel_view("b")], [""])
    assert not image.isVisible()


def test_values_with_intervals_and_units_stand_in_the_table(view):
    view.show_views([pixel_view("a"), pixel_view("b", 1.4)], ["", "#e0559a"])
    table = view.findChild(ValueTable)
    texts = [[table.item(row, column).text() for column in range(4)] for row in range(table.rowCount())]
    assert texts == [["Li content", "0.50 (0.40 to 0.60)", "0.70 (0.56 to 0.84)", "Li per metal"]]
    assert table.horizontalHeaderItem(2).text() == "b"
    assert value_words(None) == "\N{EN DASH}"


def test_a_pixel_without_an_answer_says_why(view):
    bad = pixel_view("a", flags=("NaN or infinite counts",), values=False)
    view.show_views([replace(bad, edges={"O_K": replace(edge_view(), seen=False, words="lost in noise")})], [""])
    assert view.remarks == "NaN or infinite counts"
    assert view.findChild(ValueTable).rowCount() == 0
    assert view._edges["O_K"]._words.toPlainText() == "lost in noise"
    assert view._edges["Ni_L"]._words.toPlainText() == "not on the axis"
    assert flag_words([bad, pixel_view("b")]) == "a: NaN or infinite counts"


@pytest.mark.parametrize("counts", [np.full(ENERGY.size, np.nan), np.zeros(ENERGY.size), -np.ones(ENERGY.size)])
def test_spectra_of_nothing_are_drawn_without_complaint(view, counts):
    view.show_views([replace(pixel_view("a"), counts=counts)], [""])
    view.show_views([replace(pixel_view("a"), counts=np.empty(0), energy=np.empty(0), edges={})], [""])
    view.grab()
    assert view.views


def test_the_scale_can_be_linear_and_the_range_of_the_user_stays(view):
    view.show_views([pixel_view("a")], [""])
    view._bar._logarithmic.setChecked(False)
    drawn = [item for item in curves(view._counts) if len(item.xData) == ENERGY.size]
    np.testing.assert_allclose(drawn[0].yData, pixel_view("a").counts)
    box = view._counts.plot.getViewBox()
    box.sigRangeChangedManually.emit([True, True])
    box.setRange(xRange=(520, 560), yRange=(1, 2), padding=0)
    view.show_views([pixel_view("b", 5.0)], [""])
    np.testing.assert_allclose(box.viewRange(), [[520, 560], [1, 2]])
    next(button for button in view.findChildren(QPushButton) if "axis" in button.text()).click()
    assert box.viewRange()[0][0] < ENERGY[0]


def test_the_property_to_explain_is_chosen_and_told(view, qtbot):
    assert view.explained == "li_content"
    with qtbot.waitSignal(view.explained_changed) as told:
        view.explain("mn_valence")
    assert told.args == ["mn_valence"]
    view.set_properties(("mn_valence", "co_valence"))
    assert view.explained == "mn_valence"
    view.set_properties(())
    assert view.explained == ""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_follow_the_theme_of_napari(view, theme):
    viewer, made = ViewerModel(), view
    made.follow_theme(viewer)
    made.show_views([pixel_view("a")], [""])
    viewer.theme = "light" if theme == "dark" else "dark"
    viewer.theme = theme
    from napari.utils.theme import get_theme

    ground = get_theme(theme).background.as_hex("long")[:7]
    assert made._canvases[0].backgroundBrush().color().name() == ground
    first = next(item for item in curves(made._counts) if len(item.xData) == ENERGY.size)
    assert first.opts["pen"].color().name() == get_theme(theme).text.as_hex("long")[:7]
    assert made._colours.ink in made._counts.plot.getAxis("bottom").label.toHtml()


def test_values_are_copied_as_a_table(view):
    view.show_views([pixel_view("a", flags=("a spike",)), pixel_view("b", 1.4)], ["", "#e0559a"])
    text = view.copy_values()
    assert QApplication.clipboard().text() == text
    rows = [line.split("\t") for line in values_tsv(view.views).splitlines()]
    assert rows[1] == ["Li content", "Li per metal", "0.5", "0.4", "0.6", "0.7", "0.56", "0.84"]
    assert rows[2][2] == "a spike"
    assert len({len(row) for row in rows}) == 1


def test_spectra_are_saved_with_their_backgrounds(view, tmp_path, monkeypatch):
    view.show_views([pixel_view("a"), pixel_view("b, mean", 2.0)], ["", "#e0559a"])
    path = view.save_spectra(tmp_path / "spectra")
    assert path.suffix == ".csv"
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 2 * ENERGY.size
    second = [row for row in rows if row["spectrum"] == "b, mean"]
    np.testing.assert_allclose([float(row["counts"]) for row in second], pixel_view("b", 2.0).counts, rtol=1e-6)
    under = [row for row in second if row["edge"] == "O_K"]
    assert (len(under), float(under[0]["background"])) == (40, 100.0)
    assert path.read_text(encoding="utf-8") == spectra_csv(view.views)
    told = []
    view.failed.connect(told.append)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "no" / "folder.csv"), ""))
    view._ask_where_to_save()
    assert "not saved" in told[0]


def test_everything_is_reached_with_the_keyboard_and_has_a_name(view):
    for button in view.findChildren(QPushButton):
        assert "&" in button.text()
        assert button.toolTip()
        assert button.focusPolicy() & Qt.FocusPolicy.TabFocus
    letters = [text.text()[text.text().index("&") + 1].lower() for text in view.findChildren(QPushButton)]
    letters += [
        label.text()[label.text().index("&") + 1].lower() for label in view.findChildren(QLabel) if label.buddy()
    ]
    assert len(set(letters)) == len(letters)
    assert view.findChild(ValueTable).accessibleName()


def test_many_names_are_shortened_not_cut(view, qtbot):
    view.show()
    qtbot.waitExposed(view)
    view.show_views([pixel_view(f"row {n}, column {n}") for n in range(8)], ["#e0559a"] * 8)
    names = view._bar._names
    assert "more" in names.text()
    assert names.sizeHint().width() <= names.width()


def test_a_message_takes_the_place_of_spectra(view):
    view.show_views([pixel_view("a")], [""])
    view.clear("Nothing <here>.")
    assert view.views == ()
    assert "Nothing &lt;here&gt;." in view._bar._names.text()
    assert curves(view._counts) == []
    assert view.copy_values() == ""
