"""Input that is unusual but valid is mapped, and to the same answers as its plain twin."""

import zipfile

import hyperspy.api as hs
import numpy as np
import pytest

import eelsmap
from eelsmap.errors import NO_ANSWER, PixelFlag
from eelsmap.phantom import Microscope
from tests.run_command import run
from tests.small_images import ENERGY, SHAPE, STEP, image, phantom_counts, window

EAGER_AND_LAZY = pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])


@pytest.fixture(scope="module")
def model():
    return eelsmap.load_model("nmc")


@pytest.fixture(scope="module")
def plain(model):
    return eelsmap.map_properties(image(), model)


def assert_same(maps, plain):
    for name in plain:
        np.testing.assert_array_equal(maps.array(name), plain.array(name), err_msg=name)


def assert_close(maps, plain):
    """Rounding can move a feature across a split of a tree; anything larger would be a mistake."""
    np.testing.assert_array_equal(maps.array("flags"), plain.array("flags"))
    difference = np.abs(maps.array("li_content") - plain.array("li_content"))
    assert np.nanmedian(difference) < 1e-6
    assert np.nanmax(difference) < 0.1


# Numbers and how they lie in memory


@EAGER_AND_LAZY
@pytest.mark.parametrize("kind", ["uint16", "int32", "uint64", "float32", "float64", ">u2", ">i4", ">f4", ">f8"])
def test_types_of_numbers(kind, lazy, model, plain):
    signal = image(phantom_counts().astype(kind), lazy=lazy)
    maps = eelsmap.map_properties(signal, model)
    assert maps.is_lazy == lazy
    assert_same(maps, plain)
    assert signal.data.dtype == np.dtype(kind)


def test_eight_bits_hold_the_answer_roughly(model, plain):
    counts = phantom_counts()
    maps = eelsmap.map_properties(image(np.round(counts * 255 / counts.max()).astype(np.uint8)), model)
    both = (maps.array("flags") | plain.array("flags")) & NO_ANSWER == 0
    assert both.sum() >= 0.9 * (plain.array("flags") & NO_ANSWER == 0).sum()
    assert np.median(np.abs(maps.array("li_content") - plain.array("li_content"))[both]) < 0.2


LAYOUTS = {
    "Fortran order": np.asfortranarray,
    "every other channel": lambda counts: np.repeat(counts, 2, axis=-1)[..., ::2],
    "backwards": lambda counts: np.ascontiguousarray(counts[:, :, ::-1])[:, :, ::-1],
    "energy first": lambda counts: np.ascontiguousarray(np.moveaxis(counts, -1, 0)).transpose(1, 2, 0),
}


@EAGER_AND_LAZY
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_in_memory(layout, lazy, model, plain):
    assert_same(eelsmap.map_properties(image(LAYOUTS[layout](phantom_counts()), lazy=lazy), model), plain)


def test_data_are_left_as_they_are(model, plain):
    counts = phantom_counts()
    counts.setflags(write=False)
    signal = image(counts)
    before = signal.metadata.as_dictionary()
    assert_same(eelsmap.map_properties(signal, model), plain)
    assert signal.metadata.as_dictionary() == before
    assert type(signal)._signal_type == "EELS"


@pytest.mark.parametrize("factor", [1e-30, 1e-9, 1e-3, 1e3, 1e12, 1e25])
def test_the_unit_of_the_counts_does_not_matter(factor, model, plain):
    maps = eelsmap.map_properties(image(phantom_counts() * factor), model)
    assert_close(maps, plain)
    assert maps.provenance["gain"] == pytest.approx(plain.provenance["gain"] * factor, rel=1e-6)


# Pixels


SHAPES = {
    "one spectrum": (np.s_[3, 4], ()),
    "one pixel of a line": (np.s_[3, 4:5], (1,)),
    "one pixel": (np.s_[3:4, 4:5], (1, 1)),
    "line": (np.s_[3], (8,)),
    "one row": (np.s_[3:4], (1, 8)),
    "one column": (np.s_[:, 4:5], (6, 1)),
    "series": (np.s_[None], (1, 6, 8)),
    "four axes": (np.s_[None, None], (1, 1, 6, 8)),
}


