import json

import pytest

from eelsmap import cli
from eelsmap.models.bundle import MANIFEST, write_bundle
from eelsmap.models.bundle_check import check_bundle
from tests.models.small_model import small_parts
from tests.models.test_trees import HOSTILE, changed
from tests.run_command import run


@pytest.fixture
def bundle(tmp_path):
    write_bundle(tmp_path / "model", *small_parts())
    return tmp_path / "model"


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    monkeypatch.setitem(cli._ELSEWHERE, "model", "eelsmap.commands.model:model")


def test_a_whole_bundle_passes_every_check(bundle):
    found = list(check_bundle(bundle))
    assert all(item.passed for item in found), found
    said = {item.name: item.said for item in found}
    assert "6 parts" in said["hashes"]
    assert "small 1.0.0: li_content" in said["recipe and properties"]
    assert "12 trees" in said["trees"]
    assert "prediction" in said


def test_checks_end_with_the_first_that_is_not_passed(tmp_path):
    manifest, parts = small_parts()
    hostile = changed(HOSTILE["a child far away"][0])
    write_bundle(tmp_path / "model", manifest, {**parts, "vacancy_probability.ubj": hostile})
    found = list(check_bundle(tmp_path / "model"))
    assert [item.name for item in found if not item.passed] == ["trees"]
    assert found[-1].name == "trees"
    assert "vacancy_probability.ubj: not the trees of a model: a child is not in its tree" in found[-1].said


def test_files_that_are_no_part_are_named(bundle):
    (bundle / "notes.txt").write_text("mine")
    said = {item.name: item.said for item in check_bundle(bundle)}
    assert "not read: notes.txt" in said["hashes"]


def test_the_command_says_what_passed_and_ends_with_a_code(bundle, tmp_path):
    good = run("model", "check", bundle)
    assert good.exit_code == 0, good.output
    assert good.output.count("passed") == 9
    manifest = json.loads((bundle / MANIFEST).read_text())
    (bundle / MANIFEST).write_text(json.dumps({**manifest, "format_version": 7}))
    bad = run("model", "check", bundle)
    assert bad.exit_code == 1
    assert "REFUSED  format" in bad.output
    assert "bundle format 7" in bad.output
    assert run("model", "check", tmp_path / "nothing").exit_code == 1


def test_a_model_is_packed_and_its_card_printed(bundle, tmp_path):
    out = tmp_path / "model.zip"
    assert run("model", "export", bundle, out).exit_code == 0
    assert run("model", "export", bundle, out).exit_code == 1
    assert run("model", "export", bundle, out, "--overwrite").exit_code == 0
    assert run("model", "check", out).exit_code == 0
    assert "# Model `small`" in run("model", "card", out).output
