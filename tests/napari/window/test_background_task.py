"""A function in a thread, its answer in the window."""

import pytest

from eelsmap.errors import EelsmapError

pytest.importorskip("qtpy", reason="the panel needs the napari extra")


def test_a_task_answers_in_the_window_or_says_why_not(until, screen):
    from threading import current_thread

    from eelsmap.napari.window.background_task import BackgroundTask

    answers, failures = [], []

    def fail():
        raise EelsmapError("it is gone; open it again")

    BackgroundTask(
        lambda: current_thread().name, lambda name: answers.append((name, current_thread().name)), failures.append
    ).start()
    task = BackgroundTask(fail, answers.append, failures.append).start()
    forgotten = BackgroundTask(lambda: 3, answers.append, failures.append)
    forgotten.forget()
    forgotten.start()
    until(lambda: answers and failures)
    assert forgotten.wait(5)
    assert task.wait(5)
    screen.processEvents()
    assert answers == [("eelsmap background task", "MainThread")]
    assert failures == ["it is gone; open it again"]
