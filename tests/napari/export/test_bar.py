"""The export bar: what it saves and says, that nothing is lost when saving fails, and handing over to a session."""

import os
import shlex
import threading
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell

import eelsmap
from eelsmap.errors import PixelFlag, RunCancelledError
from eelsmap.mapping import PropertyMaps
from eelsmap.napari.export import exporting, hyperspy_session
from eelsmap.napari.export.exporting import proposed_path, state_words, write_export
from eelsmap.napari.export.hyperspy_session import free_name, hand_over

PROVENANCE = {
    "title": "charged NMC",
    "recipe": eelsmap.Recipe().to_json(),
    "source": {"file": "a b.dm4", "path": "/nowhere/a b.dm4"},
    "axis": {"message": "left as recorded", "uncertainty_eV": 0.4},
}


def small_maps(shape=(5, 6), **more):
    names = ["li_content", "li_content_lower", "li_content_upper", "counts", "flags"]
    rng = np.random.default_rng(2)
    stack = rng.random((*shape, len(names))).astype(np.float32)
    stack[..., -1] = int(PixelFlag.NOVEL)
    axes = [
        {"name": name, "size": size, "scale": 0.5, "offset": 0.0, "units": "nm"}
        for name, size in zip("zyx"[3 - len(shape) :], shape, strict=True)
    ]
    return PropertyMaps(stack, names, axes, {**PROVENANCE, **more})


def lazy_maps():
    maps = small_maps()
    stack = np.stack([maps.array(name).astype(np.float32) for name in maps], axis=-1)
    return PropertyMaps(da.from_array(stack, chunks=(2, -1, -1)), list(maps), maps.axes, maps.provenance)


def stopped_maps():
    maps, blocks = lazy_maps(), []
    with pytest.raises(RunCancelledError):
        maps.compute(progress=False, on_block=lambda *block: blocks.append(block), cancelled=lambda: bool(blocks))
    return maps


@pytest.fixture
def bar(qtbot):
    from eelsmap.napari.export.bar import ExportBar

    made = ExportBar()
    qtbot.addWidget(made)
    made.heard = []
    made.said.connect(lambda words: made.heard.append(("said", words)))
    made.failed.connect(lambda words: made.heard.append(("failed", words)))
    return made


@pytest.fixture
def answer(monkeypatch):
    """Function that sets what the file dialog answers; returns the list of what it was asked."""
    from qtpy.QtWidgets import QFileDialog

    asked = []

    def set_answer(path, kind=""):
        def ask(_parent, title, proposed, kinds):
            asked.append((title, proposed, kinds))
            return str(path), kind

        monkeypatch.setattr(QFileDialog, "getSaveFileName", staticmethod(ask))
        return asked

    return set_answer


def test_nothing_can_be_saved_before_there_is_something(bar):
    bar.show()
    assert bar.words == "Nothing to save yet: press Run."
    assert not any(button.isEnabled() for button in bar._buttons.values())
    bar.set_maps(small_maps())
    assert all(button.isEnabled() for button in bar._buttons.values())
    assert bar.words == ""
    bar.set_maps(None)
    assert not any(button.isEnabled() for button in bar._buttons.values())


def test_every_button_can_be_reached_and_is_named(bar):
    texts = [button.text() for button in bar._buttons.values()]
    letters = [text[text.index("&") + 1].lower() for text in texts]
    assert len(set(letters)) == len(letters)
    # Those of napari's menu bar and of Run, Cancel and Time series stay free.
    assert not set(letters) & set("flvpwhrcs")
    assert all(button.accessibleName() and button.toolTip() for button in bar._buttons.values())
    assert all(button.focusPolicy() != 0 for button in bar._buttons.values())


