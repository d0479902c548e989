"""What must be found in measured files, from the plan to the maps that need no model.

Figures are as measured with this package, within what the files' own descriptions say (SOURCES.md beside them).
"""

import zipfile

import numpy as np
import pytest

import eelsmap
from eelsmap.errors import NO_ANSWER, NoEdgesError, PixelFlag
from eelsmap.io import load, prepare
from eelsmap.mapping.planned_image import plan_signal
from eelsmap.preprocess.cleaning import treated
from eelsmap.recipe import BackgroundStep, NoiseStep, PluralScatteringStep, Recipe

DECONVOLVED = Recipe(plural_scattering=PluralScatteringStep("fourier_ratio"))
NMC = ("nmc_si_doped/tm_o_core_loss.dm3", "nmc_si_doped/zero_loss.dm3")
TITANATE = ("dual_eels/titanate_core_loss.dm3", "dual_eels/titanate_low_loss.dm3")
MANGANITE = ("dual_eels/coreloss_spectrum.msa", "dual_eels/lowloss_spectrum.msa")
GATAN = ("reader_samples/EELS_SI.dm4", None)
BOTH_LAZY = pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])


def read(folder, names, **options):
    core, low = names
    if not (folder / core).is_file():
        pytest.skip(f"the measured file is not at {folder / core}")
    return load(folder / core, low_loss=None if low is None else folder / low, **options)


def planned(signal, recipe=None):
    return plan_signal(prepare(signal), recipe or Recipe())


@pytest.mark.parametrize("recipe", [Recipe(), DECONVOLVED], ids=["as recorded", "deconvolved"])
@pytest.mark.parametrize("names", [NMC, MANGANITE, GATAN], ids=["NMC", "manganite", "Gatan"])
def test_eager_and_lazy_give_the_same_maps(shared_data, names, recipe):
    if names[1] is None and recipe is DECONVOLVED:
        pytest.skip("the file holds no low loss")
    eager, lazy = (read(shared_data, names, lazy=lazy) for lazy in (False, True))
    for function in (eelsmap.map_classical, eelsmap.map_quality):
        one, other = function(eager, recipe=recipe), function(lazy, recipe=recipe)
        assert other.is_lazy
        other.compute(progress=False)
        assert one.provenance["axis"] == other.provenance["axis"]
        for name in one:
            np.testing.assert_array_equal(other.array(name), one.array(name), err_msg=name)


# Si-doped NMC: 21 x 2 pixels, axis wrong by more than an offset, low loss of another moment


@pytest.fixture(scope="module")
def nmc(shared_data):
    return read(shared_data, NMC)


@pytest.fixture(scope="module")
def nmc_quality(nmc):
    return eelsmap.map_quality(nmc)


def test_nmc_is_planned_edge_by_edge_and_nothing_else_is_done_to_it(nmc):
    plan = planned(nmc).plan
    assert plan.axis.mode == "per_edge"
    assert plan.axis.displacements == pytest.approx(
        {"O_K": -10.7, "Mn_L": -12.5, "Co_L": -15.8, "Ni_L": -19.8}, abs=0.3
    )
    np.testing.assert_allclose(plan.axis.offset, [10.7, 12.5, 15.8, 19.8], atol=0.3)
    # What remains is the valence of each edge, which the alignment took away with the error.
    assert plan.axis.uncertainty == pytest.approx(1.0, abs=0.01)
    assert plan.axis.message.endswith("the absolute energy scale is lost")
    assert all(edge.explained > 0.9 for edge in plan.located.values())
    assert plan.faults.message == "no faults found"
    assert plan.drift.message == "too few rows to look for drift along the scan"
    assert plan.windows == ()
    # A detector that counts about four for each electron.
    assert plan.gain == pytest.approx(4.5, abs=0.5)


def test_the_low_loss_of_another_moment_moves_no_pixel_of_nmc(nmc, nmc_quality, shared_data):
    image = planned(nmc)
    assert image.shifting is None
    assert image.known() == {}
    assert image.plan.zero_loss == 0.0
    alone = planned(read(shared_data, (NMC[0], None))).plan
    assert alone.axis == image.plan.axis
    assert (nmc_quality.array("energy_shift") == 0).all()
    assert "6.25 min apart" in nmc_quality.provenance["low_loss"]


