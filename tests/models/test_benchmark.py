import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from eelsmap import load_library
from eelsmap.commands.benchmark import benchmark
from eelsmap.edges import NMC_EDGES
from eelsmap.errors import EelsmapError, LibraryError
from eelsmap.models.benchmark import plan as plans
from eelsmap.models.benchmark.aims import aim_rows
from eelsmap.models.benchmark.estimators import MODELS, Effort, Training, missing_package
from eelsmap.models.benchmark.measure import Measurement
from eelsmap.models.benchmark.pipelines import FEATURES, REDUCTIONS
from eelsmap.models.benchmark.plan import JUDGED, PAPERS, Item, plan
from eelsmap.models.benchmark.report import benchmark_page
from eelsmap.models.benchmark.results import Results
from eelsmap.models.benchmark.run import run_benchmark
from eelsmap.models.benchmark.scores import balanced_accuracy, count_accuracy
from eelsmap.models.benchmark.spectra import CHANNELS, Condition, add_relative_noise, edge_windows
from eelsmap.models.benchmark.splits import split_records
from eelsmap.models.benchmark.tasks import TASKS

SMALL = Effort(Training(2, 20, 0.2), Training(1, 20, 0.2))
counts = arrays(np.int64, (6, 3), elements=st.integers(0, 3))


@pytest.fixture(scope="module")
def library():
    return load_library("nmc")


def tiny(**changes):
    """Return an item of few structures."""
    return Item(**{"tasks": ("li_content", "vacancy"), "effort": SMALL, "family_share": 0.15, **JUDGED, **changes})


def test_windows_without_noise_are_repeatable_and_their_mean_is_one(library):
    records = np.flatnonzero(library.kind == "structure")[:20]
    clean = Condition(counts=None, shift=0.0)
    one, other = (edge_windows(library, records, clean, np.random.default_rng(seed)) for seed in (0, 1))
    np.testing.assert_array_equal(one, other)
    for column, edge in enumerate(NMC_EDGES.names):
        absent = np.isnan(library.spectra[edge][records, 0])
        np.testing.assert_allclose(one[~absent, column].mean(axis=1), 1, rtol=1e-5)
        np.testing.assert_allclose(one[absent, column], 0.1)


def test_noise_is_that_of_the_stated_counts(library):
    record = np.flatnonzero((library.kind == "structure") & (library.atoms["Co"] == 0))[0]
    records = np.full(600, record)
    noisy = edge_windows(library, records, Condition(1e4, 0.0), np.random.default_rng(0))
    clean = edge_windows(library, records[:1], Condition(None, 0.0), np.random.default_rng(0))[0]
    oxygen = noisy[:, 0] * (1e4 / CHANNELS)
    assert oxygen.var(axis=0).sum() == pytest.approx(1e4, rel=0.05)
    np.testing.assert_allclose(oxygen.mean(axis=0), clean[0] * (1e4 / CHANNELS), atol=2.5)
    absent = noisy[:, NMC_EDGES.index("Co_L")]
    assert absent.mean() == pytest.approx(0.1, rel=0.001)
    assert absent.std() / absent.mean() == pytest.approx(0.02, rel=0.02)


@pytest.mark.parametrize("offset", [-3.0, 2.0])
def test_an_offset_moves_every_edge_by_as_much(library, offset):
    records = np.flatnonzero((library.kind == "structure") & (library.atoms["Ni"] > 1))[:5]
    still, moved = (
        edge_windows(library, records, Condition(None, 0.0, value), np.random.default_rng(0))[:, 3]
        for value in (0.0, offset)
    )
    assert (moved.argmax(axis=1) - still.argmax(axis=1)) * 0.25 == pytest.approx(offset, abs=0.26)


def test_noise_on_one_edge_leaves_the_others(library):
    records = np.flatnonzero(library.kind == "structure")[:50]
    clean = edge_windows(library, records, Condition(None, 0.0), np.random.default_rng(0))
    noisy = add_relative_noise(clean, 2, 0.02, np.random.default_rng(0))
    np.testing.assert_array_equal(noisy[:, [0, 1, 3]], clean[:, [0, 1, 3]])
    mean = clean[:, 2].mean(axis=1, keepdims=True)
    relative = (noisy[:, 2] - clean[:, 2]) / np.sqrt(clean[:, 2] * mean)
    assert relative.std() == pytest.approx(0.02, rel=0.03)