@EAGER_AND_LAZY
@pytest.mark.parametrize("name", SHAPES)
def test_any_shape(name, lazy, model, plain):
    cut, shape = SHAPES[name]
    maps = eelsmap.map_properties(image(phantom_counts()[cut], lazy=lazy), model)
    assert maps.shape == maps.array("li_content").shape == shape
    assert np.isfinite(maps.array("li_content")).any()
    if len(shape) > 2:
        np.testing.assert_array_equal(maps.array("li_content").reshape(SHAPE), plain.array("li_content"))


def test_frames_of_a_series_in_one_file_are_mapped_without_a_figure(tmp_path):
    image(np.stack([phantom_counts()] * 2)).save(tmp_path / "frames.hspy")
    result = run("map", tmp_path / "frames.hspy", "--out", tmp_path / "out")
    assert result.exit_code == 0
    assert "no figure: the maps have 3 axes" in result.output
    ends = {path.name.removeprefix("frames_") for path in (tmp_path / "out").iterdir()}
    assert ends == {"maps.hspy", "summary.csv", "provenance.json"}
    assert eelsmap.PropertyMaps.load(tmp_path / "out" / "frames_maps.hspy").shape == (2, *SHAPE)


@EAGER_AND_LAZY
def test_half_of_the_image_is_nan(lazy, model, plain):
    counts = phantom_counts()
    counts[:, :4] = np.nan
    maps = eelsmap.map_properties(image(counts, lazy=lazy), model)
    flags = maps.array("flags")
    assert (flags[:, :4] == PixelFlag.NOT_FINITE).all()
    assert ((flags[:, 4:] & NO_ANSWER == 0) == (plain.array("flags")[:, 4:] & NO_ANSWER == 0)).all()


@pytest.mark.parametrize("energy", [508.0, 645.2, 855.2], ids=["before O K", "in Mn L", "in Ni L"])
def test_one_hot_channel_is_bridged_and_flagged(energy, model, plain):
    counts = phantom_counts()
    counts[..., np.searchsorted(ENERGY, energy)] = 1e7
    maps = eelsmap.map_properties(image(counts), model)
    assert (maps.array("flags") & PixelFlag.SPIKE_REPAIRED).all()
    difference = np.abs(maps.array("li_content") - plain.array("li_content"))
    assert np.nanmedian(difference) < 0.1


def test_a_navigation_axis_that_is_not_uniform_counts_pixels(model, plain, tmp_path):
    signal = image()
    signal.axes_manager.navigation_axes[0].convert_to_non_uniform_axis()
    maps = eelsmap.map_properties(signal, model)
    assert_same(maps, plain)
    maps.save(tmp_path / "maps.hspy")
    assert eelsmap.PropertyMaps.load(tmp_path / "maps.hspy").axes == maps.axes


# Energy axes


def kiloelectronvolts():
    return image(units="keV", offset=0.46, scale=4e-4)


@pytest.mark.parametrize("make", [kiloelectronvolts, lambda: image(units=""), lambda: image(units=" EV ")])
def test_units_of_energy(make, model, plain):
    assert_close(eelsmap.map_properties(make(), model), plain)


LOST = {
    (480, 560): ("Mn_L", "Co_L", "Ni_L"),
    (820, 938): ("O_K", "Mn_L", "Co_L"),
    (480, 645): ("Mn_L", "Co_L", "Ni_L"),
    (480, 660): ("Co_L", "Ni_L"),
    (480, 786): ("Co_L", "Ni_L"),
    (530, 700): ("O_K", "Co_L", "Ni_L"),
    (480, 900): (),
}


@EAGER_AND_LAZY
@pytest.mark.parametrize("ends", LOST, ids=str)
def test_part_of_the_edges(ends, lazy, model):
    maps = eelsmap.map_properties(window(*ends, lazy=lazy), model)
    flags = maps.array("flags")
    for edge in ("O_K", "Mn_L", "Co_L", "Ni_L"):
        missing = (flags & PixelFlag.missing(edge)) != 0
        assert missing.all() if edge in LOST[ends] else not missing.any()
        assert np.isnan(maps.array(f"snr_{edge}")).all() == (edge in LOST[ends])
        if edge in LOST[ends] and edge != "O_K":
            assert np.isnan(maps.array(f"{edge[:2].lower()}_valence")).all()
    assert ((flags & PixelFlag.PARTIAL_EDGE) != 0).all() == (ends == (480, 660))
    assert np.isfinite(maps.array("li_content")).any()
    # Nothing is moved because an edge is cut off.
    assert maps.provenance["axis"]["mode"] == "none"


