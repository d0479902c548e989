"""Regions of files are read as the libraries would give them, whatever the order of axes, bytes and chunks."""

from itertools import permutations

import dask.array as da
import h5py
import numpy as np
import pytest

from eelsmap.mapping import counts_reading
from eelsmap.mapping.counts_files import HDF5Counts, RawCounts, file_of
from eelsmap.mapping.scan_reading import ScanReading

SHAPE = (9, 13, 37)
REGIONS = [
    (slice(0, 9), slice(0, 13), slice(0, 37)),
    (slice(3, 4), slice(0, 13), slice(0, 37)),
    (slice(2, 9), slice(5, 11), slice(0, 37)),
    (slice(0, 9, 4), slice(1, 13, 3), slice(0, 37)),
    (slice(8, 9), slice(12, 13), slice(0, 37)),
    (slice(1, 8, 2), slice(0, 12, 5), slice(4, 30, 2)),
]


def image(dtype="u2", shape=SHAPE):
    return np.random.default_rng(0).poisson(40, shape).astype(dtype)


@pytest.fixture
def written(tmp_path):
    opened = []

    def write(data, **options):
        path = tmp_path / f"{len(opened)}.h5"
        with h5py.File(path, "w", userblock_size=options.pop("userblock", 0)) as file:
            file.create_dataset("counts", data=data, **options)
        opened.append(h5py.File(path, "r"))
        return opened[-1]["counts"]

    yield write
    for dataset in opened:
        dataset.close()


def require_regions(file, data):
    for region in REGIONS:
        found = file.read(region)
        assert found.dtype == data.dtype
        np.testing.assert_array_equal(found, data[region], err_msg=str(region))


@pytest.mark.parametrize("dtype", ["u1", "u2", ">u2", "i4", "f4", ">f4", "f8"])
@pytest.mark.parametrize(
    ("options", "packing", "skips"),
    [
        ({}, None, True),
        ({"chunks": (4, 5, 37)}, "", True),
        ({"chunks": (4, 5, 11)}, "", True),
        ({"chunks": (4, 5, 37), "compression": "gzip"}, "deflate", False),
        ({"chunks": (9, 13, 37), "compression": "gzip", "shuffle": True}, "shuffle, deflate", False),
    ],
)
def test_data_sets_are_read_past_the_library(written, monkeypatch, dtype, options, packing, skips):
    data = image(dtype)
    dataset = written(data, **options)
    file = file_of(da.from_array(dataset, chunks=options.get("chunks", -1)))
    assert file.skips == skips
    assert getattr(file, "packing", None) == packing
    monkeypatch.setattr(h5py, "File", None)
    require_regions(file, data)


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "lzf"},
        {"chunks": SHAPE, "fletcher32": True},
        {"chunks": SHAPE, "scaleoffset": 0},
        {"chunks": SHAPE, "userblock": 512},
        {"userblock": 512},
    ],
)
def test_what_is_unusual_is_left_to_the_library(written, options):
    data = image()
    file = file_of(da.from_array(written(data, **options), chunks=-1))
    assert isinstance(file, HDF5Counts)
    assert not file.skips
    assert file.places == ()
    require_regions(file, data)


def test_chunks_that_nobody_wrote_hold_what_the_file_says(tmp_path):
    path = tmp_path / "holes.h5"
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("counts", SHAPE, "u2", chunks=(3, 13, 37), fillvalue=7)
        dataset[:3] = image()[:3]
    with h5py.File(path, "r") as opened:
        file = file_of(da.from_array(opened["counts"], chunks=(3, 13, 37)))
        assert file.places == ()
        np.testing.assert_array_equal(file.read(REGIONS[0])[3:], 7)


def test_a_file_that_was_replaced_meanwhile_is_read_as_it_is_now(tmp_path):
    data, path = image(), tmp_path / "replaced.h5"
    for number, chunk in enumerate([(4, 5, 37), (2, 13, 37)]):
        with h5py.File(tmp_path / f"{number}.h5", "w") as other:
            other.create_dataset("counts", data=data + number, chunks=chunk)
    (tmp_path / "0.h5").rename(path)
    with h5py.File(path, "r") as opened:
        file = file_of(da.from_array(opened["counts"]))
    assert file.places
    (tmp_path / "1.h5").replace(path)
    require_regions(file, data + 1)


def test_a_damaged_chunk_is_said_to_be_so(written):
    dataset = written(image(), chunks=(4, 5, 37), compression="gzip")
    file = file_of(da.from_array(dataset, chunks=(4, 5, 37)))
    with open(file.path, "r+b") as raw:
        raw.seek(file.places[0][0])
        raw.write(b"\0" * 16)
    with pytest.raises(OSError, match="damaged"):
        file.read(REGIONS[0])


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("call", [0.0, 1e9], ids=["small pieces", "large pieces"])
def test_any_order_of_axes(tmp_path, monkeypatch, call, compiled):
    monkeypatch.setattr(counts_reading, "_CALL", call)
    monkeypatch.setattr(counts_reading, "AVAILABLE", compiled and counts_reading.AVAILABLE)
    path = tmp_path / "image.raw"
    for dtype in ("u2", ">f4"):
        data = image(dtype, (9, 13, 150))
        for order in permutations(range(3)):
            path.write_bytes(b"abc" + data.transpose(order).tobytes())
            require_regions(RawCounts(str(path), 3, data.shape, data.dtype, order), data)


@pytest.mark.parametrize("chunks", [None, (4, 60, 16), (7, 9, 16)])
@pytest.mark.parametrize("shape", [(70, 300, 16), (300, 70, 16), (3, 5, 130, 16), (5000, 16)])
def test_a_file_gives_the_sample_and_the_rows_of_an_array_in_memory(written, shape, chunks):
    data = image("u2", shape)
    fitting = None if chunks is None else tuple(map(min, ((2,) * len(shape) + chunks)[-len(shape) :], shape))
    options = {} if fitting is None else {"chunks": fitting}
    eager = ScanReading(data, rows=True)
    lazy = ScanReading(da.from_array(written(data, **options), chunks=options.get("chunks", -1)), rows=True)
    np.testing.assert_array_equal(lazy.sample, eager.sample)
    np.testing.assert_array_equal(lazy.sum_rows(above=640.0), eager.sum_rows(above=640.0))
    assert eager.sum_rows(above=640.0).any()