def test_the_spikes_of_nmc_are_repaired_in_their_pixels_only(nmc, nmc_quality):
    repaired = (nmc_quality.array("flags").astype(np.uint32) & PixelFlag.SPIKE_REPAIRED) != 0
    assert [tuple(place) for place in np.argwhere(repaired)] == [(0, 0), (1, 0), (1, 1)]
    # The counts that the X-rays of one pixel brought, near 720 and 928 eV.
    lost = nmc.data.sum(axis=-1, dtype=float) - nmc_quality.array("counts")
    assert (np.abs(lost[~repaired]) < 1e-6 * nmc.data.sum(axis=-1)[~repaired]).all()
    assert (lost[repaired] > 0).all()


def test_quality_of_nmc(nmc_quality):
    flags = nmc_quality.array("flags").astype(np.uint32)
    vacuum = (flags & PixelFlag.LOW_COUNTS) != 0
    # Beside the specimen at the start of both rows; their neighbours hold ten times more, and little of it.
    assert [tuple(place) for place in np.argwhere(vacuum)] == [(0, 0), (1, 1)]
    assert ((flags & np.uint32(NO_ANSWER)) != 0)[vacuum].all()
    assert ((flags & np.uint32(NO_ANSWER)) == 0)[~vacuum].all()
    assert not (flags & (PixelFlag.OVER_SUBTRACTED | PixelFlag.SATURATED | PixelFlag.AXIS_UNCERTAIN)).any()
    for name in nmc_quality:
        assert np.isfinite(nmc_quality.array(name)).all(), name
    thickness = nmc_quality.array("t_over_lambda")
    assert np.median(thickness) == pytest.approx(0.95, abs=0.03)
    assert thickness[vacuum].max() < 0.15
    bright = {name: np.median(nmc_quality.array(name)[~vacuum]) for name in nmc_quality}
    # Detector and tails of earlier edges leave more than shot noise before every edge.
    chi_square = [bright[f"background_chi2_{edge}"] for edge in ("O_K", "Mn_L", "Co_L", "Ni_L")]
    assert chi_square == pytest.approx([8.0, 4.8, 5.6, 4.3], rel=0.2)
    # Never over-subtracted just before the onset.
    residual = [bright[f"background_residual_{edge}"] for edge in ("O_K", "Mn_L", "Co_L", "Ni_L")]
    assert residual == pytest.approx([3.6, 2.6, 2.4, 0.7], abs=0.5)
    assert bright["negative_fraction_O_K"] == pytest.approx(0.0, abs=0.01)
    assert bright["snr_Mn_L"] > 5 * bright["snr_Ni_L"] > 25


def test_classical_answers_of_nmc(nmc):
    maps = eelsmap.map_classical(nmc)
    ratio, error = maps.array("l3_l2_ratio_Mn_L"), maps.array("l3_l2_ratio_Mn_L_error")
    assert np.isnan(ratio).sum() == 2
    # Statistical branching is 2; manganese near 4+ lies between 1.9 and 2.5 in the literature.
    assert np.nanmedian(ratio) == pytest.approx(2.17, abs=0.1)
    assert 0.02 < np.nanmedian(error) < 0.1
    shares = {metal: maps.array(f"share_{metal}") for metal in ("mn", "co", "ni")}
    np.testing.assert_allclose(sum(shares.values())[np.isfinite(ratio)], 1.0, rtol=1e-5)
    assert (shares["mn"] > 0.6)[np.isfinite(ratio)].all()
    assert [np.nanmedian(share) for share in shares.values()] == pytest.approx([0.78, 0.10, 0.13], abs=0.04)
    # Weak edges have no ratio, or one with an error that says so.
    assert np.isnan(maps.array("l3_l2_ratio_Ni_L")).sum() > 21
    assert np.nanmedian(maps.array("l3_l2_ratio_Co_L_error")) > 0.4
    assert np.nanstd(maps.array("onset_Mn_L")) < 0.6


def test_nmc_deconvolved(nmc, nmc_quality):
    image = planned(nmc, DECONVOLVED)
    assert image.shifting is None
    assert set(image.known()) == {"low_loss"}
    quality, maps = eelsmap.map_quality(nmc, recipe=DECONVOLVED), eelsmap.map_classical(nmc, recipe=DECONVOLVED)
    material = (nmc_quality.array("flags").astype(np.uint32) & PixelFlag.LOW_COUNTS) == 0
    thickness = quality.array("t_over_lambda")[material]
    # An edge has lost to plural scattering what a mean free path says, most of which its window does not hold.
    for edge in ("O_K", "Mn_L"):
        gained = (quality.array(f"counts_{edge}") / nmc_quality.array(f"counts_{edge}"))[material]
        assert 1.0 < np.median(gained) < np.exp(np.median(thickness))
    assert np.nanmedian(maps.array("share_mn")) == pytest.approx(0.78, abs=0.04)
    assert 1.7 < np.nanmedian(maps.array("l3_l2_ratio_Mn_L")) < 2.5