@pytest.mark.parametrize("split", ["families", "records"])
@pytest.mark.parametrize("kind", ["structure", "environment"])
def test_sides_share_no_record_and_no_surrogate_judges(library, split, kind):
    sides = split_records(library, kind, split, seed=0)
    assert not set(sides.train) & set(sides.judge)
    assert not (library.origin[sides.judge] == "surrogate").any()
    assert not (library.split[np.concatenate(sides)] == "reference").any()
    families = [{library.families[parent] for parent in library.parent[side]} for side in sides]
    assert bool(families[0] & families[1]) == (split == "records")


def test_a_library_that_cannot_be_split_is_refused(library):
    everything_trains = replace(library, split=np.where(library.split == "test", "train", library.split))
    with pytest.raises(LibraryError, match="leaves 916 structure records to train and 0 to judge"):
        split_records(everything_trains, "structure", "families", seed=0)


@given(counts, counts)
def test_count_accuracy_is_the_papers_definition(truth, predicted):
    tp = fp = fn = tn = 0
    for there, said in zip(truth.ravel(), predicted.ravel(), strict=True):
        tp += min(there, said)
        fp += max(said - there, 0)
        fn += max(there - said, 0)
        tn += there == 0 and said == 0
    assert count_accuracy(truth, predicted) == pytest.approx((tp + tn) / (tp + tn + fp + fn))
    assert count_accuracy(truth, truth) == 1


def test_balanced_accuracy_counts_every_class_the_same():
    truth = np.array([2.0] * 98 + [3.0, 4.0])
    assert balanced_accuracy(truth, np.full(100, 2.0)) == pytest.approx(1 / 3)
    assert balanced_accuracy(truth, truth) == 1


def test_truth_scores_best_and_lithium_rich_counts_as_full(library):
    rows = np.flatnonzero(library.kind == "environment")[::40]
    for task in TASKS.values():
        truth = task.truth(library, rows)
        scores = task.scores(truth, truth)
        assert all(
            value == (0 if name.endswith("rmse") else 1) for name, value in scores.items() if name != "positives"
        )
    assert TASKS["li_content"].truth(library, np.arange(len(library))).max() == 1


@pytest.mark.parametrize("name", list(MODELS))
def test_every_model_learns_what_the_mean_does_not_know(name):
    if missing_package(MODELS[name].package):
        pytest.skip(f"needs {MODELS[name].package}")
    random = np.random.default_rng(0)
    height = random.uniform(0, 1, (240, 2))
    energy = np.arange(CHANNELS)
    windows = sum(height[:, [k], None] * np.exp(-0.5 * ((energy - 30 - 50 * k) / 5) ** 2) for k in (0, 1))
    rows = windows.reshape(240, -1).astype(np.float32)
    labels = np.stack([height[:, 0], height[:, 0] + height[:, 1]], axis=1)
    labels[::7, 1] = np.nan
    model = MODELS[name].make(SMALL.structure, 0)
    model.fit(rows[:160], labels[:160], False)
    error = np.sqrt(np.nanmean((model.predict(rows[160:]) - labels[160:]) ** 2, axis=0)) / np.nanstd(labels, axis=0)
    assert (error > 0.9).all() if name == "dummy" else (error < 0.5).all()

    rare = (height[:, :1] > 0.8).astype(float)
    model = MODELS[name].make(SMALL.structure, 0)
    model.fit(rows[:160], rare[:160], True)
    said = model.predict(rows[160:])[:, 0] > 0.5
    if name != "dummy":
        assert balanced_accuracy(rare[160:, 0], said.astype(float)) > 0.8


