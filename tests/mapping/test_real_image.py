"""The measured image of Si-doped NMC (Jia et al. 2026): wrong axis, vacuum, a spike, weak Co and Ni, no metadata."""

import numpy as np
import pytest

import eelsmap
from eelsmap.errors import PixelFlag


@pytest.fixture(scope="module")
def image(shared_data):
    return shared_data / "nmc_si_doped" / "tm_o_core_loss.dm3"


@pytest.fixture(scope="module")
def maps(image):
    return eelsmap.map_properties(eelsmap.load(image), "nmc")


def test_the_axis_is_found_wrong_and_aligned_edge_by_edge(maps):
    axis = maps.provenance["axis"]
    assert axis["mode"] == "per_edge"
    assert axis["absolute_scale_lost"] is True
    found = axis["displacements_eV"]
    # The maxima of O K and Mn L3 lie about 11 eV low, of Co L3 16 and of Ni L3 19.5 (data/SOURCES.md).
    assert [found[name] for name in ("O_K", "Mn_L", "Co_L", "Ni_L")] == pytest.approx([-11, -12, -16, -19.5], abs=1.2)
    assert (maps.array("flags") & PixelFlag.ABSOLUTE_SCALE_LOST).all()


def test_vacuum_is_flagged_and_the_specimen_is_answered(maps):
    flags, counts = maps.array("flags"), maps.array("counts")
    vacuum = counts < 0.01 * np.percentile(counts, 95)
    assert vacuum.sum() == 2
    assert ((flags & PixelFlag.LOW_COUNTS) != 0)[vacuum].all()
    assert np.isnan(maps.array("li_content")[vacuum]).all()
    assert np.isfinite(maps.array("li_content")[~vacuum]).all()


def test_the_spike_is_repaired(maps):
    assert ((maps.array("flags") & PixelFlag.SPIKE_REPAIRED) != 0).any()


def test_weak_edges_give_no_valence(maps):
    weak = (maps.array("flags") & PixelFlag.NI_L_WEAK) != 0
    assert weak.any()
    assert np.isnan(maps.array("ni_valence")[weak]).all()


def test_maps_have_units_and_scale(maps):
    for name in maps.properties:
        axes = maps[name].axes_manager.navigation_axes
        assert [axis.units for axis in axes] == ["nm", "nm"]
        assert axes[0].scale == pytest.approx(2.0459, rel=1e-3)
        assert maps.unit(name)


def test_lazy_equals_eager(image, maps):
    lazy = eelsmap.map_properties(eelsmap.load(image, lazy=True), "nmc")
    assert lazy.is_lazy
    for name in maps:
        np.testing.assert_array_equal(lazy.array(name), maps.array(name))
