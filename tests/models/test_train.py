import numpy as np
import pytest

from eelsmap import load_library
from eelsmap.errors import RecipeError
from eelsmap.models.evaluation import evaluate_simulated
from eelsmap.models.model_loading import load_model
from eelsmap.models.train import train_model
from eelsmap.models.training_mixtures import group_parents, sample_mixtures

SMALL = {"rows": 500, "alone_rows": 400, "test_rows": 200, "groups": 2}


@pytest.fixture(scope="module")
def library():
    return load_library("nmc")


def test_no_parent_of_the_test_split_is_trained_on(library):
    group_of = group_parents(library, groups=3, seed=0)
    test = {int(parent) for parent, split in zip(library.parent, library.split, strict=True) if split == "test"}
    assert test
    assert not test & set(group_of)


def test_mixtures_stay_inside_one_group_and_weigh_one(library):
    group_of = group_parents(library, groups=3, seed=0)
    mixtures = sample_mixtures(library, group_of, 500, np.random.default_rng(0))
    groups = np.vectorize(group_of.get)(library.parent[mixtures.records])
    assert (groups == mixtures.group[:, None]).all()
    np.testing.assert_allclose(mixtures.weights.sum(axis=1), 1.0)


def test_families_stay_together_in_one_group(library):
    group_of = group_parents(library, groups=3, seed=0)
    groups = {}
    for parent, group in group_of.items():
        groups.setdefault(library.families[parent], set()).add(group)
    assert len(groups) < len(group_of)  # some families have several structures, or nothing was tested
    assert all(len(found) == 1 for found in groups.values())


def test_a_model_is_measured_on_calculated_spectra_only(library):
    model = load_model("nmc")
    parents = set(library.parent[library.split == "test"].tolist())
    filled_in = set(library.parent[(library.split == "test") & (library.origin == "surrogate")].tolist())
    assert filled_in
    metrics = evaluate_simulated(model, library, rows=100)
    assert f"spectra of {len(parents) - len(filled_in)} structures" in metrics["measured_on"]


def test_every_group_holds_defects_and_both_ends_of_lithium(library):
    group_of = group_parents(library, groups=4, seed=0)
    for group in range(4):
        inside = np.array([group_of.get(int(parent)) == group for parent in library.parent])
        lithium = library.labels["li_content"][inside]
        assert lithium.min() <= 0.34
        assert lithium.max() >= 0.66
        assert library.labels["vacancy"][inside].any()
        assert library.labels["antisite"][inside].any()


@pytest.mark.parametrize("few", [{"rows": 10}, {"rows": 0}, {"test_rows": 1}, {"groups": 1}])
def test_too_little_to_hold_anything_out_is_refused(library, tmp_path, few):
    with pytest.raises(RecipeError, match="training: rows"):
        train_model(library, tmp_path / "model", **few)


def test_training_stopped_halfway_ends_with_the_same_bytes(library, tmp_path):
    class StoppedError(Exception):
        pass

    def stop(done, total):
        if done == 20:
            raise StoppedError

    whole = train_model(library, tmp_path / "whole", work=tmp_path / "a", **SMALL)
    with pytest.raises(StoppedError):
        train_model(library, tmp_path / "again", work=tmp_path / "b", progress=stop, **SMALL)
    assert not (tmp_path / "again").exists()
    again = train_model(library, tmp_path / "again", work=tmp_path / "b", **SMALL)
    assert again.sha256 == whole.sha256
    assert (
        again.manifest["metrics"]["overall"]["li_content"]["rmse"]
        < again.manifest["metrics"]["overall"]["li_content"]["truth_std"]
    )