def test_nmc_deconvolved_keeps_its_background(nmc, nmc_quality):
    """Its first channels are shaded, so that counts rise where the background that is set apart is measured."""
    image = planned(nmc, DECONVOLVED)
    counts, known = image.every(1)
    material = counts.sum(axis=1) > 0.5 * np.median(counts.sum(axis=1))
    single = treated(counts, image.plan, DECONVOLVED, **known).counts[material]
    assert ((single < 0).mean(axis=1) < 0.01).all()
    # Behind all edges most of the counts are background, which a Fourier ratio on a broad scale leaves alone.
    end = image.plan.energy > 1000.0
    kept = single[:, end].sum(axis=1) / counts[material][:, end].sum(axis=1)
    assert np.median(kept) == pytest.approx(0.9, abs=0.2)
    flags = eelsmap.map_quality(nmc, recipe=DECONVOLVED).array("flags").astype(np.uint32)
    assert ((flags & np.uint32(NO_ANSWER)) != 0).sum() == 2


def test_nmc_deconvolved_states_the_noise_that_was_amplified(nmc, nmc_quality):
    quality = eelsmap.map_quality(nmc, recipe=DECONVOLVED)
    # Deconvolution amplifies noise as it raises an edge; nothing is known much better afterwards.
    for edge in ("O_K", "Mn_L", "Co_L", "Ni_L"):
        before, after = (np.median(maps.array(f"snr_{edge}")) for maps in (nmc_quality, quality))
        assert after < 1.6 * before, edge
        chi = [np.median(maps.array(f"background_chi2_{edge}")) for maps in (nmc_quality, quality)]
        assert chi[1] < 5 * chi[0], edge


TREATED = {
    "likelihood": Recipe(background=BackgroundStep(method="likelihood")),
    "fixed exponents": Recipe(background=BackgroundStep(method="fixed_exponents")),
    "neighbours": Recipe(background=BackgroundStep(neighbours=1.0)),
    "average": Recipe(noise=NoiseStep(average=1.0)),
    "denoise": Recipe(noise=NoiseStep(denoise=True)),
}


@pytest.mark.parametrize("name", TREATED)
@BOTH_LAZY
def test_nmc_is_mapped_with_every_treatment(shared_data, nmc, name, lazy):
    """Two rows only, fewer than an average reaches across."""
    maps = eelsmap.map_classical(read(shared_data, NMC, lazy=lazy), recipe=TREATED[name], lazy=False)
    assert np.nanmedian(maps.array("share_mn")) == pytest.approx(0.78, abs=0.06)
    assert np.nanmedian(maps.array("l3_l2_ratio_Mn_L")) == pytest.approx(2.17, abs=0.15)


# "Titanate": boron nitride, whatever its name


@pytest.mark.parametrize(("lazy", "stated"), [(False, None), (True, True)], ids=["eager", "lazy, simultaneous"])
def test_boron_nitride_holds_no_edge_of_the_set(shared_data, lazy, stated):
    signal = read(shared_data, TITANATE, lazy=lazy, low_loss_simultaneous=stated)
    for function in (eelsmap.map_classical, eelsmap.map_quality, eelsmap.map_properties):
        with pytest.raises(NoEdgesError) as caught:
            function(signal)
        said = str(caught.value)
        assert said.startswith("titanate_core_loss.dm3: the axis covers 126.5 to 638.0 eV, but none of O_K, Mn_L")
        assert "check its calibration, and that this is the core loss of such a material" in said


# Manganite: single spectra, the axis 5 to 7 eV high


@pytest.mark.parametrize("stated", [None, True], ids=["unknown", "simultaneous"])
def test_the_manganite_is_shifted_back_as_a_whole(shared_data, stated):
    image = planned(read(shared_data, MANGANITE, low_loss_simultaneous=stated))
    axis, plan = image.plan.axis, image.plan
    zero_loss = 0.95 if stated else 0.0
    assert axis.mode == ("zero_loss+global" if stated else "global")
    assert plan.zero_loss == pytest.approx(zero_loss, abs=0.02)
    # O K by its rise, good to an electronvolt; Mn L by its lines.
    assert axis.displacements == pytest.approx({"O_K": 7.3 - zero_loss, "Mn_L": 6.1 - zero_loss}, abs=0.3)
    assert [plan.located[name].uncertainty for name in ("O_K", "Mn_L")] == [1.0, 0.3]
    assert plan.located["Mn_L"].explained > 0.9
    assert set(axis.scale) == {1.0}
    # One offset for all: what the zero-loss peak explains, the edges need not.
    np.testing.assert_allclose(axis.offset, -6.7 + zero_loss, atol=0.2)
    assert axis.uncertainty == pytest.approx(0.93, abs=0.05)
    assert not axis.absolute_scale_lost
    assert plan.faults.message == "no faults found"
    assert plan.windows == ()
    assert plan.drift is None