def test_the_plan_holds_every_feature_reduction_and_model_under_both_conditions(monkeypatch):
    monkeypatch.setattr(plans, "missing_package", lambda name: False)
    items = plan()
    assert len(items) == len(set(items))
    for setting in (PAPERS, JUDGED):
        for names, field in ((FEATURES, "feature"), (REDUCTIONS, "reduction"), (MODELS, "model")):
            ran = {getattr(item, field) for item in items if item.what == "scores" and item.split == setting["split"]}
            assert ran == set(names)
    assert {item.what for item in items} == {"scores", "edge_noise", "shift", "correlation"}
    everything = plan(full=True)
    assert set(items) <= set(everything)
    assert all(item.feature == "intensity" and item.reduction == "none" for item in everything if item.model == "cnn")


def test_what_needs_a_missing_package_is_left_out_and_named(monkeypatch):
    monkeypatch.setattr(plans, "missing_package", lambda name: name in ("torch", "lightgbm"))
    items = plan(full=True)
    assert not any(item.model in ("cnn", "lightgbm") or item.reduction == "autoencoder" for item in items)
    assert plans.left_out() == [
        "LightGBM (needs lightgbm)",
        "1-D CNN (needs torch)",
        "autoencoder, as many (needs torch)",
    ]


def test_one_wrong_setting_is_another_item():
    items = [tiny(), tiny(seed=1), tiny(shares=True), tiny(condition=Condition(counts=2e4)), tiny(edges=("O_K",))]
    assert len({item.key("library") for item in items} | {items[0].key("other library")}) == len(items) + 1


def test_a_run_that_was_stopped_goes_on_and_ends_the_same(library, tmp_path, monkeypatch):
    items = [tiny(), tiny(**PAPERS, reduction="pca_3"), tiny(edges=("Mn_L",), shares=True, tasks=("li_content",))]
    measured = []
    whole = Measurement.of

    def counted(self, item):
        if len(measured) == 2:
            raise KeyboardInterrupt
        measured.append(item)
        return whole(self, item)

    monkeypatch.setattr(Measurement, "of", counted)
    with pytest.raises(KeyboardInterrupt):
        run_benchmark(library, tmp_path, items=items)
    monkeypatch.setattr(Measurement, "of", lambda self, item: measured.append(item) or whole(self, item))
    result = run_benchmark(library, tmp_path, items=items)
    assert measured == items
    assert json.loads((tmp_path / "benchmark.json").read_text()) == result
    assert result["results"][0]["scores"] == Measurement(library).of(items[0])
    for entry in result["results"]:
        assert 0 < entry["scores"]["li_content"]["rmse"] < 0.4  # the mean of the labels leaves 0.35
    assert result["results"][1]["scores"]["li_content"]["features"] == 3


def test_noise_shift_and_correlation_say_what_each_edge_and_shift_does(library):
    measurement = Measurement(library)
    noisy = measurement.of(tiny(what="edge_noise", tasks=("li_content",), **PAPERS))["li_content"]
    assert all(len(noisy[edge]) == 10 for edge in NMC_EDGES.names)
    assert len({scores["rmse"] for scores in noisy["Ni_L"]}) > 1
    shifted = measurement.of(tiny(what="shift", feature="intensity", tasks=("li_content",), **PAPERS))["li_content"]
    errors = [scores["rmse"] for scores in shifted["by_shift"]]
    assert errors[5] == shifted["rmse"]
    assert min(errors[0], errors[-1]) > errors[5]
    correlation = {
        name: measurement.of(Item(what="correlation", feature=name, tasks=(), **PAPERS))
        for name in ("cdf", "intensity")
    }
    for edge in NMC_EDGES.names:
        assert correlation["cdf"][edge][5] == 1
        assert correlation["cdf"][edge][0] > correlation["intensity"][edge][0]


@pytest.fixture(scope="module")
def made_up():
    """Results of the whole plan with scores that say which item and which score they are."""
    random = np.random.default_rng(0)

    def scores(item):
        numbers = {name: round(float(random.uniform(0.7, 1)), 5) for name in
                   ("rmse", "li_accuracy", "metal_accuracy", "balanced_accuracy", "auroc")}  # fmt: skip
        numbers["rmse"] /= 10
        return {**numbers, "families": 100, "parents": int(600 * item.family_share), "train": 700, "judge": 49}

    def of(item):
        if item.what == "correlation":
            return {edge: [1 - abs(shift) / 10 for shift in plans.SHIFTS_EV] for edge in item.edges}
        result = {name: scores(item) for name in item.tasks}
        for task in result.values():
            if item.what == "edge_noise":
                task.update({edge: [scores(item) for _ in range(3)] for edge in item.edges})
            if item.what == "shift":
                task["by_shift"] = [scores(item) for _ in plans.SHIFTS_EV]
        return result

    results = [{"item": item.to_dict(), "scores": of(item), "seconds": 1.0} for item in plan()]
    return {"library": "nmc", "library_sha256": "0" * 64, "eelsmap_version": "0", "seed": 0, "left_out": [],
            "results": results}  # fmt: skip


