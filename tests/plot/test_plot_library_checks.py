"""The figure of the checks."""

import numpy as np
import pytest

from eelsmap.errors import LibraryError
from eelsmap.library import load_library
from eelsmap.library.checks import ion_moments, nickel_centroids
from eelsmap.library.content import Record, library_from_records
from eelsmap.plot.library_checks import plot_library_checks


def test_panels_show_the_numbers_of_the_checks():
    library = load_library("nmc")
    nickel, vacancies, moments = plot_library_checks(library).subfigs[1].axes
    np.testing.assert_array_equal(nickel.lines[0].get_ydata(), nickel_centroids(library)[1])
    assert len(vacancies.containers) == 2
    assert [label.get_text() for label in moments.get_xticklabels()] == [f"{ion}+" for ion in ion_moments(library)]


def test_without_structures_nothing_is_drawn():
    record = Record("structure", "mine", {"Ni_L": np.ones(20)}, {"Ni": 3.0, "O": 6.0}, {})
    with pytest.raises(LibraryError, match="no structures"):
        plot_library_checks(library_from_records([record], {"Ni_L": np.arange(850.0, 870.0)}, name="mine"))
