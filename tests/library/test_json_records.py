"""Reading a long JSON list record by record."""

import gzip
import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eelsmap.errors import LibraryError
from eelsmap.library.json_records import json_records

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(
    content=st.lists(st.dictionaries(st.text(max_size=5), ANYTHING, max_size=4), max_size=5),
    piece=st.integers(1, 40),
    indent=st.sampled_from([None, 2]),
    ascii_only=st.booleans(),
)
def test_records_are_what_json_says(tmp_path_factory, content, piece, indent, ascii_only):
    path = tmp_path_factory.mktemp("json") / "records.json"
    path.write_text(json.dumps(content, indent=indent, ensure_ascii=ascii_only), encoding="utf-8", newline="")
    assert list(json_records(path, piece=piece)) == content


def test_a_bad_record_is_handed_on_and_the_next_is_read(tmp_path):
    path = tmp_path / "records.json"
    path.write_text('[{"a": 1}, {"b": nonsense}, {"c": "}"}]')
    first, second, third = json_records(path)
    assert (first, third) == ({"a": 1}, {"c": "}"})
    assert second.startswith("not valid JSON")


def test_gzip_is_unpacked(tmp_path):
    path = tmp_path / "records.json.gz"
    path.write_bytes(gzip.compress(b'[{"a": 1}]'))
    assert list(json_records(path)) == [{"a": 1}]


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "not a JSON list"),
        (b'{"a": 1}', "not a JSON list"),
        (b"\x89PNG\x00\xff\xfe", "cannot be read"),
        (b'[{"a": 1}, {"b": [1, 2', "ends inside record 2"),
        (b'[{"a": "never closed', "ends inside record 1"),
        (b'[{"a": 1}}]', "closing brace"),
    ],
)
def test_other_files_are_refused(tmp_path, content, match):
    path = tmp_path / "records.json"
    path.write_bytes(content)
    with pytest.raises(LibraryError, match=match):
        list(json_records(path, piece=7))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(LibraryError, match="cannot be read"):
        list(json_records(tmp_path / "none.json"))


def test_a_damaged_gzip_is_refused(tmp_path):
    path = tmp_path / "records.json.gz"
    path.write_bytes(gzip.compress(json.dumps([{"a": list(range(5000))}]).encode())[:60])
    with pytest.raises(LibraryError, match="cannot be read"):
        list(json_records(path))


def test_a_record_without_end_is_refused(tmp_path):
    path = tmp_path / "records.json"
    path.write_text('[{"a": "' + "x" * 5000)
    with pytest.raises(LibraryError, match="longer than 1000 characters"):
        list(json_records(path, piece=100, longest=1000))


def test_memory_does_not_grow_with_the_file(tmp_path):
    path = tmp_path / "records.json"
    record = json.dumps({"values": [0.123456789] * 2000})
    with path.open("w") as stream:
        stream.write("[" + ", ".join([record] * 1000) + "]")
    assert path.stat().st_size > 20e6
    tracemalloc.start()
    try:
        count = sum(1 for _ in json_records(path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 1000
    assert peak < 12e6