def test_the_page_prints_what_was_measured(made_up):
    page = benchmark_page(Results(made_up))
    for entry in made_up["results"]:
        if entry["item"]["what"] == "scores":
            for task in ("li_content", "environment"):
                scores = entry["scores"].get(task, {})
                for name in ("rmse",) if task == "li_content" else ("li_accuracy", "metal_accuracy"):
                    assert f"{scores[name]:.3f}" in page
    assert "Nothing was left out" in page
    assert "![" not in page
    assert "(images/benchmark_floor.png)" in benchmark_page(Results(made_up), figures="images/")


def test_the_page_of_a_run_with_gaps_leaves_rows_out(made_up):
    kept = [entry for entry in made_up["results"] if entry["item"]["model"] not in ("cnn", "lightgbm")]
    page = benchmark_page(Results({**made_up, "results": kept, "left_out": ["1-D CNN (needs torch)"]}))
    assert "**Left out for want of a package:** 1-D CNN (needs torch)." in page
    assert not any(line.startswith(("| 1-D CNN", "| LightGBM")) for line in page.splitlines())
    assert "## The judged figures" not in benchmark_page(Results({**made_up, "results": []}))


def test_aims_are_compared_in_the_right_direction(made_up):
    def rows(lithium, counted):
        results = json.loads(json.dumps(made_up))
        for entry in results["results"]:
            for name, scores in entry["scores"].items():
                if name == "li_content":
                    scores["rmse"] = lithium * (1 if len(entry["item"]["edges"]) > 1 else 2)
                if name == "environment":
                    scores["metal_accuracy"] = counted
        return {row.title: row for row in aim_rows(Results(results))}

    good, bad = rows(0.04, 0.95), rows(0.06, 0.9)
    for title in ("Li content, RMSE", "counts of metals, accuracy"):
        assert good[title].reached
        assert not good[title].reason
        assert not bad[title].reached
        assert bad[title].reason
    assert good["Li content, RMSE over that of the best edge"].value == pytest.approx(0.5)


def test_the_command_prints_and_draws_a_result(made_up, tmp_path):
    path = tmp_path / "given.json"
    path.write_text(json.dumps(made_up))
    done = CliRunner().invoke(
        benchmark, ["--from", str(path), "--out", str(tmp_path / "out"), "--docs", str(tmp_path / "docs")]
    )
    assert done.exit_code == 0, done.output
    figures = {f"benchmark_{name}.png" for name in ("comparison", "robustness", "floor")}
    written = {"benchmark.md", "benchmark.json"}
    assert {file.name for file in (tmp_path / "out").iterdir()} == written | figures
    assert {file.name for file in (tmp_path / "docs").iterdir()} == written | {"images"}
    assert {file.name for file in (tmp_path / "docs" / "images").iterdir()} == figures
    assert json.loads((tmp_path / "docs" / "benchmark.json").read_text()) == made_up
    page = (tmp_path / "docs" / "benchmark.md").read_text()
    assert page.count("](images/benchmark_") == len(figures)
    table = [line for line in page.splitlines() if line.startswith("|")]
    assert all(line in done.output for line in table)


def test_a_file_that_is_no_result_is_refused(tmp_path):
    path = tmp_path / "other.json"
    path.write_text('{"results": 3}')
    refused = CliRunner().invoke(benchmark, ["--from", str(path), "--out", str(path)])
    assert "is not a folder" in str(refused.exception)
    with pytest.raises(EelsmapError, match=r"other\.json: not a result of `eelsmap benchmark`"):
        Results.read(path)
