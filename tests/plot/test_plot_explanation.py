import numpy as np
import pytest

from eelsmap.models.explanation import explain_stack
from eelsmap.models.importance import model_importance
from eelsmap.models.permutation import PermutationImportance, energy_windows
from eelsmap.plot.explanation import plot_explanation
from eelsmap.plot.importance import plot_importance
from tests.models.small_model import small_model, stack


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return small_model(tmp_path_factory.mktemp("small") / "model")


def texts(figure):
    from matplotlib.text import Text

    return " ".join(text.get_text() for text in figure.findobj(Text))


@pytest.mark.parametrize("target", ["li_content", "vacancy_probability"])
def test_an_explanation_shows_value_unit_and_every_edge(model, target):
    explanation = explain_stack(model, stack(), target, axis_uncertainty=0.7)
    figure = plot_explanation(explanation, row=1, footer=["from there"])
    figure.canvas.draw()
    said = texts(figure)
    assert f"{explanation.value[1]:.2f}".replace("-", "\N{MINUS SIGN}") in said
    assert explanation.unit in said
    assert "from there" in said
    for edge in ("O K", "Mn L", "Co L", "Ni L"):
        assert edge in said


def test_bars_of_the_sum_end_at_the_prediction(model):
    explanation = explain_stack(model, stack(), "li_content", axis_uncertainty=0.7)
    axes = plot_explanation(explanation).subfigs[1].axes[-1]
    last = axes.patches[-1]
    ends = (last.get_x(), last.get_x() + last.get_width())
    assert min(abs(end - explanation.value[0]) for end in ends) < 1e-6


def test_an_edge_that_is_not_seen_is_drawn_as_such(model):
    row = int(np.flatnonzero(~stack().seen[:, 0])[0])
    explanation = explain_stack(model, stack(), "li_content", axis_uncertainty=0.7)
    assert "not seen" in texts(plot_explanation(explanation, row=row))


def test_importance_has_a_row_for_each_edge_and_says_what_it_was_measured_on(model):
    windows = energy_windows(model.recipe)
    permutation = PermutationImportance(
        "li_content", "RMSE", 0.1,
        {name: np.linspace(0, 32, len(parts) + 1) for name, parts in windows.items()},
        {name: np.linspace(0, 0.1, len(parts)) for name, parts in windows.items()},
        {**{f"shape {name}": 0.2 for name in windows}, "composition": 0.017},
        0.003, 1234, 2,
    )  # fmt: skip
    importance = model_importance(model, "li_content")
    figure = plot_importance(importance, permutation)
    figure.canvas.draw()
    assert "1234 simulated spectra" in texts(figure)
    assert "composition +0.017" in texts(figure)
    assert len(figure.subfigs[1].axes) == 16
    assert len(plot_importance(importance).subfigs[1].axes) == 8
