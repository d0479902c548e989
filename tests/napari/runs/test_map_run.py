"""A run in a thread: blocks arrive in the window, cancelling keeps what is finished, errors are words."""

import numpy as np
import pytest

import eelsmap
from eelsmap.errors import EelsmapError
from tests.small_images import image

pytest.importorskip("qtpy", reason="the panel needs the napari extra")


@pytest.fixture
def lazy_maps(small_blocks):
    signal = image(lazy=True)
    # Many blocks, so that there is something between the first and the last.
    signal.data = signal.data.rechunk((1, 2, -1))
    return eelsmap.map_properties(signal, lazy=True)


@pytest.fixture
def new_run(screen):
    from eelsmap.napari.runs.map_run import MapRun

    runs = []

    def make(make_maps):
        runs.append(MapRun(make_maps))
        seen = {name: [] for name in ("made", "block", "done", "cancelled", "failed")}
        for name, said in seen.items():
            getattr(runs[-1], name).connect(lambda *content, said=said: said.append(content))
        return runs[-1], seen

    yield make
    for run in runs:
        run.cancel()
        assert run.wait(30)


def test_blocks_arrive_and_make_up_the_maps(new_run, until, lazy_maps):
    run, seen = new_run(lambda: lazy_maps)
    run.start()
    until(lambda: seen["done"])
    maps = seen["done"][0][0]
    whole = np.full((*maps.shape, len(maps)), np.nan, dtype=np.float32)
    for place, values, _ in seen["block"]:
        whole[place] = values
    assert [fraction for _, _, fraction in seen["block"]] == pytest.approx(np.arange(1, 25) / 24)
    for place, name in enumerate(maps):
        np.testing.assert_array_equal(whole[..., place], maps.array(name).astype(np.float32))


def test_cancelling_keeps_what_is_finished_and_the_next_run_does_the_rest(
    new_run, until, lazy_maps, cancel_after_one_block
):
    run, seen = new_run(lambda: lazy_maps)
    run.start()
    until(lambda: seen["cancelled"])
    cancel_after_one_block.undo()
    before = {tuple((part.start, part.stop) for part in place) for place, _, _ in seen["block"]}
    again, more = new_run(lambda: lazy_maps)
    again.start()
    until(lambda: more["done"])
    after = {tuple((part.start, part.stop) for part in place) for place, _, _ in more["block"]}
    assert before
    assert not before & after
    assert len(before | after) == 24


def test_errors_come_in_words(new_run, until):
    def fail():
        raise EelsmapError("no edge is on the axis; check its unit")

    run, seen = new_run(fail)
    run.start()
    until(lambda: seen["failed"])
    assert seen["failed"] == [("no edge is on the axis; check its unit", None)]


def test_time_left_follows_the_blocks(new_run, until, lazy_maps):
    run, seen = new_run(lambda: lazy_maps)
    assert run.seconds_left() is None
    left = []
    run.block.connect(lambda *_: left.append(run.seconds_left()))
    run.start()
    until(lambda: seen["done"])
    assert all(value is None or value >= 0 for value in left)
    assert run.seconds > 0
