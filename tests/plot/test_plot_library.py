"""The page on a library."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from eelsmap.library import load_library
from eelsmap.library.content import Record, library_from_records
from eelsmap.library.summary import pre_edge_share, pristine_rows
from eelsmap.plot.library import plot_library


@pytest.fixture(scope="module")
def library():
    return load_library("nmc")


def panels(figure: Figure):
    return {axes.get_title(loc="left"): axes for axes in figure.subfigs[1].axes}


def test_the_page_draws_what_is_in_the_library(library):
    drawn = panels(plot_library(library))
    trend = drawn["O K pre-edge against lithium"]
    for line in trend.lines:
        origin = line.get_label().split()[0]
        rows = pristine_rows(library, origin)
        np.testing.assert_allclose(line.get_ydata(), pre_edge_share(library, rows))
        np.testing.assert_allclose(line.get_xdata(), library.labels["li_content"][rows])
    assert trend.lines
    bars = drawn["Structures"].patches
    assert sum(bar.get_width() for bar in bars) == len(library.structures)
    assert len(drawn["O K by lithium content"].lines) >= 4
    assert len(drawn["Ni L2,3 by oxidation state"].lines) == 3


def test_a_library_of_others_is_drawn_with_empty_panels_that_say_why(tmp_path):
    energy = np.arange(850.0, 860.0)
    record = Record("structure", "mine", {"Ni_L": energy - 850}, {"Ni": 3.0, "O": 6.0}, {"ni_valence": 3.0})
    figure = plot_library(library_from_records([record], {"Ni_L": energy}, name="mine"))
    figure.savefig(tmp_path / "page.png")
    words = [text.get_text() for text in panels(figure)["O K by lithium content"].texts]
    assert any("no pristine" in word for word in words)
    assert [text.get_text() for text in panels(figure)["Mn L2,3 by oxidation state"].texts] == [
        "no Mn of known valence"
    ]
    assert len(panels(figure)["Ni L2,3 by oxidation state"].lines) == 1


def test_oxygen_edges_of_unknown_lithium_are_not_sorted_by_it():
    energy = np.arange(520.0, 557.0, 0.1)
    record = Record("structure", "mine", {"O_K": np.ones(energy.size)}, {"O": 6.0}, {})
    drawn = panels(plot_library(library_from_records([record], {"O_K": energy}, name="mine")))
    assert ["of known lithium" in text.get_text() for text in drawn["O K by lithium content"].texts] == [True]
