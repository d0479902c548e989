"""References correct a model: what is wrong is found, and the gain is measured on held-out specimens."""

from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

from eelsmap import load_library, load_model
from eelsmap.commands.calibrate import calibrate
from eelsmap.commands.image_references import image_specimens, stated_value
from eelsmap.commands.transfer import transfer
from eelsmap.edges import NMC_EDGES
from eelsmap.errors import BundleError, EelsmapError, LibraryError
from eelsmap.models.calibration import WAYS, calibrate_model
from eelsmap.models.calibration_report import calibration_lines
from eelsmap.models.corrected_bundle import write_corrected_bundle
from eelsmap.models.evaluation_measured import MeasuredSet, Specimen
from eelsmap.models.references import measured_references, whole_groups
from eelsmap.models.transfer import transfer_model
from eelsmap.plot.calibration import plot_calibration, plot_transfer
from eelsmap.recipe import Recipe

INDEX = NMC_EDGES.index("Mn_L")
GRID = NMC_EDGES["Mn_L"].grid(161)


class CentroidModel:
    """Says the valence from the mean energy of Mn L: so a shift of the axis is an error that a shift puts right."""

    name, version, sha256 = "centroid", "1", "0" * 64
    recipe = Recipe()
    targets = ("mn_valence",)
    columns = ("mn_valence", "mn_valence_lower", "mn_valence_upper")
    outputs = (*columns, "novelty")

    def __init__(self, **manifest):
        self.manifest = {"confidence": 0.9, **manifest}

    def predict_stack(self, stack, *, axis_uncertainty):
        net = stack.net[:, INDEX]
        value = np.clip(3.0 + ((net * GRID).sum(axis=1) / net.sum(axis=1) - 645.0) / 2, 2, 4)
        return np.stack([value, value - 0.1, value + 0.1, np.full(len(value), 3.0)], axis=1).astype(np.float32)


def specimens(n, shift=0.0, extra=0.0, seed=0, repeats=1, line=1.0):
    """Peaks that lie where the valence says, on an axis that is off by `shift`, with valences between 2.2 and 3.8."""
    random = np.random.default_rng(seed)
    result = []
    for number in range(n):
        valence = random.uniform(2.4, 3.6)
        for repeat in range(repeats):
            centre = 645.0 + 2 * (3.0 + line * (valence - 3.0) - 3.0) + shift + extra * random.standard_normal()
            energy = np.arange(632.0, 668.0, 0.2)
            intensity = np.exp(-0.5 * ((energy - centre) / 1.5) ** 2) + 0.001 * random.standard_normal(energy.size)
            name = f"s{number}"
            spectra = {"Mn_L": (energy, intensity)}
            result.append(Specimen(f"{name}_{repeat}", name, {"Mn_L": "x"}, {"mn_valence": valence}, spectra))
    return MeasuredSet(result, [], [], "0" * 64, len(result))


def attempt(result, way):
    return next(item for item in result.attempts if item.way.name == way)


def test_a_shifted_axis_is_found_and_its_gain_measured():
    references = measured_references(specimens(12, shift=0.8), CentroidModel())
    result = calibrate_model(references, ways=["shift", "offset"])
    shifted = attempt(result, "shift")
    assert shifted.fitted.corrections.shift["Mn_L"] == pytest.approx(-0.8, abs=0.15)
    figures = shifted.metrics["mn_valence"]
    assert figures["before"]["rmse"] == pytest.approx(0.4, abs=0.05)
    assert figures["after"]["rmse"] < 0.1
    assert figures["gain"] > 3 * figures["gain_error"]
    assert shifted.fitted.corrections.applies_to == "one edge"
    assert result.best is not None
    assert any("Best: " in line for line in calibration_lines(result))


def test_a_line_is_found():
    result = calibrate_model(measured_references(specimens(14, line=0.7), CentroidModel()), ways=["affine"])
    _, slope = attempt(result, "affine").fitted.corrections.affine["mn_valence"]
    assert slope == pytest.approx(1 / 0.7, rel=0.12)