def test_classical_answers_of_the_manganite(shared_data):
    signal = read(shared_data, MANGANITE)
    single, deconvolved = (eelsmap.map_classical(signal, recipe=recipe) for recipe in (Recipe(), DECONVOLVED))
    before, after = (eelsmap.map_quality(signal, recipe=recipe) for recipe in (Recipe(), DECONVOLVED))

    def value(maps, name):
        return float(maps.array(name))

    assert value(before, "t_over_lambda") == pytest.approx(0.476, abs=0.01)
    assert value(single, "l3_l2_ratio_Mn_L") == pytest.approx(2.44, abs=0.08)
    # Plural scattering of L3 lies under L2 and behind it, not the other way round: the ratio hardly moves.
    assert value(deconvolved, "l3_l2_ratio_Mn_L") == pytest.approx(2.39, abs=0.08)
    assert value(single, "onset_Mn_L") == pytest.approx(value(deconvolved, "onset_Mn_L"), abs=0.2)
    # Both windows get back nearly all that the edge lost in them: exp(0.476) is 1.61.
    for edge in ("O_K", "Mn_L"):
        gained = value(after, f"counts_{edge}") / value(before, f"counts_{edge}")
        assert gained == pytest.approx(1.555, abs=0.05)
    flags = int(value(single, "flags"))
    assert flags == PixelFlag.CO_L_MISSING | PixelFlag.NI_L_MISSING
    for metal in ("mn", "co", "ni"):
        assert np.isnan(single.array(f"share_{metal}")).all()


# A .dm4 image with channels of 1 eV that shows O K only


def test_gatan_image_shows_oxygen_where_it_should_be(shared_data):
    signal = read(shared_data, GATAN)
    plan = planned(signal).plan
    assert plan.axis.mode == "none"
    assert plan.axis.displacements == pytest.approx({"O_K": -0.1}, abs=0.4)
    assert set(plan.axis.offset) == {0.0}
    assert plan.axis.uncertainty == pytest.approx(0.75, abs=0.05)
    assert plan.axis.message == "edges lie where they should"
    assert plan.faults.message == "no faults found"
    assert plan.drift.message == "too few rows to look for drift along the scan"
    quality = eelsmap.map_quality(signal)
    assert (quality.array("snr_O_K") > 5).all()
    for edge in ("Mn_L", "Co_L", "Ni_L"):
        assert (np.abs(quality.array(f"snr_{edge}")) < 5).all()
        assert ((quality.array("flags").astype(np.uint32) & PixelFlag.weak(edge)) != 0).all()
    for edge in ("O_K", "Mn_L", "Co_L", "Ni_L"):
        # Nothing of these is beyond noise, so neither is the background's misfit.
        assert 0.3 < np.median(quality.array(f"background_chi2_{edge}")) < 3.0
        assert (np.abs(quality.array(f"background_residual_{edge}")) < 3.0).all()
    maps = eelsmap.map_classical(signal)
    for edge in ("Mn_L", "Co_L", "Ni_L"):
        assert np.isnan(maps.array(f"l3_l2_ratio_{edge}")).all()
        assert np.isnan(maps.array(f"onset_{edge}")).all()
    assert np.isfinite(maps.array("pre_edge_ratio_O_K")).all()


def test_velox_image_holds_none_of_the_edges(shared_data, tmp_path):
    packed = shared_data / "reader_samples" / "velox_EELS_EDS.zip"
    if not packed.is_file():
        pytest.skip(f"the measured file is not at {packed}")
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(tmp_path)
    signal = load(next(tmp_path.rglob("*.emd")))
    assert signal.axes_manager.navigation_shape == (20, 16)
    for function in (eelsmap.map_classical, eelsmap.map_quality):
        with pytest.raises(NoEdgesError, match=r"^example_velox_EELS_EDS\.emd: the axis covers 480\.0 to 826\.4 eV"):
            function(signal)
