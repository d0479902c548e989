import io
import json
import os
import shutil
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from eelsmap.errors import BundleError, UnknownModelError
from eelsmap.features import feature_matrix
from eelsmap.models import bundle as bundles
from eelsmap.models import bundle_files, load_model, shipped_models, strict_json
from eelsmap.models.array_archive import read_arrays
from eelsmap.models.bundle import export_bundle, read_bundle, refuse_existing_bundle, write_bundle
from eelsmap.models.bundle_content import bundle_content
from eelsmap.recipe import Recipe
from tests.models.small_model import small_parts, stack
from tests.models.test_trees import HOSTILE, changed


@pytest.fixture
def copy(tmp_path):
    """Folder of a small bundle that a test may spoil."""
    write_bundle(tmp_path / "copy", *small_parts())
    return tmp_path / "copy"


def edit(folder, change):
    manifest = json.loads((folder / bundles.MANIFEST).read_text())
    change(manifest)
    (folder / bundles.MANIFEST).write_text(json.dumps(manifest))


def load(path):
    """Read and check a bundle, as load_model does."""
    manifest, parts, _ = read_bundle(path)
    return bundle_content(manifest, parts, str(path))


def packed(folder, path, **more):
    """Zip of a bundle folder, with further entries."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in folder.iterdir():
            archive.write(part, part.name)
        for name, content in more.items():
            archive.writestr(name, content)
    return path


def test_nmc_is_shipped_and_says_what_it_is():
    assert "nmc" in shipped_models()
    model = load_model("nmc")
    assert model.name == "nmc"
    assert "simulated" in model.card
    assert "not on measured spectra" in model.card
    assert model.manifest["library"]["sha256"]
    assert len(model.sha256) == 64


def test_a_small_model_loads_and_answers(copy):
    model = load_model(copy)
    values = model.predict_stack(stack(), axis_uncertainty=0.7)
    assert np.isfinite(values[:, 0]).all()


def test_loading_writes_nothing_and_imports_no_pickle(copy):
    before = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in copy.iterdir()}
    code = (
        "import sys, pickle\n"
        "def refuse(*a, **k): raise SystemExit('unpickled')\n"
        "pickle.load = pickle.loads = pickle.Unpickler = refuse\n"
        "from eelsmap.models.bundle import read_bundle\n"
        "from eelsmap.models.bundle_content import bundle_content\n"
        "manifest, parts, _ = read_bundle(sys.argv[1])\n"
        "print(sorted(bundle_content(manifest, parts, 'here').boosters))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(copy)], capture_output=True, text=True, check=False, cwd=copy
    )
    assert "li_content_spread" in done.stdout, done.stderr
    assert {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in copy.iterdir()} == before


def test_a_zip_is_the_same_model_and_always_the_same_bytes(copy, tmp_path):
    first, second = tmp_path / "a.zip", tmp_path / "b.zip"
    identity = export_bundle(copy, first)
    export_bundle(first, second)
    assert first.read_bytes() == second.read_bytes()
    assert read_bundle(first)[2] == read_bundle(copy)[2] == identity
    assert load(first).targets == load(copy).targets


def test_an_export_replaces_nothing_unasked(copy, tmp_path):
    out = tmp_path / "model.zip"
    out.write_text("mine")
    with pytest.raises(BundleError, match=r"model\.zip: exists; pass --overwrite"):
        export_bundle(copy, out)
    assert out.read_text() == "mine"
    export_bundle(copy, out, overwrite=True)
    assert zipfile.is_zipfile(out)


def test_a_training_replaces_nothing_unasked(copy, tmp_path):
    refuse_existing_bundle(tmp_path / "new")
    (tmp_path / "empty").mkdir()
    refuse_existing_bundle(tmp_path / "empty")
    with pytest.raises(BundleError, match="copy: holds a model already"):
        refuse_existing_bundle(copy)
    refuse_existing_bundle(copy, overwrite=True)
    (tmp_path / "empty" / "thesis.tex").write_text("years of work")
    with pytest.raises(BundleError, match="files that are no model"):
        refuse_existing_bundle(tmp_path / "empty", overwrite=True)
    with pytest.raises(BundleError, match="is not a folder"):
        refuse_existing_bundle(tmp_path / "empty" / "thesis.tex", overwrite=True)


def test_numbers_that_are_not_finite_are_written_as_null(tmp_path):
    manifest, parts = small_parts()
    write_bundle(tmp_path / "model", {**manifest, "metrics": {"overall": {"li_content": {"rmse": np.nan}}}}, parts)
    assert read_bundle(tmp_path / "model")[0]["metrics"]["overall"]["li_content"]["rmse"] is None
    load(tmp_path / "model")


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


@pytest.mark.parametrize("part", ["calibration.json", "novelty.npz", "card.md"])
def test_a_part_that_the_manifest_does_not_list_is_missing(copy, part):
    edit(copy, lambda manifest: manifest["sha256"].pop(part))
    with pytest.raises(BundleError, match=f"lacks {part}"):
        load(copy)


@pytest.mark.parametrize(
    ("version", "words"),
    [
        (99, r"bundle format 99, made by eelsmap '0\.1\.0', but this eelsmap reads format 1; update eelsmap"),
        (0, "bundle format 0.*train the model again"),
        ("1", "states no format_version"),
        (True, "states no format_version"),
        (1.0, "states no format_version"),
        (None, "states no format_version"),
    ],
)
def test_another_format_version_is_refused(copy, version, words):
    edit(copy, lambda manifest: manifest.update(format_version=version))
    with pytest.raises(BundleError, match=words):
        load_model(copy)


def test_the_same_recipe_makes_the_features_that_this_format_means():
    # When this fails, models of before read other features than they learned: raise FORMAT_VERSION and train again.
    assert bundles.FORMAT_VERSION == 1
    recipe = Recipe.from_dict({**Recipe().to_dict(), "features": {**FEATURES_OF_FORMAT_1}})
    table = feature_matrix(stack(rows=3, seed=1), recipe, axis_uncertainty=0.7)
    found = [np.nanmean(table), *table[0, [0, 20, 100, -20, -1]]]
    np.testing.assert_allclose(found, VALUES_OF_FORMAT_1, rtol=1e-4)


FEATURES_OF_FORMAT_1 = {"kind": "cdf", "edges": [], "stride": 4, "aligned": True, "relative_intensity": True}
VALUES_OF_FORMAT_1 = [7.34586, 0.0021987, 0.591293, 0.636632, -0.000968337, 0.7]


@pytest.mark.parametrize(
    "name", ["../evil.ubj", "/etc/passwd", "a/b.ubj", ".hidden.md", "..\\evil.md", "", "a\nb.md", "é.md", "a" * 200]
)
def test_a_part_that_points_elsewhere_is_refused(copy, name):
    edit(copy, lambda manifest: manifest["sha256"].update({name: "0" * 64}))
    with pytest.raises(BundleError, match="not a plain file name"):
        load_model(copy)
    manifest, parts = small_parts()
    with pytest.raises(BundleError, match="not a plain file name"):
        write_bundle(copy, manifest, {**parts, name: b""})


@pytest.mark.parametrize("name", ["model.pkl", "run.py", "manifest.json", "tree"])
def test_kinds_of_files_that_no_bundle_has_are_refused(copy, name):
    edit(copy, lambda manifest: manifest["sha256"].update({name: "0" * 64}))
    with pytest.raises(BundleError, match="is no part of a bundle"):
        load(copy)


def test_a_link_is_refused(copy, tmp_path):
    outside = tmp_path / "outside"
    outside.write_bytes((copy / "card.md").read_bytes())
    (copy / "card.md").unlink()
    (copy / "card.md").symlink_to(outside)
    with pytest.raises(BundleError, match=r"card\.md is a link"):
        load_model(copy)


def test_the_folder_itself_may_be_reached_through_a_link(copy, tmp_path):
    (tmp_path / "current").symlink_to(copy)
    assert load(tmp_path / "current").targets


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_a_pipe_keeps_nobody_waiting(copy, tmp_path):
    (copy / "card.md").unlink()
    os.mkfifo(copy / "card.md")
    with pytest.raises(BundleError, match="no plain file"):
        load(copy)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BundleError, match="neither a folder nor a file"):
        load(tmp_path / "pipe")


def test_a_folder_as_a_part_is_refused(copy):
    (copy / "card.md").unlink()
    (copy / "card.md").mkdir()
    with pytest.raises(BundleError, match=r"card\.md"):
        load(copy)


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_absurd_sizes_are_refused_before_they_are_read(copy, tmp_path, monkeypatch, kind):
    path = copy if kind == "folder" else packed(copy, tmp_path / "model.zip")
    monkeypatch.setattr(bundle_files, "LARGEST_PART", 4000)
    with pytest.raises(BundleError, match="larger than"):
        load(path)
    monkeypatch.setattr(bundle_files, "LARGEST_PART", 2**20)
    monkeypatch.setattr(bundle_files, "LARGEST_BUNDLE", 20_000)
    with pytest.raises(BundleError, match="larger than"):
        load(path)


def test_a_zip_that_swells_is_refused(copy, tmp_path):
    bomb = packed(copy, tmp_path / "bomb.zip", **{"zeros.npz": b"\0" * (65 * 2**20)})
    assert bomb.stat().st_size < 2**20
    with pytest.raises(BundleError, match="larger than 64 MiB"):
        load(bomb)


def test_a_zip_that_states_less_than_it_holds_gives_no_more_than_it_states(copy, tmp_path):
    content = packed(copy, tmp_path / "model.zip").read_bytes()
    size = struct.pack("<L", (copy / "novelty.npz").stat().st_size)
    assert content.count(size) == 2
    (tmp_path / "liar.zip").write_bytes(content.replace(size, struct.pack("<L", 100)))
    with pytest.raises(BundleError, match=r"novelty\.npz"):
        load(tmp_path / "liar.zip")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_in_a_zip_twice_is_refused(copy, tmp_path):
    with pytest.raises(BundleError, match=r"'card\.md' is in the zip twice"):
        load(packed(copy, tmp_path / "model.zip", **{"card.md": b"another"}))


def test_a_link_in_a_zip_is_refused(copy, tmp_path):
    path = packed(copy, tmp_path / "model.zip")
    with zipfile.ZipFile(path, "a") as archive:
        entry = zipfile.ZipInfo("more.md")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(BundleError, match="is a link"):
        load(path)


def test_other_packings_too_many_files_and_ends_are_refused(copy, tmp_path):
    slow = tmp_path / "slow.zip"
    with zipfile.ZipFile(slow, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("manifest.json", "{}")
    with pytest.raises(BundleError, match="not packed by deflate"):
        load(slow)
    with pytest.raises(BundleError, match="lists 306 files"):
        load(packed(copy, tmp_path / "many.zip", **{f"{number}.md": b"" for number in range(299)}))
    after = tmp_path / "after.zip"
    after.write_bytes(packed(copy, tmp_path / "model.zip").read_bytes() + b"more")
    with pytest.raises(BundleError, match="plain zip"):
        load(after)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"not json", b"[]", b'{"format_version": 1}', b"null", b"\xff\xfe", b'{"format_version": 1, "sha256": []}',
        b"[" * 100_000, b'{"a":' * 100_000, b'{"format_version": NaN}', b'{"format_version": 1e999}',
        b'{"format_version": 1, "format_version": 1, "sha256": {}}', b'{"format_version": ' + b"9" * 10_000 + b"}",
        b'{"format_version": 1, "sha256": {"card.md": 5}}', b'{"format_version": 1, "sha256": {}}',
    ],
)  # fmt: skip
def test_a_garbled_manifest_is_refused(copy, content):
    (copy / bundles.MANIFEST).write_bytes(content)
    with pytest.raises(BundleError):
        load_model(copy)


def test_a_manifest_of_absurd_size_is_refused(copy, monkeypatch):
    monkeypatch.setattr(strict_json, "_LONGEST", 100)
    with pytest.raises(BundleError, match="cannot be trusted"):
        load(copy)


def at(path, value):
    """Change of one entry of the manifest, deep inside."""

    def change(manifest):
        *way, last = path
        for key in way:
            manifest = manifest[key]
        manifest[last] = value

    return change


EDGES = ("recipe", "edge_set", "edges")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (at(["name"], 5), "name is not a text"),
        (at(["name"], "a\x1b[2J"), "control characters"),
        (at(["limits"], "\x1b]0;evil\x07"), "control characters"),
        (at(["version"], "newest"), "is not like 1.2.3"),
        (at(["version"], ["1"]), "version is not a text"),
        (at(["targets"], "li_content"), "targets is not a list"),
        (at(["targets"], ["voltage"]), "unknown properties voltage"),
        (at(["targets"], []), "none or come twice"),
        (at(["targets"], ["li_content"] * 2), "none or come twice"),
        (at(["targets"], [{}]), "is not a text"),
        (at(["metrics"], []), "metrics is not an object"),
        (at(["metrics"], {"overall": {"li_content": {"rmse": "low"}}}), "metrics hold something else"),
        (at(["metrics"], {"overall": [1]}), "metrics hold something else"),
        (at(["recipe"], None), "recipe is not an object"),
        (at(["recipe"], {}), "another version"),
        (at(["recipe", "surprise"], 1), "unknown 'surprise'"),
        (at(["recipe", "features", "stride"], "1"), "not a whole number"),
        (at(["recipe", "features", "stride"], 10**6), "leaves no point"),
        (at(["recipe", "features", "edges"], ["Mn_L", "Mn_L"]), "an edge twice"),
        (at(["recipe", "features", "edges"], ["Xx_K"]), "no edge 'Xx_K'"),
        (at(["recipe", "features", "relative_intensity"], 1), "not true or false"),
        (at(["recipe", "edge_set", "points"], 10**9), "not a whole number|points an edge"),
        (at(["recipe", "edge_set", "points"], 10**5), "points an edge"),
        (at(["recipe", "edge_set", "edges"], []), "at least one edge"),
        (at([*EDGES, 0, "name"], "Zz_K"), "knows no edge 'Zz_K'"),
        (at([*EDGES, 0, "lines"], []), "lines or energies"),
        (at([*EDGES, 0, "onset"], -1e8), "lines or energies"),
        (at([*EDGES, 0, "near_edge"], [1.0]), "another version"),
        (at([*EDGES, 0, "lines", 0, "width"], 0), "without width"),
        (at([*EDGES, 0, "lines", 0], 3), "is not an object"),
    ],
)
def test_a_manifest_that_says_what_no_model_can_is_refused(copy, change, words):
    edit(copy, change)
    with pytest.raises(BundleError, match=words):
        load(copy)


def with_part(name, content):
    """The small bundle with another part, and its hash."""
    manifest, parts = small_parts()
    return bundle_content(manifest, {**parts, name: content}, "here")


NUMBER = {"boundaries": [1.0], "factors": [1.5, 2.0], "confidence": 0.9}
PROBABILITY = {"score": [0, 1], "lower": [0, 0.1], "value": [0.1, 0.2], "upper": [0.2, 0.3]}


@pytest.mark.parametrize(
    ("numbers", "probabilities", "words"),
    [
        ([], {}, "something else than calibrations"),
        ({"li_content": 5}, {}, "something else than calibrations"),
        ({"li_content": {}}, {}, "does not hold just boundaries"),
        ({"li_content": {**NUMBER, "factors": [1.0]}}, {}, "do not fit the factors"),
        ({"li_content": {**NUMBER, "factors": ["1", "2"]}}, {}, "finite numbers"),
        ({"li_content": {**NUMBER, "factors": [1.0, -2.0]}}, {}, "negative"),
        ({"li_content": {**NUMBER, "factors": [1.0, 1e300]}}, {}, "finite numbers"),
        ({"li_content": {**NUMBER, "boundaries": "1"}}, {}, "finite numbers"),
        ({"li_content": {**NUMBER, "boundaries": [2, 1], "factors": [1, 1, 1]}}, {}, "do not ascend"),
        ({"li_content": {**NUMBER, "confidence": 2}}, {}, "between 0 and 1"),
        ({}, {"vacancy_probability": {**PROBABILITY, "score": [1, 0]}}, "does not ascend"),
        ({}, {"vacancy_probability": {**PROBABILITY, "value": [0.1]}}, "not|or more"),
        ({}, {"vacancy_probability": {**PROBABILITY, "upper": [0.2, 3]}}, "between 0 and 1"),
        ({}, {"vacancy_probability": {**PROBABILITY, "lower": [0.15, 0.1]}}, "outside its interval"),
    ],
)
def test_a_calibration_that_makes_no_sense_is_refused(numbers, probabilities, words):
    content = json.dumps({"numbers": numbers, "probabilities": probabilities}).encode()
    with pytest.raises(BundleError, match=words):
        with_part("calibration.json", content)


def archive(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def novelty_arrays(**changes):
    arrays = read_arrays(small_parts()[1]["novelty.npz"], "novelty.npz")
    return archive(**{**arrays, **changes})


def huge_header(shape):
    """An npz whose array states a shape that its bytes do not fill."""
    array = io.BytesIO()
    np.lib.format.write_array_header_1_0(array, {"descr": "<f8", "fortran_order": False, "shape": shape})
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("mean.npy", array.getvalue())
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not an archive"),
        (b"PK\3\4" + b"\0" * 40, "not an archive"),
        (archive(mean=np.array([{"a": 1}], dtype=object)), "never a pickle"),
        (archive(mean=np.array(["text"])), "never a pickle"),
        (archive(mean=np.zeros(3, dtype=[("a", "f8")])), "never a pickle"),
        (huge_header((10**12,)), "does not fit 0 bytes"),
        (huge_header((10**6, 10**6, 10**6)), "does not fit 0 bytes"),
        (huge_header((-1,)), "does not fit|no array"),
        (huge_header((0, 10**30)), "does not fit"),
        (archive(mean=np.zeros((4, 40))), "does not hold just"),
        (novelty_arrays(mean=np.zeros((4, 7))), "does not fit the other arrays"),
        (novelty_arrays(mean=np.full((4, 40), np.nan)), "not finite"),
        (novelty_arrays(spread=np.zeros((4, 10))), "not positive"),
        (novelty_arrays(threshold=np.full((4, 6), -1.0)), "not positive"),
        (novelty_arrays(threshold=np.full((4, 6), np.inf)), "not finite"),
        (novelty_arrays(boundaries=np.arange(20.0)[::-1].reshape(4, 5)), "do not ascend"),
        (novelty_arrays(alone=np.full(4, np.nan)), "not finite"),
        (novelty_arrays(alone=np.zeros(3)), "does not fit the other arrays"),
    ],
    ids=range(18),
)
def test_arrays_that_no_novelty_has_are_refused(content, words):
    with pytest.raises(BundleError, match=words):
        with_part("novelty.npz", content)


@pytest.mark.parametrize("card", [b"\xff\xfe", b"# fine\n\x1b[2Jnot fine"])
def test_a_card_that_a_terminal_would_obey_is_refused(card):
    with pytest.raises(BundleError, match=r"card\.md"):
        with_part("card.md", card)


@pytest.mark.parametrize("case", ["a child far away", "a feature far away", "a place that another tree has"])
def test_a_model_with_hostile_trees_is_refused_by_name(tmp_path, case):
    change, words = HOSTILE[case]
    manifest, parts = small_parts()
    write_bundle(tmp_path / "model", manifest, {**parts, "li_content.ubj": changed(change)})
    with pytest.raises(BundleError, match=rf"li_content\.ubj: .*({words})"):
        load_model(tmp_path / "model")


@pytest.mark.parametrize("part", ["calibration.json", "novelty.npz", "manifest.json", "card.md"])
def test_flipped_bytes_are_refused_or_leave_a_model(tmp_path, part):
    manifest, parts = small_parts()
    light = {name: content for name, content in parts.items() if not name.endswith(".ubj")}
    write_bundle(tmp_path / "model", manifest, light)
    whole = (tmp_path / "model" / part).read_bytes()
    draw = np.random.default_rng(3)
    refused = 0
    for _ in range(60):
        content = bytearray(whole)
        for place in draw.integers(0, len(content), draw.integers(1, 6)):
            content[place] = draw.integers(0, 256)
        try:
            if part == "manifest.json":
                (tmp_path / "model" / part).write_bytes(content)
                load(tmp_path / "model")
            else:
                bundle_content(manifest, {**light, part: bytes(content)}, "here")
        except BundleError:
            refused += 1
    assert refused > 10


def test_trees_that_do_not_fit_the_recipe_are_refused(copy):
    edit(copy, at(["recipe", "features", "stride"], 3))
    with pytest.raises(BundleError, match="but the recipe makes"):
        load_model(copy)


def test_a_file_that_is_no_bundle_is_refused(tmp_path):
    path = tmp_path / "text.zip"
    path.write_text("hello")
    with pytest.raises(BundleError, match="no complete model bundle"):
        load_model(path)
    shutil.copy(__file__, path)
    with pytest.raises(BundleError, match="no complete model bundle"):
        load_model(path)