def test_what_is_right_is_left_alone():
    result = calibrate_model(measured_references(specimens(12, extra=0.2), CentroidModel()), ways=["offset", "affine"])
    assert result.best is None
    with pytest.raises(EelsmapError, match="no way lowers"):
        result.chosen("best")
    assert any("No way lowers" in line for line in calibration_lines(result))


def test_intervals_that_are_too_narrow_become_wide_enough():
    references = measured_references(specimens(40, extra=0.5, seed=3), CentroidModel())
    result = calibrate_model(references, ways=["intervals"])
    figures = attempt(result, "intervals").metrics["mn_valence"]
    assert figures["before"]["coverage"] < 0.6
    assert figures["after"]["coverage"] == pytest.approx(0.9, abs=0.08)
    assert figures["gain"] == 0.0


def test_only_what_so_few_specimens_support_is_tried():
    result = calibrate_model(measured_references(specimens(5), CentroidModel()))
    refused = {item.way.name for item in result.attempts if item.refusal}
    assert refused == {name for name, way in WAYS.items() if way.fewest > 5}
    with pytest.raises(EelsmapError, match="needs 8 specimens, there are 5"):
        result.chosen("ridge")
    with pytest.raises(EelsmapError, match="no way 'magic'"):
        result.chosen("magic")


