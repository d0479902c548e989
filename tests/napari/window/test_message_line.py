"""The line that says what went wrong and what to do."""

import pytest

pytest.importorskip("qtpy", reason="the panel needs the napari extra")


def test_the_message_stays_until_it_is_closed(add):
    from eelsmap.napari.window.message_line import MessageLine

    line = add(MessageLine())
    assert line.isHidden()
    line.complain("the disk is full")
    assert line.text == "The disk is full"
    assert not line.isHidden()
    line.clear()
    assert line.isHidden()


def test_a_long_path_does_not_widen_the_panel(add):
    from eelsmap.napari.window.message_line import MessageLine

    line = add(MessageLine())
    line.say("saved a.hspy")
    narrow = line.minimumSizeHint().width()
    path = "/data/" + "a_session_of_the_microscope" * 8 + "/maps.hspy"
    line.complain(f"{path}: no space left")
    assert line.text == f"{path}: no space left"
    assert line._text.toolTip() == line.text
    assert line._text.text().endswith("/maps.hspy: no space left")
    assert line.minimumSizeHint().width() < narrow + 300