@pytest.mark.parametrize(
    ("kind", "name", "chosen"),
    [("maps", "a.hspy", ""), ("maps", "b", "OME-TIFF (*.ome.tif)"), ("figure", "c.svg", ""), ("report", "d.png", ""),
     ("script", "e", "Python script (*.py)")],
)  # fmt: skip
def test_saving_happens_in_a_thread_and_says_where(kind, name, chosen, bar, answer, until, tmp_path, monkeypatch):
    maps, threads = small_maps(), []
    monkeypatch.setattr(
        "eelsmap.napari.export.bar.write_export",
        lambda *arguments: threads.append(threading.current_thread()) or write_export(*arguments),
    )
    bar.set_maps(maps)
    asked = answer(tmp_path / name, chosen)
    bar.save(kind)
    assert bar.saving
    assert bar.words == f"Saving the {kind}…"
    assert not any(button.isEnabled() for button in bar._buttons.values())
    until(lambda: not bar.saving)
    (file,) = tmp_path.iterdir()
    assert bar.heard == [("said", f"Saved {file.name} in {tmp_path}.")]
    assert bar.words == ""
    assert threads
    assert threads[0] is not threading.main_thread()
    assert Path(asked[0][1]).name.startswith("a_b_")
    assert all(button.isEnabled() for button in bar._buttons.values())
    if kind == "maps":
        np.testing.assert_array_equal(PropertyMaps.load(file).array("li_content"), maps.array("li_content"))
    if kind == "script":
        compile(file.read_text(), "script", "exec")
        assert file.name == "e.py"


def test_when_saving_fails_the_maps_and_the_old_file_stay(bar, answer, until, tmp_path, monkeypatch):
    maps = small_maps()
    bar.set_maps(maps)
    old = tmp_path / "old.hspy"
    old.write_bytes(b"mine")
    answer(old)

    def fill(*_arguments, **_options):
        raise OSError(28, "No space left on device", str(old))

    monkeypatch.setattr(exporting, "save_maps", fill)
    bar.save("maps")
    until(lambda: not bar.saving)
    ((kind, words),) = bar.heard
    assert kind == "failed"
    assert "No space left on device" in words
    assert "maps are still here" in words
    assert old.read_bytes() == b"mine"
    monkeypatch.undo()
    answer(tmp_path / "missing" / "a.ome.tif")
    bar.save("maps")
    until(lambda: not bar.saving)
    assert "No such file" in bar.heard[-1][1]
    answer(tmp_path / "new.hspy")
    bar.save("maps")
    until(lambda: not bar.saving)
    np.testing.assert_array_equal(PropertyMaps.load(tmp_path / "new.hspy").array("counts"), maps.array("counts"))


def test_a_dialog_that_is_left_saves_nothing_and_an_ending_that_is_added_replaces_nothing(bar, answer, tmp_path):
    bar.set_maps(small_maps())
    answer("")
    bar.save("maps")
    assert (bar.saving, bar.heard) == (False, [])
    (tmp_path / "a.hspy").write_bytes(b"mine")
    answer(tmp_path / "a", "HyperSpy file (*.hspy)")
    bar.save("maps")
    assert bar.heard == [("failed", f"{tmp_path / 'a.hspy'} exists already; choose another name.")]
    assert (tmp_path / "a.hspy").read_bytes() == b"mine"


def test_a_run_that_was_stopped_is_saved_as_far_as_it_went(bar, answer, until, tmp_path):
    maps = stopped_maps()
    bar.set_maps(maps)
    known = np.isfinite(maps.partial("counts"))
    assert 0 < known.sum() < known.size
    assert bar.words.startswith(f"{known.sum()} of {known.size} pixels were computed before the run was stopped")
    answer(tmp_path / "part.hspy")
    bar.save("maps")
    until(lambda: not bar.saving)
    assert f"{known.sum()} of {known.size} pixels" in bar.heard[0][1]
    assert bar.words.startswith(f"{known.sum()} of {known.size} pixels")
    saved = PropertyMaps.load(tmp_path / "part.hspy")
    np.testing.assert_array_equal(np.isfinite(saved.array("counts")), known)
    assert f"{known.sum()} of" in saved.provenance["partial"]
    # The run itself is untouched and goes on.
    assert maps.is_lazy
    assert np.isfinite(maps.compute(progress=False).array("counts")).all()


def test_a_slice_of_three_axes_is_asked_for_in_words(bar, answer, until, tmp_path):
    bar.set_maps(small_maps((2, 3, 4)))
    answer(tmp_path / "a.png")
    bar.save("report")
    until(lambda: not bar.saving)
    assert "3 axes" in bar.heard[0][1]
    assert list(tmp_path.iterdir()) == []


def test_the_script_goes_to_the_clipboard(bar, qapp):
    maps = small_maps()
    bar.set_maps(maps)
    bar.copy_script()
    script = qapp.clipboard().text()
    compile(script, "script", "exec")
    assert shlex.quote("/nowhere/a b.dm4") in script
    assert bar.heard == [("said", "The script is on the clipboard.")]
    bar.set_maps(PropertyMaps(np.zeros((2, 1), np.float32), ["counts"], maps.axes[:1] and [
        {"name": "x", "size": 2, "scale": 1.0, "offset": 0.0, "units": ""}], {}))  # fmt: skip
    bar.copy_script()
    assert bar.heard[-1][0] == "failed"
    assert "no script can repeat them" in bar.heard[-1][1]


