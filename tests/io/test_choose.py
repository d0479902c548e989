"""Of several signals the core loss and its low loss are recognised."""

from pathlib import Path

import hyperspy.api as hs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eelsmap.edges import NMC_EDGES
from eelsmap.errors import NotASpectrumImageError
from eelsmap.io.choose import choose
from eelsmap.io.coverage import count_edges, edge_coverage

PATH = Path("file.dm4")


def test_order_in_the_file_does_not_matter(make_image):
    image, survey = hs.signals.Signal2D(np.zeros((8, 8))), hs.signals.Signal2D(np.zeros((3, 4)))
    core, low = make_image(), make_image(offset=-20, channels=600)
    sum_spectrum, eds = make_image(()), make_image(units="keV", signal_type="EDS_TEM")
    signals = [survey, sum_spectrum, low, eds, core, image]
    assert choose(signals, NMC_EDGES, PATH) == (4, 2)
    assert choose(signals[::-1], NMC_EDGES, PATH) == (1, 3)


def test_a_low_loss_of_other_pixels_is_not_attached(make_image):
    assert choose([make_image(), make_image((5, 5), offset=-20, channels=200)], NMC_EDGES, PATH) == (0, None)


def test_more_edges_win_over_more_pixels(make_image):
    assert choose([make_image((9, 9), offset=700), make_image((2, 2))], NMC_EDGES, PATH)[0] == 1
    assert choose([make_image((2, 2)), make_image((9, 9))], NMC_EDGES, PATH)[0] == 1


def test_untyped_spectra_count_if_their_axis_is_an_energy(make_image):
    profile = make_image(units="nm", signal_type="")
    assert choose([profile, make_image(signal_type="")], NMC_EDGES, PATH) == (1, None)
    with pytest.raises(NotASpectrumImageError, match=r"file\.dm4.*survey"):
        choose([profile, profile], NMC_EDGES, PATH)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (440, 1054, ["covered"] * 4),
        (440, 800, ["covered", "covered", "partial", "outside"]),
        (512, 1054, ["partial", "covered", "covered", "covered"]),
        (512.1, 876, ["outside", "covered", "covered", "partial"]),
        (0, 300, ["outside"] * 4),
        (1000, 2000, ["outside"] * 4),
    ],
)
def test_coverage(low, high, expected):
    assert [edge_coverage(low, high, edge) for edge in NMC_EDGES] == expected


@given(st.floats(-50, 900), st.floats(0, 600), st.floats(0, 50), st.floats(0, 50))
def test_a_longer_axis_never_covers_less(low, length, before, after):
    assert count_edges(low - before, low + length + after, NMC_EDGES) >= count_edges(low, low + length, NMC_EDGES)
