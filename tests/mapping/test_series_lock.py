"""The lock on a folder of results, by the system's own means and by those of Windows, which a stand-in plays."""

import errno
import json
import os
import socket
import sys
from types import SimpleNamespace

import pytest

from eelsmap.errors import EelsmapError
from eelsmap.mapping.series.lock import locked


class Windows:
    """``msvcrt`` as it is documented: single bytes of a file, at its position, refused to every other handle."""

    LK_UNLCK, LK_NBLCK = 0, 2

    def __init__(self):
        self.held = {}
        self.fails = None

    def locking(self, handle, mode, number):
        if self.fails is not None:
            raise OSError(self.fails, os.strerror(self.fails))
        file, place = os.fstat(handle), os.lseek(handle, 0, os.SEEK_CUR)
        byte = (file.st_dev, file.st_ino, place)
        assert number == 1
        # A locked byte is refused to readers: whoever is refused must still be able to read whom to ask.
        assert place > file.st_size + 1000
        if mode == self.LK_UNLCK:
            if self.held.pop(byte, None) != handle:
                raise OSError(errno.EACCES, "Permission denied")
        elif byte in self.held:
            raise OSError(errno.EACCES, "Permission denied")
        else:
            self.held[byte] = handle


@pytest.fixture
def windows(monkeypatch):
    stand_in = Windows()
    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", stand_in)
    return stand_in


@pytest.fixture(params=["here", "windows"])
def system(request):
    """Either way; with ``held`` where the stand-in plays."""
    return request.getfixturevalue("windows") if request.param == "windows" else SimpleNamespace(held={})


def test_a_second_run_is_refused_and_told_whom_to_ask(system, tmp_path):
    path = tmp_path / ".lock"
    with locked(path):
        assert json.loads(path.read_text()) == {"pid": os.getpid(), "host": socket.gethostname()}
        for _ in range(2):
            with pytest.raises(EelsmapError, match=f"process {os.getpid()} on .* is mapping a series"), locked(path):
                pytest.fail("two runs hold one folder")
    assert not path.read_text()
    assert not system.held
    with locked(path):
        pass


def test_a_run_that_fails_gives_the_folder_back(system, tmp_path):
    with pytest.raises(ValueError, match="mine"), locked(tmp_path / ".lock"):
        raise ValueError("mine")
    assert not system.held
    with locked(tmp_path / ".lock"):
        pass


def test_words_of_a_dead_process_here_are_no_lock_but_those_of_another_host_are(system, tmp_path):
    path = tmp_path / ".lock"
    path.write_text(json.dumps({"pid": 2**22 + 1, "host": socket.gethostname()}))
    with locked(path):
        assert json.loads(path.read_text())["pid"] == os.getpid()
    path.write_text(json.dumps({"pid": 1, "host": "another-microscope"}))
    with pytest.raises(EelsmapError, match="process 1 on another-microscope has not given"), locked(path):
        pytest.fail("a folder of another host was taken")
    assert not system.held
    path.unlink()
    with locked(path):
        pass


def test_what_else_goes_wrong_is_not_taken_for_another_run(windows, tmp_path):
    windows.fails = errno.EINVAL
    with pytest.raises(OSError, match="Invalid argument"), locked(tmp_path / ".lock"):
        pytest.fail("there is no lock")