def test_fewer_edges_widen_the_intervals(model, plain):
    few = eelsmap.map_properties(window(820, 938), model)
    width = [np.nanmedian(maps.array("li_content_upper") - maps.array("li_content_lower")) for maps in (few, plain)]
    assert width[0] > width[1]


def test_very_fine_channels_that_hold_one_edge(model):
    fine = 606.0 + 0.0146 * np.arange(4096)
    expected = np.stack([np.interp(fine, ENERGY, row) * 0.0146 / STEP for row in phantom_counts()[3]])
    counts = np.random.default_rng(0).poisson(expected)
    maps = eelsmap.map_properties(image(counts, offset=606.0, scale=0.0146), model)
    assert list(maps.provenance["axis"]["displacements_eV"]) == ["Mn_L"]
    assert np.isfinite(maps.array("mn_valence")).any()


def test_one_electronvolt_per_channel(model, plain):
    counts = phantom_counts().reshape(*SHAPE, -1, 2).sum(axis=-1)
    maps = eelsmap.map_properties(image(counts, offset=460.2, scale=0.8), model)
    both = (maps.array("flags") | plain.array("flags")) & NO_ANSWER == 0
    assert both.any()
    assert np.median(np.abs(maps.array("li_content") - plain.array("li_content"))[both]) < 0.2


# A low loss


@pytest.fixture(scope="module")
def dual():
    return eelsmap.make_phantom((4, 6), microscope=Microscope(counts=1e6, dual_eels=True, axis_offset_error=5.0))


@EAGER_AND_LAZY
@pytest.mark.parametrize("value", [np.nan, 0.0])
def test_a_low_loss_without_zero_loss_peak_is_left_out(value, lazy, dual, model):
    core, low = eelsmap.io.prepare(dual.signal()), dual.low_loss_signal()
    low.change_dtype("float32")
    low.data[:] = value
    eelsmap.io.attach_low_loss(core, eelsmap.io.prepare(low.as_lazy() if lazy else low), stated=True)
    maps = eelsmap.map_properties(core, model)
    assert maps.provenance["axis"]["mode"] == "global"
    assert "no pixel of it holds a zero-loss peak" in maps.provenance["low_loss"]
    assert np.isfinite(maps.array("li_content")).any()


def test_an_edge_that_the_zero_loss_peak_moves_out_of_the_axis_is_missing(dual, model):
    core = eelsmap.io.prepare(dual.signal())
    eelsmap.io.attach_low_loss(core, eelsmap.io.prepare(dual.low_loss_signal()), stated=True)
    # Recorded 5 eV too high: 877 is 872 on the usual scale, and Ni L needs 875.
    flags = eelsmap.map_properties(core.isig[:877.0], model).array("flags")
    assert (flags & PixelFlag.NI_L_MISSING).all()
    assert not (flags & PixelFlag.CO_L_MISSING).any()


# A HyperSpy session


@EAGER_AND_LAZY
def test_a_hyperspy_session(lazy, tmp_path, plain):
    image(phantom_counts().astype(np.float32)).save(tmp_path / "image.hspy")
    s = hs.load(tmp_path / "image.hspy", lazy=lazy)
    s.set_signal_type("MultiEdgeEELS")
    maps = s.map_properties("nmc")
    assert maps.is_lazy == lazy
    assert_same(maps, plain)
    assert s.inav[3, 2:5].map_properties("nmc").shape == (3,)
    assert s.rebin(scale=(2, 2, 1)).map_properties("nmc").shape == (3, 4)
    assert np.isfinite(s.sum().map_properties("nmc").array("li_content"))
    assert_close(s.isig[::-1].isig[::-1].map_properties("nmc"), plain)
    maps.save(tmp_path / "maps.hspy")
    again = eelsmap.PropertyMaps.load(tmp_path / "maps.hspy")
    assert_same(again, maps)
    assert again.provenance == maps.provenance


