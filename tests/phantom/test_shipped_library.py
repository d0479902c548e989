"""The phantom made of the shipped library: what a user gets, and how it compares with a measured spectrum."""

import numpy as np
import pytest

from eelsmap.library import load_library
from eelsmap.phantom import Microscope, make_phantom


@pytest.fixture(scope="module")
def nmc():
    return load_library("nmc")


@pytest.fixture(scope="module")
def phantom(nmc):
    scope = Microscope(
        fwhm_eV=2.0, psf_tail_fraction=0.07, t_over_lambda=1.1, counts=1e6, drift_eV=0.0, row_jump_eV=0.0
    )
    return make_phantom((24, 32), microscope=scope, library=nmc)


def net_edge(energy, spectrum, window):
    before = (energy > window[0]) & (energy < window[1])
    slope, level = np.polyfit(np.log(energy[before]), np.log(spectrum[before]), 1)
    background = np.exp(level) * energy**slope
    return spectrum - background, background


def test_it_is_made_of_held_out_records_of_all_kinds(nmc, phantom):
    assert (nmc.split[phantom.specimen.records] == "test").all()
    assert phantom.specimen.notes == ()
    assert np.nanmax(phantom.truth["vacancy_fraction"]) > 0.5
    assert np.nanmax(phantom.truth["antisite_fraction"]) > 0.5


def test_lithium_spans_the_charge_range(phantom):
    lithium = phantom.truth["li_content"]
    assert np.nanmin(lithium) < 0.25
    assert np.nanmax(lithium) > 0.85


def test_background_and_slopes_are_as_measured(phantom):
    """Ranges read off the measured NMC line scan, t/lambda 0.3-1.2 (see eelsmap.phantom.microscope)."""
    energy = phantom.microscope.true_axis()
    bright = phantom.truth["thickness"] > 0.4
    net, background = net_edge(energy, phantom.core_loss[bright].mean(0).astype(float), (490, 523))
    step = net[(energy > 560) & (energy < 574)].mean()
    ratio = background[(energy > 527) & (energy < 532)].mean() / step
    assert 2.0 < ratio < 3.0
    slope = -np.polyfit(
        np.log(energy[(energy > 490) & (energy < 523)]), np.log(background[(energy > 490) & (energy < 523)]), 1
    )[0]
    assert 2.4 < slope < 3.3


def test_pre_edge_falls_with_lithium(phantom):
    """The one thing that O K must show (science.md, section 2): correlation -0.99 over pristine cells."""
    energy, truth = phantom.microscope.true_axis(), phantom.truth
    pristine = (truth["thickness"] > 0.3) & (truth["vacancy_fraction"] < 0.01) & (truth["antisite_fraction"] < 0.01)
    spectra = phantom.core_loss[pristine].astype(float)
    before = (energy > 490) & (energy < 523)
    fits = np.polyfit(np.log(energy[before]), np.log(spectra[:, before]).T, 1)
    net = spectra - np.exp(fits[1])[:, None] * energy ** fits[0][:, None]
    share = net[:, (energy > 526) & (energy < 533)].sum(1) / net[:, (energy > 526) & (energy < 557)].sum(1)
    assert np.corrcoef(share, truth["li_content"][pristine])[0, 1] < -0.8