def test_names_are_proposed_beside_the_source_or_where_one_may_write(tmp_path, monkeypatch):
    source = {"file": "x y.dm4", "path": str(tmp_path / "x y.dm4")}
    assert proposed_path(small_maps(source=source), "report") == tmp_path / "x_y_report.pdf"
    monkeypatch.chdir(tmp_path)
    assert proposed_path(small_maps(), "maps") == tmp_path / "a_b_maps.hspy"
    monkeypatch.setattr(os, "access", lambda *_arguments: False)
    assert proposed_path(small_maps(source={**source, "path": "/x/y.dm4"}), "script") == tmp_path / "y_maps.py"


def test_maps_that_are_lazy_and_empty_are_nothing_to_save():
    assert state_words(lazy_maps()) == state_words(None)


@pytest.fixture
def shell():
    """A real IPython shell, as IPython.get_ipython() finds it."""
    made = InteractiveShell.instance()
    made.user_ns.pop("maps", None)
    made.user_ns.pop("maps_2", None)
    yield made
    InteractiveShell.clear_instance()


def test_a_running_ipython_session_gets_maps_and_signal_under_free_names(shell, bar):
    maps = small_maps()
    shell.run_cell("maps = 'mine'", silent=True)
    handed = hand_over({"maps": maps, "signal": [1]})
    assert handed.names == {"maps": "maps_2", "signal": "signal"}
    assert handed.words == "maps_2 and signal in the running IPython session"
    result = shell.run_cell("maps, maps_2['li_content'].data.shape, signal").result
    assert result == ("mine", (5, 6), [1])
    # The same maps keep their name; others get the next.
    assert hand_over({"maps": maps}).names == {"maps": "maps_2"}
    assert hand_over({"maps": small_maps()}).names == {"maps": "maps_3"}
    bar.set_maps(maps)
    bar.hand_over()
    assert bar.heard == [("said", "maps_2 in the running IPython session.")]
    assert not bar.saving


def test_a_plain_prompt_gets_them_too_and_a_program_does_not(monkeypatch):
    monkeypatch.setattr(hyperspy_session, "_shell", lambda: None)
    names = {}
    monkeypatch.setattr(hyperspy_session, "_main", lambda: names)
    monkeypatch.setattr(hyperspy_session, "_is_interactive", lambda: False)
    handed = hand_over({"maps": 1})
    assert (handed.places, handed.in_session, handed.words, names) == ((), False, "", {})
    monkeypatch.setattr(hyperspy_session, "_is_interactive", lambda: True)
    assert hand_over({"maps": 1}).words == "maps in the running Python session"
    assert names == {"maps": 1}


def test_without_a_session_saving_is_offered_and_the_line_to_paste_is_copied(
    bar, answer, until, tmp_path, monkeypatch, qapp
):
    monkeypatch.setattr(hyperspy_session, "_shell", lambda: None)
    monkeypatch.setattr(hyperspy_session, "_is_interactive", lambda: False)
    maps = small_maps()
    bar.set_maps(maps)
    answer(tmp_path / "it's.hspy")
    bar.hand_over()
    until(lambda: not bar.saving and len(bar.heard) == 2)
    names = {}
    exec(qapp.clipboard().text(), names)  # noqa: S102 - what is tested
    np.testing.assert_array_equal(names["maps"].array("li_content"), maps.array("li_content"))
    assert qapp.clipboard().text() in bar.heard[-1][1]


def test_napari_hands_them_to_its_own_console(monkeypatch):
    monkeypatch.setattr(hyperspy_session, "_shell", lambda: None)
    monkeypatch.setattr(hyperspy_session, "_is_interactive", lambda: False)
    pushed = {}

    class Viewer:
        def update_console(self, named):
            pushed.update(named)

    handed = hand_over({"maps": 1}, Viewer())
    assert pushed == {"maps": 1}
    assert (handed.in_session, handed.words) == (False, "maps in napari's console")


def test_free_names_avoid_those_given_at_the_same_time():
    assert free_name("a", 1, [{"a": 2, "a_2": 2}], {"a_3"}) == "a_4"