def test_names_that_repeat_never_meet(tmp_path):
    for name in ("a/x.hspy", "a/x_2.hspy", "b/x.hspy"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        image(phantom_counts()[3, 4:5]).save(tmp_path / name)
    # A pattern in quotes reaches us unexpanded.
    result = run("map", tmp_path / "a" / "*.hspy", tmp_path / "b" / "x.hspy", "--out", tmp_path / "out", "--overwrite")
    assert result.exit_code == 0
    maps = {path.name: eelsmap.PropertyMaps.load(path) for path in (tmp_path / "out").glob("*.hspy")}
    assert {name: one.provenance["source"]["path"][len(str(tmp_path.resolve())) :] for name, one in maps.items()} == {
        "x_maps.hspy": "/a/x.hspy",
        "x_2_maps.hspy": "/a/x_2.hspy",
        "x_3_maps.hspy": "/b/x.hspy",
    }


# Real files


@pytest.fixture(scope="module")
def velox(shared_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("velox")
    with zipfile.ZipFile(shared_data / "reader_samples" / "velox_EELS_EDS.zip") as archive:
        archive.extractall(folder)
    return next(folder.glob("*.emd"))


REAL = {
    "nmc_si_doped/tm_o_core_loss.dm3": "the absolute energy scale is lost",
    "nmc_si_doped/tm_o_extracted.msa": "the absolute energy scale is lost",
    "reader_samples/EELS_SI.dm4": "edges lie where they should",
    "dual_eels/coreloss_spectrum.msa": "too high everywhere; shifted back",
    "nmc_si_doped/tm_o_adf.dm3": "It holds: image of 21 x 2",
    "nmc_si_doped/tm_o_survey.dm3": "It holds: image of 512 x 512",
    "nmc_si_doped/si_low_core_loss.dm3": "none of O_K, Mn_L, Co_L, Ni_L stands out",
    "nmc_si_doped/zero_loss.dm3": "none of O_K, Mn_L, Co_L, Ni_L stands out",
    "nmc_si_doped/Si-edge.msa": "none of O_K, Mn_L, Co_L, Ni_L stands out",
    "nmc_si_doped/oxygen_edge.msa": "before O_K (494-524 eV): the background seems to be subtracted",
    "nmc_si_doped/Mn_edge.msa": "before Mn_L (606-634 eV): the background seems to be subtracted",
    "nmc_si_doped/Co_edge.msa": "the background seems to be subtracted",
    "nmc_si_doped/Ni_edge.msa": "sum to less than zero",
    "dual_eels/lowloss_spectrum.msa": "-40.0 to 369.4 eV and none of the edges",
    "dual_eels/titanate_core_loss.dm3": "none of O_K, Mn_L, Co_L, Ni_L stands out",
    "dual_eels/titanate_low_loss.dm3": "-22.5 to 489.0 eV and none of the edges",
    "velox": "none of O_K, Mn_L, Co_L, Ni_L stands out",
}  # fmt: skip


def test_every_real_file_is_described_and_mapped_or_refused_for_its_reason(shared_data, velox, tmp_path):
    paths = {name: velox if name == "velox" else shared_data / name for name in REAL}
    result = run("map", *paths.values(), "--out", tmp_path)
    assert result.exit_code == 1
    assert "13 of 17 files could not be mapped" in result.output
    for name, words in REAL.items():
        # A progress bar may stand before it on its line.
        said = [line.split(f"{paths[name]}: ") for line in result.output.splitlines() if f"{paths[name]}: " in line]
        assert len(said) == 1
        assert words in said[0][-1]
        info = run("info", paths[name])
        assert info.exit_code == int("It holds" in words)
        assert words in info.output
    mapped = {path.name.removesuffix("_maps.hspy") for path in tmp_path.glob("*.hspy")}
    assert mapped == {"tm_o_core_loss", "tm_o_extracted", "EELS_SI", "coreloss_spectrum"}
