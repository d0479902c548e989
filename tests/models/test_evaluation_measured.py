"""Spectra of others are read, predicted and compared; one that cannot be used never ends the run."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from eelsmap import load_library, load_model
from eelsmap.commands.evaluate import evaluate
from eelsmap.errors import LibraryError
from eelsmap.library.label_table import edge_name, label_name, label_rows
from eelsmap.library.spectrum_files import read_spectrum_file
from eelsmap.models.evaluation_measured import Shifts, evaluate_spectra, read_measured_set
from eelsmap.models.evaluation_measured.measured_set import uniform_spectrum
from eelsmap.models.evaluation_measured.scores import class_metrics, classes_of, nearest_class, property_metrics
from eelsmap.plot.evaluation import plot_evaluation, plot_shifts


@pytest.fixture(scope="module")
def library():
    return load_library("nmc")


@pytest.fixture(scope="module")
def model():
    return load_model("nmc")


def write_spectrum(path, energy, intensity):
    path.write_text(
        "energy_eV,intensity\n" + "".join(f"{x:.4f},{y:.6g}\n" for x, y in zip(energy, intensity, strict=True))
    )


def manganese(library, valence, number, seed=0):
    """Simulated Mn L spectra of unseen environments: energies and intensities (number, channel), maximum 1."""
    known = (library.labels["mn_valence"] == valence) & (library.split == "test") & (library.kind == "environment")
    chosen = np.random.default_rng(seed).choice(np.flatnonzero(known), number)
    grid, spectra = library.grids["Mn_L"], np.nan_to_num(library.spectra["Mn_L"][chosen].astype(float))
    sigma = 0.8 / 2.355 / (grid[1] - grid[0])
    kernel = np.exp(-0.5 * (np.arange(-30, 31) / sigma) ** 2)
    blurred = np.array([np.convolve(row, kernel / kernel.sum(), mode="same") for row in spectra])
    energy = np.arange(637.0, 660.0, 0.2)
    shape = np.array([np.interp(energy, grid, row) for row in blurred])
    return energy, shape / shape.max(axis=1, keepdims=True)


@pytest.fixture
def folder(library, tmp_path):
    """Twelve spectra of Mn3+ and twelve of Mn4+, as simulated."""
    rows = ["file,edge,property,value"]
    for valence in (3, 4):
        energy, shape = manganese(library, valence, 12)
        for number, row in enumerate(shape):
            write_spectrum(tmp_path / f"mn{valence}_{number}.csv", energy, row)
            rows.append(f"mn{valence}_{number}.csv,Mn_L,mn_valence,{valence}")
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def add_row(folder, row):
    with (folder / "labels.csv").open("a") as stream:
        stream.write(row + "\n")


def test_simulated_valences_are_told_apart_and_written(folder, model, tmp_path_factory):
    result = evaluate_spectra(folder, None, model)
    metrics = result.metrics["mn_valence"]
    assert (metrics["n"], result.counts["refused"], metrics["classes"]) == (24, 0, [3.0, 4.0])
    assert metrics["accuracy"] > 0.8
    assert np.sum(metrics["confusion"]) == 24
    errors = (result.table["mn_valence"] - result.table["mn_valence_truth"]).abs()
    assert metrics["mean_absolute_error"] == pytest.approx(errors.mean())
    out = tmp_path_factory.mktemp("out")
    paths = result.save(out)
    written = json.loads(paths["metrics"].read_text())
    assert written["measured_on"] == "spectra that you gave"
    assert written["provenance"]["model"]["sha256"] == model.sha256
    assert len(paths["predictions"].read_text().splitlines()) == 25
    assert any("accuracy" in line for line in result.lines())


def test_together_is_as_alone(folder, model):
    together = evaluate_spectra(folder, None, model).table
    alone = []
    for file in together["files"]:
        (energy, intensity), _ = read_spectrum_file(folder / file)
        alone.append(model.predict({"Mn_L": uniform_spectrum((energy, intensity))[0]})["mn_valence"][0])
    np.testing.assert_allclose(together["mn_valence"], alone, atol=1e-5)


BAD_FILES = {
    "missing": None,
    "empty": "",
    "words": "energy_eV,intensity\n" + "\n".join(f"{640 + i / 5},x" for i in range(90)),
    "short": "energy_eV,intensity\n640,1\n641,2\n",
    "elsewhere": "energy_eV,intensity\n" + "\n".join(f"{700 + i / 5},1" for i in range(90)),
    "nan inside": "energy_eV,intensity\n" + "\n".join(f"{636 + i / 5},{'nan' if i == 40 else 1}" for i in range(120)),
    "jumping": "energy_eV,intensity\n" + "\n".join(f"{636 + i * 37 % 120 / 5},1" for i in range(120)),
    "binary": "\x00\x01\x02",
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_bad_file_is_refused_with_its_reason_and_the_others_go_on(folder, model, kind):
    if BAD_FILES[kind] is not None:
        (folder / "bad.csv").write_text(BAD_FILES[kind])
    add_row(folder, "bad.csv,Mn_L,mn_valence,3")
    result = evaluate_spectra(folder, None, model)
    assert (result.counts["evaluated"], result.counts["refused"]) == (24, 1)
    assert result.metrics["mn_valence"]["n"] == 24
    row = result.table[result.table["files"] == "bad.csv"].iloc[0]
    assert len(row["refused"]) > 10
    assert np.isnan(row["mn_valence"])


@pytest.mark.parametrize("row", ["mn3_0.csv,Mn_L,mn_valence,many", "mn3_0.csv,Xx_L,mn_valence,3", "mn3_0.csv,Mn_L",
                                 "mn3_0.csv,Mn_L,colour,3", "mn3_0.csv,Mn_L,mn_valence,9"])  # fmt: skip
def test_a_bad_row_is_counted_and_the_others_go_on(folder, model, row):
    add_row(folder, row)
    result = evaluate_spectra(folder, None, model)
    assert result.counts["evaluated"] == 24
    assert result.counts["bad_rows"] == 1
    assert result.bad_rows[0].startswith("row 26, ")


def test_contradicting_values_are_counted(folder, model):
    add_row(folder, "mn3_0.csv,Mn_L,mn_valence,4")
    result = evaluate_spectra(folder, None, model)
    assert result.bad_rows == ["row 26, mn_valence of specimen mn3_0 is 4 here and 3 before"]


@pytest.mark.parametrize(
    "change", ["descending", "jitter", "step", "kev", "no unit", "semicolons", "nan ends", "scale"]
)
def test_odd_but_clear_spectra_are_used(folder, model, library, change):
    expected = evaluate_spectra(folder, None, model).table["mn_valence"][0]
    energy, shape = manganese(library, 3, 12)
    intensity, header, join = shape[0], "energy_eV,intensity", ","
    if change == "descending":
        energy, intensity = energy[::-1], intensity[::-1]
    elif change == "jitter":
        moved = energy + np.random.default_rng(0).uniform(-0.06, 0.06, energy.size)
        energy, intensity = moved, np.interp(moved, energy, intensity)
    elif change == "step":
        finer = np.concatenate([np.arange(637, 645, 0.1), np.arange(645, 659.7, 0.3)])
        energy, intensity = finer, np.interp(finer, energy, intensity)
    elif change == "kev":
        energy, header = energy / 1000, "Energy loss (keV),counts"
    elif change == "no unit":
        header = "energy loss,intensity"
    elif change == "semicolons":
        join, header = ";", "energy_eV;intensity"
    elif change == "nan ends":
        intensity = np.where((energy < 637.5) | (energy > 659), np.nan, intensity)
    else:
        intensity = 1e6 * intensity
    lines = [f"{x:.6f}{join}{y:.6g}" for x, y in zip(energy, intensity, strict=True)]
    (folder / "mn3_0.csv").write_text("\n".join([header, *lines]) + "\n")
    result = evaluate_spectra(folder, None, model)
    assert result.counts["refused"] == 0
    assert result.table["mn_valence"][0] == pytest.approx(expected, abs=0.12)


def test_a_shift_is_that_of_the_energies(folder, model, library):
    shifted = evaluate_spectra(folder, None, model, shifts=Shifts(1.0)).table["mn_valence"]
    for valence in (3, 4):
        energy, shape = manganese(library, valence, 12)
        for number, row in enumerate(shape):
            write_spectrum(folder / f"mn{valence}_{number}.csv", energy + 1.0, row)
    np.testing.assert_allclose(shifted, evaluate_spectra(folder, None, model).table["mn_valence"], atol=1e-3)


def test_random_shifts_follow_the_seed_and_stay_inside():
    one, same, other = (Shifts(0.3, 2.0, seed).draw(500) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    assert np.abs(one - 0.3).max() <= 2.0
    assert one.std() == pytest.approx(2 / np.sqrt(3), abs=0.1)


def test_edges_of_one_specimen_go_together_and_one_bad_edge_is_left_out(library, model, tmp_path):
    record = np.flatnonzero((library.split == "test") & (library.kind == "structure"))[3]
    rows = ["file,edge,specimen,li_content"]
    for edge in ("O_K", "Mn_L"):
        write_spectrum(tmp_path / f"{edge}.csv", library.grids[edge], np.nan_to_num(library.spectra[edge][record]))
        rows.append(f"{edge},{edge.replace('_', ' ')},one,{library.labels['li_content'][record]}")
    (tmp_path / "bad.csv").write_text("nothing")
    rows.append("bad.csv,Ni_L,one,")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    result = evaluate_spectra(tmp_path, None, model)
    row = result.table.iloc[0]
    assert (len(result.table), row["refused"]) == (1, "")
    assert "bad.csv" in row["notes"]
    given = {edge: (library.grids[edge], np.nan_to_num(library.spectra[edge][record])) for edge in ("O_K", "Mn_L")}
    assert row["li_content"] == pytest.approx(model.predict(given)["li_content"][0], abs=0.02)


def test_repetitions_of_a_specimen_are_rows_of_one_group(library, tmp_path):
    energy, shape = manganese(library, 4, 3)
    rows = ["file,edge,specimen,mn_valence,operator"]
    for number, intensity in enumerate(shape):
        write_spectrum(tmp_path / f"{number}.csv", energy, intensity)
        rows.append(f"{number}.csv,Mn-L2,MnO2,{'4+' if number == 0 else ''},somebody".replace("Mn-L2", "Mn-L23"))
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    given = read_measured_set(tmp_path)
    assert [specimen.group for specimen in given.specimens] == ["MnO2"] * 3
    assert [specimen.labels for specimen in given.specimens] == [{"mn_valence": 4.0}] * 3
    assert given.ignored_columns == ["operator"]


@pytest.mark.parametrize("text", ["Mn_L", "Mn L", "mn_l23", "Mn_L23", "Mn-L2,3", "Mn L 2,3",
                                  "MN L3,2", "Mn L3", "Mn", "Mn L edge", "mn_L2,3-edge"])  # fmt: skip
def test_edges_are_known_however_they_are_written(text):
    assert edge_name(text) == "Mn_L"


def test_other_edges_are_not_taken_for_ours():
    assert [edge_name(text) for text in ("O K", "o_k", "O 1s", "Co_L", "Fe_L", "C_K", "Mn_K", "Mn_M", "")] == [
        "O_K", "O_K", "O_K", "Co_L", None, None, None, None, None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("mn_valence", "mn_valence"), ("Mn Valence", "mn_valence"), ("Mn oxidation state", "mn_valence"),
        ("oxidation-state Mn", "mn_valence"), ("valence", "mn_valence"), ("Li content", "li_content"),
        ("vacancy_probability", "vacancy"), ("colour", None), ("fe_valence", None),
    ],
)  # fmt: skip
def test_properties_are_known_however_they_are_written(text, label):
    assert label_name(text, "Mn_L") == label


def test_a_table_without_files_or_edges_is_refused(tmp_path):
    (tmp_path / "labels.csv").write_text("name,value\na,1\n")
    with pytest.raises(LibraryError, match="no column 'file'"):
        label_rows(tmp_path / "labels.csv")
    with pytest.raises(LibraryError, match="no such folder"):
        read_measured_set(tmp_path / "none")


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.floats(0.05, 0.6), min_size=20, max_size=120),
    heights=st.lists(st.floats(-1, 10), min_size=121, max_size=121),
)
def test_even_steps_keep_the_area(steps, heights):
    energy = 640 + np.concatenate([[0.0], np.cumsum(steps)])
    intensity = np.asarray(heights[: energy.size])
    (x, y), _ = uniform_spectrum((energy, intensity))
    np.testing.assert_allclose(np.diff(x), x[1] - x[0], rtol=1e-9)
    assert (x[0], x[-1]) == pytest.approx((energy[0], energy[-1]))
    if x.size != energy.size:
        # Every inner interval holds its part of the piecewise linear spectrum; the two at the ends hold half.
        step = x[1] - x[0]
        area = step * (y[1:-1].sum() + y[0] / 2 + y[-1] / 2)
        assert area == pytest.approx(np.trapezoid(intensity, energy), abs=1e-6 * np.abs(intensity).sum() + 1e-9)


def test_rounded_energies_are_no_uneven_steps():
    exact = 637 + 0.097 * np.arange(240)
    (energy, _), note = uniform_spectrum((np.round(exact, 2), np.ones(240)))
    np.testing.assert_allclose(energy, exact, atol=0.011)
    assert "straight line" in note


def test_classes_by_hand():
    truth, value = np.array([2, 2, 3, 4, 4, 4.0]), np.array([2.4, 2.6, 3.1, 3.6, 3.4, np.nan])
    classes = classes_of("mn_valence", truth)
    np.testing.assert_array_equal(classes, [2, 3, 4])
    np.testing.assert_array_equal(nearest_class(value, classes), [2, 3, 3, 4, 3, np.nan])
    metrics = class_metrics(truth, value, classes)
    assert metrics["confusion"] == [[1, 1, 0], [0, 1, 0], [0, 1, 1]]
    assert metrics["accuracy"] == pytest.approx(3 / 5)
    assert metrics["balanced_accuracy"] == pytest.approx((0.5 + 1 + 0.5) / 3)
    whole = property_metrics("mn_valence", truth, value, value - 0.5, value + 0.5)
    assert (whole["labelled"], whole["declined"]) == (6, 1)
    assert whole["accuracy_of_all"] == pytest.approx(3 / 6)
    assert classes_of("mn_valence", np.linspace(2, 4, 50)).size == 0
    np.testing.assert_array_equal(classes_of("mn_valence", np.full(3, 4.0)), [2, 3, 4])
    assert classes_of("li_content", np.full(3, 0.5)).size == 0


def test_the_figures_are_drawn(folder, model, tmp_path):
    results = [evaluate_spectra(folder, None, model, shifts=Shifts(shift)) for shift in (-1.0, 1.0)]
    for name, figure in (("one", plot_evaluation(results[0])), ("two", plot_shifts(results))):
        figure.savefig(tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").stat().st_size > 10_000


def run(*arguments):
    return CliRunner().invoke(evaluate, [str(argument) for argument in arguments])


def test_the_command_counts_what_it_cannot_use_and_goes_on(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    add_row(folder, "nothere.csv,Mn_L,mn_valence,3")
    result = run("--spectra", folder, "--out", out)
    assert result.exit_code == 0, result.output
    assert "24 evaluated, 1 refused" in result.output
    assert {path.name for path in out.iterdir()} == {"predictions.csv", "metrics.json", "evaluation.png"}
    assert run("--spectra", folder, "--strict").exit_code == 1


def test_the_command_prints_accuracy_against_axis_error(folder):
    result = run(
        "--spectra", folder, "--shift", "-1", "--shift", "0", "--random-shift", "0.5", "--axis-uncertainty", "1"
    )
    assert result.exit_code == 0, result.output
    assert "mn_valence against the error of the energy axis" in result.output
    assert "-1.00±0.5" in result.output


def test_nothing_to_evaluate_is_a_failure(tmp_path):
    (tmp_path / "labels.csv").write_text("file,edge,property,value\nnothere.csv,Mn_L,mn_valence,3\n")
    assert run("--spectra", tmp_path).exit_code == 1


def test_measured_manganese_of_a_charged_cathode_is_read(shared_data, model, tmp_path):
    """The authors' extracted Mn edge; its axis is about 11 eV low (SOURCES.md of the data)."""
    (tmp_path / "Mn_edge.msa").write_bytes((shared_data / "nmc_si_doped" / "Mn_edge.msa").read_bytes())
    (tmp_path / "labels.csv").write_text(
        "file,edge,property,value\nMn_edge.msa,Mn L2,mn_valence,4\n".replace("L2", "L23")
    )
    result = evaluate_spectra(tmp_path, None, model, shifts=Shifts(11.0))
    assert result.counts["evaluated"] == 1
    assert 3.0 < result.table["mn_valence"][0] <= 4.0


def test_an_image_that_cannot_be_used_is_counted_and_the_spectra_go_on(folder, tmp_path_factory):
    image = tmp_path_factory.mktemp("images") / "image.dm4"
    image.write_bytes(b"nothing")
    result = run("--spectra", folder, "--image", f"{image}:mn_valence=4")
    assert result.exit_code == 0, result.output
    assert "24 evaluated, 1 refused" in result.output


def test_a_measured_image_is_evaluated(shared_data):
    """Charged lithium-rich NMC, whose manganese is nominally 4+ (SOURCES.md of the data)."""
    image = shared_data / "nmc_si_doped" / "tm_o_core_loss.dm3"
    result = run("--image", f"{image}:mn_valence=4")
    assert result.exit_code == 0, result.output
    assert "16 evaluated, 0 refused" in result.output
    assert "mn_valence" in result.output
