"""Blocks arrive as they are finished, and nothing that was finished is lost."""

import threading

import dask
import dask.array as da
import numpy as np
import pytest

from eelsmap.errors import RunCancelledError
from eelsmap.mapping.block_runs import run_blocks
from eelsmap.mapping.property_maps import PropertyMaps

NAMES = ["li_content", "counts", "flags"]
AXES = [{"name": "y", "size": 12, "scale": 1.0, "offset": 0.0, "units": "nm"}, {"name": "x", "size": 10}]
SCHEDULERS = pytest.mark.parametrize("scheduler", ["synchronous", "threads"])


class Work:
    """Values of blocks, which counts its calls and may fail in one of them."""

    def __init__(self, fail_at=None):
        self.calls, self.fail_at, self.lock = 0, fail_at, threading.Lock()

    def __call__(self, block):
        with self.lock:
            self.calls += 1
            if self.calls == self.fail_at:
                raise ZeroDivisionError("this block is bad")
        return block * 2

    def __dask_tokenize__(self):
        return id(self)


def lazy_maps(work):
    stack = np.random.default_rng(0).random((12, 10, 3)).astype(np.float32)
    stack[..., 2] = 1
    blocks = da.from_array(stack, chunks=(3, 5, 3)).map_blocks(
        work, dtype=np.float32, meta=np.empty((0,) * 3, np.float32)
    )
    return PropertyMaps(blocks, NAMES, AXES, {}), 2 * stack


@SCHEDULERS
def test_every_block_is_told_once_and_in_the_calling_thread(scheduler):
    maps, wanted = lazy_maps(Work())
    seen, shares, threads = np.full(wanted.shape, np.nan, np.float32), [], set()

    def on_block(place, values, fraction):
        assert np.isnan(seen[place]).all()
        seen[place] = values
        shares.append(fraction)
        threads.add(threading.get_ident())
        np.testing.assert_array_equal(maps.partial("counts")[place], values[..., 1])

    with dask.config.set(scheduler=scheduler):
        assert maps.compute(progress=False, on_block=on_block) is maps
    np.testing.assert_array_equal(seen, wanted)
    np.testing.assert_allclose(shares, (np.arange(8) + 1) / 8)
    assert threads == {threading.get_ident()}
    assert maps.names == tuple(NAMES)


@SCHEDULERS
def test_a_cancelled_run_keeps_what_is_done_and_goes_on_from_there(scheduler):
    work = Work()
    maps, wanted = lazy_maps(work)
    assert np.isnan(maps.partial("counts")).all()
    done = []
    with dask.config.set(scheduler=scheduler):
        with pytest.raises(RunCancelledError, match="kept"):
            maps.compute(
                progress=False, on_block=lambda place, *_: done.append(place), cancelled=lambda: len(done) == 3
            )
        assert maps.is_lazy
        assert len(done) == 3
        known = np.zeros((12, 10), bool)
        for place in done:
            known[place] = True
        np.testing.assert_array_equal(np.isfinite(maps.partial("li_content")), known)
        np.testing.assert_array_equal(maps.partial("flags"), np.where(known, 2, 0))
        assert maps.partial("flags").dtype == np.uint32
        begun = work.calls
        first = []
        maps.compute(progress=False, on_block=lambda place, _values, share: first.append((place, share)))
    assert work.calls == begun + 5
    assert first[0][1] == pytest.approx(0.5)
    assert {str(place) for place, _ in first}.isdisjoint(map(str, done))
    assert not maps.is_lazy
    for index, name in enumerate(NAMES):
        np.testing.assert_array_equal(maps.partial(name), wanted[..., index])
        np.testing.assert_array_equal(maps.array(name), wanted[..., index])


@SCHEDULERS
def test_an_error_in_one_block_loses_none_of_the_others(scheduler):
    work = Work(fail_at=4)
    maps, wanted = lazy_maps(work)
    with dask.config.set(scheduler=scheduler, num_workers=1):
        with pytest.raises(ZeroDivisionError, match="bad"):
            maps.compute(progress=False)
        assert np.isfinite(maps.partial("counts")).sum() == 45
        work.fail_at = None
        maps.compute(progress=False)
    np.testing.assert_array_equal(maps.array("counts"), wanted[..., 1])


def test_a_run_that_is_cancelled_before_it_begins_computes_nothing():
    work = Work()
    maps, _ = lazy_maps(work)
    with pytest.raises(RunCancelledError, match="before it began"):
        maps.compute(progress=False, cancelled=lambda: True)
    assert work.calls == 0


def test_few_blocks_are_held_at_a_time():
    alive, most, lock = [0], [0], threading.Lock()

    class Block(np.ndarray):
        def __del__(self):
            with lock:
                alive[0] -= 1

    def make(block):
        with lock:
            alive[0] += 1
            most[0] = max(most[0], alive[0])
        return np.zeros((1, 4)).view(Block)

    blocks = da.zeros((60, 4), chunks=(1, 4)).map_blocks(make, dtype=float, meta=np.empty((0, 0)))
    with dask.config.set(scheduler="threads", num_workers=2):
        run_blocks(blocks, [(number, 0) for number in range(60)], lambda *_: None)
    assert 1 <= most[0] <= 8


def test_unknown_names_of_partial_maps_list_the_known_ones():
    with pytest.raises(KeyError, match="no map 'Li'"):
        lazy_maps(Work())[0].partial("Li")
    single = PropertyMaps(da.ones(2, dtype=np.float32), ["counts", "flags"], [], {})
    places = []
    single.compute(progress=False, on_block=lambda place, values, share: places.append((place, values.shape, share)))
    assert places == [((), (2,), 1.0)]