def test_repetitions_are_no_further_specimens():
    references = measured_references(specimens(2, repeats=20), CentroidModel())
    with pytest.raises(LibraryError, match="2 specimens are too few"):
        calibrate_model(references)
    parts = whole_groups(np.repeat(np.arange(7), 5), 3, 0)
    assert all(np.unique(np.arange(35)[part] // 5).size * 5 == part.sum() for part in parts)
    np.testing.assert_array_equal(np.sum(parts, axis=0), 1)


def test_a_corrected_model_is_not_corrected_again():
    model = CentroidModel(corrected={"parent": {"name": "nmc"}})
    with pytest.raises(LibraryError, match=r"corrected already.*nmc"):
        calibrate_model(measured_references(specimens(6), model))


def test_references_without_a_known_value_are_refused():
    given = specimens(4)
    for specimen in given.specimens:
        specimen.labels.clear()
    with pytest.raises(LibraryError, match="no reference can be used"):
        measured_references(given, CentroidModel())


def test_transfer_raises_the_threshold_of_novelty():
    result = transfer_model(
        measured_references(specimens(8, line=0.7), CentroidModel()), None, ways=["affine", "trees"]
    )
    assert attempt(result, "affine").fitted.corrections.novelty_factor == pytest.approx(3.0)
    assert attempt(result, "trees").refusal


def test_the_figures_are_drawn(tmp_path):
    result = calibrate_model(measured_references(specimens(6, shift=0.8), CentroidModel()), ways=["shift", "affine"])
    errors = {way: {"mn_valence": {"rmse": 0.1, "coverage": 0.9}} for way in ("none", "ridge")}
    trials = [{"size": size, "errors": errors} for size in (5, 10)]
    for name, figure in (
        ("one", plot_calibration(result)),
        ("two", plot_transfer(trials, ["mn_valence"], (5, 10), ["ridge"], "made up")),
    ):  # fmt: skip
        figure.savefig(tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").stat().st_size > 8_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Manganese spectra of eight unseen structures, as simulated, with their valences."""
    library = load_library("nmc")
    path = tmp_path_factory.mktemp("references")
    known = (library.split == "test") & (library.kind == "structure") & np.isfinite(library.labels["mn_valence"])
    rows = ["file,edge,property,value"]
    for number, record in enumerate(np.flatnonzero(known)[:48:6]):
        grid, values = library.grids["Mn_L"], np.nan_to_num(library.spectra["Mn_L"][record])
        lines = "".join(f"{x:.3f},{y:.6g}\n" for x, y in zip(grid, values, strict=True))
        (path / f"{number}.csv").write_text("energy_eV,intensity\n" + lines)
        rows.append(f"{number}.csv,Mn_L,mn_valence,{library.labels['mn_valence'][record]}")
    (path / "labels.csv").write_text("\n".join(rows))
    return path


def run(command, *arguments):
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_nothing_is_written_without_acceptance_and_a_bundle_with_it(folder, tmp_path):
    looked = run(calibrate, "--spectra", folder, "--way", "offset", "--figure", tmp_path / "figure.png")
    assert looked.exit_code == 0, looked.output
    assert "Nothing was written" in looked.output
    assert [path.name for path in tmp_path.iterdir()] == ["figure.png"]
    accepted = run(calibrate, "--spectra", folder, "--way", "offset", "--accept", "offset", "--out", tmp_path / "mine")
    assert accepted.exit_code == 0, accepted.output
    model, parent = load_model(tmp_path / "mine"), load_model("nmc")
    record = model.manifest["corrected"]
    assert (model.name, record["parent"]["sha256"], record["way"]) == ("mine", parent.sha256, "offset")
    assert record["metrics"]["mn_valence"]["specimens"] == 8
    assert "corrected by references" in model.card
    offset, slope = model.corrections.affine["mn_valence"]
    energy = np.arange(634.0, 666.0, 0.2)
    spectrum = {
        "Mn_L": (energy, np.exp(-0.5 * ((energy - 643) / 1.5) ** 2) + 0.4 * np.exp(-0.5 * ((energy - 654) / 2) ** 2))
    }
    expected = np.clip(offset + slope * parent.predict(spectrum)["mn_valence"][0], 2, 4)
    assert model.predict(spectrum)["mn_valence"][0] == pytest.approx(expected, abs=1e-4)
    wrong = run(
        calibrate, "--spectra", folder, "--way", "offset", "--accept", "offset", "--out", tmp_path / "other",
        "--version", "newest",
    )  # fmt: skip
    assert isinstance(wrong.exception, BundleError)
    assert not (tmp_path / "other").exists()
    again = run(calibrate, "--spectra", folder, "--accept", "offset", "--out", tmp_path / "mine")
    assert again.exit_code == 2
    assert "not empty" in again.output


def test_acceptance_without_a_folder_and_references_without_a_source_are_refused(folder):
    assert run(calibrate, "--spectra", folder, "--accept", "best").exit_code == 2
    with pytest.raises(EelsmapError, match="no spectra: give"):
        raise run(calibrate).exception


def test_transfer_shows_its_gain(folder):
    result = run(transfer, "--spectra", folder, "--way", "affine")
    assert result.exit_code == 0, result.output
    assert "affine" in result.output
    assert "Nothing was written" in result.output


def test_a_bundle_is_never_overwritten(tmp_path):
    (tmp_path / "something").write_text("mine")
    result = SimpleNamespace(references=None)
    with pytest.raises(BundleError, match="not empty"):
        write_corrected_bundle("nmc", tmp_path, result, None, name="x", references_sha256="0")


def test_stated_values_are_taken_apart():
    path, labels = stated_value("folder/image.dm4:mn valence=4,li_content=0.5")
    assert (str(path), labels) == ("folder/image.dm4", {"mn_valence": 4.0, "li_content": 0.5})
    for text in ("image.dm4", "image.dm4:mn_valence", "image.dm4:colour=3", "image.dm4:mn_valence=9", ":mn_valence=3"):
        with pytest.raises(EelsmapError, match="is not FILE:property=value"):
            stated_value(text)


def test_a_measured_image_becomes_references_of_one_group(shared_data):
    """Charged lithium-rich NMC, whose manganese is nominally 4+ (SOURCES.md of the data)."""
    path = shared_data / "nmc_si_doped" / "tm_o_core_loss.dm3"
    found = image_specimens(path, {"mn_valence": 4.0}, Recipe(), parts=6)
    assert len(found) == 6
    assert {specimen.group for specimen in found} == {path.name}
    assert all("Mn_L" in specimen.spectra for specimen in found)
    energy, intensity = found[0].spectra["Mn_L"]
    assert energy[intensity.argmax()] == pytest.approx(643, abs=2)
