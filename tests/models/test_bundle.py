import json
import shutil
import zipfile

import pytest

from eelsmap.errors import BundleError, UnknownModelError
from eelsmap.models import bundle as bundles
from eelsmap.models import load_model, shipped_models

SHIPPED = bundles._SHIPPED / "nmc"


@pytest.fixture
def copy(tmp_path):
    return shutil.copytree(SHIPPED, tmp_path / "copy")


def edit(folder, change):
    manifest = json.loads((folder / bundles.MANIFEST).read_text())
    change(manifest)
    (folder / bundles.MANIFEST).write_text(json.dumps(manifest))


def test_nmc_is_shipped_and_says_what_it_is():
    assert "nmc" in shipped_models()
    model = load_model("nmc")
    assert model.name == "nmc"
    assert "simulated" in model.card
    assert "not on measured spectra" in model.card
    assert model.manifest["library"]["sha256"]
    assert len(model.sha256) == 64


def test_a_zip_is_the_same_model(copy, tmp_path):
    archive = tmp_path / "model.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for part in copy.iterdir():
            file.write(part, part.name)
    assert load_model(archive).sha256 == load_model("nmc").sha256


def test_an_unknown_name_lists_what_there_is():
    with pytest.raises(UnknownModelError, match=r"no model named 'lfp'.*there is: nmc"):
        load_model("lfp")


def test_a_changed_part_is_refused(copy):
    part = copy / "li_content.ubj"
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.write_bytes(content)
    with pytest.raises(BundleError, match=r"li_content\.ubj does not match its hash"):
        load_model(copy)


@pytest.mark.parametrize("part", ["li_content.ubj", "calibration.json", "manifest.json"])
def test_a_missing_part_is_refused(copy, part):
    (copy / part).unlink()
    with pytest.raises(BundleError, match=part):
        load_model(copy)


def test_another_format_version_is_refused(copy):
    edit(copy, lambda manifest: manifest.update(format_version=99))
    with pytest.raises(BundleError, match="bundle format 99"):
        load_model(copy)


@pytest.mark.parametrize("name", ["../evil.ubj", "/etc/passwd", "a/b.ubj", ".hidden", "..\\evil"])
def test_a_part_that_points_elsewhere_is_refused(copy, name):
    edit(copy, lambda manifest: manifest["sha256"].update({name: "0" * 64}))
    with pytest.raises(BundleError, match="not a plain file name"):
        load_model(copy)


def test_a_link_is_refused(copy, tmp_path):
    outside = tmp_path / "outside"
    outside.write_bytes((copy / "card.md").read_bytes())
    (copy / "card.md").unlink()
    (copy / "card.md").symlink_to(outside)
    with pytest.raises(BundleError, match=r"card\.md is a link"):
        load_model(copy)


@pytest.mark.parametrize("content", [b"", b"not json", b"[]", b'{"format_version": 1}'])
def test_a_garbled_manifest_is_refused(copy, content):
    (copy / bundles.MANIFEST).write_bytes(content)
    with pytest.raises(BundleError):
        load_model(copy)


def test_trees_that_do_not_fit_the_recipe_are_refused(copy):
    def fewer_features(manifest):
        manifest["recipe"]["features"]["stride"] = 2

    edit(copy, fewer_features)
    with pytest.raises(BundleError, match="but the recipe makes"):
        load_model(copy)


def test_a_file_that_is_no_bundle_is_refused(tmp_path):
    path = tmp_path / "text.zip"
    path.write_text("hello")
    with pytest.raises(BundleError, match="no complete model bundle"):
        load_model(path)
