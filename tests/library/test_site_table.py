"""Site spectra as 16-bit integers, and records made of sites."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from eelsmap.errors import LibraryError
from eelsmap.library.site_table import SiteTable, quantised, rows_of_weights


def table(spectra):
    none = np.zeros(0, dtype=np.int32)
    return SiteTable(*quantised(spectra), none, none, none.astype(np.float32))


@settings(max_examples=50, deadline=None)
@given(hnp.arrays(float, (3, 7), elements=st.floats(-1e3, 1e3)))
def test_the_error_is_a_hundred_thousandth_of_the_range(spectra):
    error = np.abs(table(spectra).spectra - spectra)
    allowed = np.ptp(spectra, axis=1, keepdims=True) / 131070
    assert (error <= 1.01 * allowed + 3e-7 * np.abs(spectra).max(axis=1, keepdims=True) + 1e-30).all()


def test_quantising_what_was_quantised_changes_nothing():
    once = table(np.random.default_rng(0).random((5, 40))).spectra
    np.testing.assert_allclose(table(once).spectra, once, rtol=0, atol=2e-7)


def test_gaps_are_refused():
    with pytest.raises(LibraryError, match="1 of 2 spectra hold values that are not finite"):
        quantised([[1.0, 2.0], [np.nan, 1.0]])


def test_a_record_is_the_weighted_mean_of_its_sites():
    spectra = np.array([[0.0, 1.0, 2.0], [4.0, 4.0, 4.0], [1.0, 0.0, 0.0]])
    weights = np.array([[1.0, 3.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.2]])
    count, site, weight = rows_of_weights(weights, np.arange(3))
    records = table(spectra).with_records(np.append(0, np.cumsum(count)), site, weight).records()
    np.testing.assert_allclose(records[0], [3.0, 3.25, 3.5], atol=1e-4)
    assert np.isnan(records[1]).all()
    np.testing.assert_allclose(records[2], spectra[2], atol=1e-4)


def test_a_table_without_sites_gives_records_without_spectra():
    records = table(np.zeros((0, 4))).with_records(np.zeros(3), np.zeros(0), np.zeros(0)).records()
    assert records.shape == (2, 4)
    assert np.isnan(records).all()
