"""Chunks, threads, processes and files change nothing: the same bytes, whoever computes them."""

import dask
import numpy as np
import pytest

import eelsmap
from eelsmap.io import load
from eelsmap.mapping.counts_files import file_of
from eelsmap.mapping.scan_reading import ScanReading
from eelsmap.phantom import Microscope
from eelsmap.phantom.files import write_dm4

SHAPE = (18, 14)


@pytest.fixture(scope="module")
def model():
    return eelsmap.load_model("nmc")


@pytest.fixture(scope="module")
def signal():
    # Whole numbers, which every file keeps and any order of adding sums up to the same.
    signal = eelsmap.make_phantom(SHAPE, microscope=Microscope(counts=1e6)).signal()
    signal.data = np.clip(np.round(signal.data), 0, 65535).astype(np.uint16)
    return signal


@pytest.fixture(scope="module")
def files(signal, tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    for chunks in ((1, 3), (7, 5), SHAPE):
        signal.save(folder / f"chunks_{chunks[0]}.hspy", chunks=(*chunks, signal.data.shape[-1]))
    signal.save(folder / "split.hspy", chunks=(5, 5, 300))
    write_dm4(signal, folder / "image.dm4")
    return folder


@pytest.fixture(scope="module")
def wanted(signal, model):
    with dask.config.set(scheduler="synchronous"):
        return eelsmap.map_properties(signal, model)


def require_same(maps, wanted):
    maps.compute(progress=False)
    for name in wanted:
        np.testing.assert_array_equal(maps.array(name), wanted.array(name), err_msg=name)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_any_number_of_threads(signal, model, wanted, threads):
    with dask.config.set(scheduler="threads", num_workers=threads):
        require_same(eelsmap.map_properties(signal, model), wanted)


def test_processes_of_dask_itself(files, model, wanted):
    shares = []
    with dask.config.set(scheduler="processes", num_workers=2):
        maps = eelsmap.map_properties(load(files / "chunks_7.hspy", lazy=True), model)
        maps.compute(progress=False, on_block=lambda _place, _values, share: shares.append(share))
    require_same(maps, wanted)
    assert shares == sorted(shares)
    assert shares[-1] == 1


@pytest.mark.parametrize("chunks", [(1, 1, -1), (5, 3, 100), (18, 2, 2048), (-1, -1, -1)])
def test_any_chunks_of_a_lazy_signal(signal, model, wanted, chunks):
    lazy = signal.as_lazy()
    lazy.data = lazy.data.rechunk(chunks)
    require_same(eelsmap.map_properties(lazy, model), wanted)


@pytest.mark.parametrize("block", [5, 40, 10_000])
def test_any_size_of_blocks(signal, model, wanted, block, monkeypatch):
    monkeypatch.setattr("eelsmap.mapping.blocks._BLOCK_PIXELS", block)
    require_same(eelsmap.map_properties(signal, model), wanted)


@pytest.mark.parametrize("name", ["chunks_1.hspy", "chunks_7.hspy", "chunks_18.hspy", "split.hspy", "image.dm4"])
def test_files_are_read_by_the_tasks(files, model, wanted, signal, name):
    lazy = load(files / name, lazy=True)
    file = file_of(lazy.data)
    assert file is not None
    assert file.shape == signal.data.shape
    for region in ((slice(0, 18), slice(0, 14)), (slice(3, 4), slice(0, 14)), (slice(2, 9), slice(5, 11))):
        np.testing.assert_array_equal(file.read((*region, slice(0, 2048))), signal.data[region])
    require_same(eelsmap.map_properties(lazy, model), wanted)


def test_what_is_more_than_a_file_is_left_to_dask(files, model):
    lazy = load(files / "chunks_7.hspy", lazy=True)
    assert file_of(lazy.inav[1:, :].data) is None
    assert file_of(lazy.data + 1) is None
    assert file_of(lazy.data[:, ::-1]) is None
    assert file_of(lazy.data.rechunk((2, 2, -1))) is not None


def test_a_file_that_was_cut_is_not_read_as_something_else(files, tmp_path):
    path = tmp_path / "cut.dm4"
    path.write_bytes((files / "image.dm4").read_bytes())
    file = file_of(load(path, lazy=True).data)
    path.write_bytes(path.read_bytes()[: 200 * 1024])
    with pytest.raises(OSError, match="truncated"):
        file.read((slice(0, 18), slice(0, 14), slice(0, 2048)))


@pytest.mark.parametrize("shape", [(70, 300), (300, 70), (3, 5, 130), (40,), ()])
@pytest.mark.parametrize("in_memory", [0, 32e6])
def test_one_reading_gives_the_sample_and_the_rows_of_an_array_in_memory(shape, in_memory, monkeypatch):
    monkeypatch.setattr("eelsmap.mapping.scan_reading._IN_MEMORY", in_memory)
    data = np.random.default_rng(0).poisson(3.0, (*shape, 16)).astype(np.float32)
    eager = ScanReading(data, rows=True)
    for chunks in (7, 64):
        lazy = ScanReading(dask.array.from_array(data, chunks=(*(chunks for _ in shape), -1)), rows=True)
        np.testing.assert_array_equal(lazy.sample, eager.sample)
        if shape:
            np.testing.assert_array_equal(lazy.sum_rows(above=47.0), eager.sum_rows(above=47.0))


@pytest.mark.parametrize("processes", [False, True], ids=["threads", "processes"])
def test_a_cluster_on_this_machine_gives_the_same(files, signal, model, wanted, processes):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=processes, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster),
    ):
        shares = []
        maps = eelsmap.map_properties(load(files / "chunks_7.hspy", lazy=True), model)
        maps.compute(progress=False, on_block=lambda _place, _values, share: shares.append(share))
        require_same(maps, wanted)
        assert shares == sorted(shares)
        assert shares[-1] == 1
        if not processes:
            require_same(eelsmap.map_properties(signal, model), wanted)
            stopped = eelsmap.map_properties(load(files / "image.dm4", lazy=True), model)
            with pytest.raises(eelsmap.errors.RunCancelledError):
                stopped.compute(progress=False, cancelled=lambda: True)
            require_same(stopped, wanted)
