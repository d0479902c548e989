import json

import pytest

from eelsmap import load_library
from eelsmap.errors import RecipeError
from eelsmap.models import fitting, tuning

optuna = pytest.importorskip("optuna")


@pytest.fixture
def few(monkeypatch):
    """One property a kind, few trees: a search that takes seconds."""
    monkeypatch.setattr(tuning, "KINDS", {"number": ("li_content",), "probability": ("vacancy_probability",)})
    monkeypatch.setattr(tuning, "_START", {kind: {**start, "rounds": 80} for kind, start in tuning._START.items()})
    return {"trials": 2, "rows": 400, "groups": 2}


def test_a_stopped_search_goes_on_and_finds_the_same(tmp_path, few):
    library = load_library("nmc")
    done = []
    whole = tuning.tune(library, tmp_path / "a", progress=lambda number, total: done.append((number, total)), **few)
    assert done[-1] == (4, 4)
    tuning.tune(library, tmp_path / "b", **{**few, "trials": 1})
    again = tuning.tune(library, tmp_path / "b", **few)
    for kind in ("number", "probability"):
        assert whole[kind]["trials"] == again[kind]["trials"] == 2
        assert whole[kind]["first_error"] == pytest.approx(again[kind]["first_error"])
        assert whole[kind]["error"] <= whole[kind]["first_error"]
    assert json.loads((tmp_path / "a" / "tuned.json").read_text()) == json.loads(json.dumps(whole))


def test_another_search_in_the_same_folder_is_refused(tmp_path, few):
    library = load_library("nmc")
    (tmp_path / "search.json").write_text("{}")
    with pytest.raises(RecipeError, match="holds a search with other settings"):
        tuning.tune(library, tmp_path, **few)


def test_trees_are_trained_with_what_was_found():
    assert {"max_depth", "eta", "rounds"} <= set(fitting._TUNED["number"]["parameters"])
    assert fitting.POINT.items() >= fitting._TUNED["number"]["parameters"].items()
    assert fitting.PROBABILITY.items() >= fitting._TUNED["probability"]["parameters"].items()
