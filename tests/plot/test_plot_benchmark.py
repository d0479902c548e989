"""Figures of the comparison: they show what was measured and are drawn from runs with gaps too."""

import pytest

from eelsmap.models.benchmark.plan import JUDGED, PAPERS, SHIFTS_EV, Item
from eelsmap.models.benchmark.results import Results
from eelsmap.models.benchmark.robustness import curve_items
from eelsmap.models.benchmark.tables import COLUMNS, model_item
from eelsmap.plot.benchmark import plot_comparison, plot_floor, plot_robustness


def result_of(*entries):
    results = [{"item": item.to_dict(), "scores": scores, "seconds": 1.0} for item, scores in entries]
    return Results({"library": "nmc", "library_sha256": "0" * 64, "seed": 0, "left_out": [], "results": results})


def drawn_points(axes):
    return {(float(x), float(y)) for line in axes.lines for x, y in zip(*line.get_data(), strict=True)}


def test_every_measured_score_is_a_point():
    scores = {task: {name: 0.5 + place / 100} for place, (task, name, _) in enumerate(COLUMNS)}
    scores["environment"] = {"li_accuracy": 0.51, "metal_accuracy": 0.52}
    other = {task: {name: value / 2 for name, value in found.items()} for task, found in scores.items()}
    figure = plot_comparison(result_of((Item(feature="cwt", **JUDGED), scores), (model_item("ridge"), other)))
    for axes, (task, name, _) in zip(figure.axes[-len(COLUMNS) :], COLUMNS, strict=True):
        xs = {x for x, _ in drawn_points(axes)}
        assert {scores[task][name], other[task][name]} <= xs
        # Published accuracies stand beside the counts and nowhere else.
        assert (0.93 in xs) == (task == "environment")


def test_the_edge_that_noise_hurts_most_has_the_tallest_bar():
    base = {name: 1.0 for _, name, _ in COLUMNS} | {"rmse": 0.1}
    worse = {name: 0.9 for _, name, _ in COLUMNS} | {"rmse": 0.2}
    dummy = {name: 0.5 for _, name, _ in COLUMNS} | {"rmse": 0.6}
    noisy = {task: {**base, "O_K": [base], "Mn_L": [base], "Co_L": [base], "Ni_L": [worse]} for task, *_ in COLUMNS}
    figure = plot_robustness(
        result_of(
            (Item(what="edge_noise", **PAPERS), noisy),
            (Item(model="dummy", **PAPERS), {task: dummy for task, *_ in COLUMNS}),
        )
    )
    bars = next(axes for axes in figure.axes if axes.patches)
    assert max(bar.get_height() for bar in bars.patches) == pytest.approx(20)
    assert [text.get_text() for text in bars.get_legend().get_texts()] == ["O K", "Mn L", "Co L", "Ni L"]


def test_shifts_are_drawn_where_they_were_measured():
    curves = {edge: [1 - abs(shift) / 10 for shift in SHIFTS_EV] for edge in Item().edges}
    by_shift = {"environment": {"by_shift": [{"metal_accuracy": 0.9 - abs(shift) / 20} for shift in SHIFTS_EV]}}
    tasks = ("li_content", "environment")
    figure = plot_robustness(
        result_of(
            (Item(what="correlation", feature="cdf", tasks=(), **PAPERS), curves),
            (Item(what="shift", feature="cdf", tasks=tasks, **PAPERS), by_shift),
        )
    )
    points = [drawn_points(axes) for axes in figure.axes]
    assert any((-5.0, 0.5) in found for found in points)
    assert any((5.0, 0.65) in found for found in points)


def test_the_learning_curve_runs_over_what_was_measured():
    entries = []
    for share, item in curve_items():
        scores = {"rmse": 0.1 / share, "li_accuracy": 0.9, "metal_accuracy": 0.8, "balanced_accuracy": 0.7}
        entries.append((item, {task: {**scores, "parents": round(600 * share)} for task in item.tasks}))
    figure = plot_floor(result_of(*entries))
    lithium = next(axes for axes in figure.axes if axes.get_title(loc="left") == "Li RMSE")
    assert {(600.0, 0.1), (300.0, 0.2)} <= drawn_points(lithium)


def test_a_run_without_anything_can_be_drawn():
    for draw in (plot_comparison, plot_robustness, plot_floor):
        assert draw(result_of()).axes
