"""The preset bar: buttons, boxes, keys; it shows what the layers show and asks nothing of maps that there are not."""

import pytest

from eelsmap.napari.maps.presets import PRESETS

pytest.importorskip("qtpy", reason="Qt is not installed")


class Layers:
    """What the bar asks of map layers."""

    def __init__(self):
        self.preset, self.flags_shown, self.widths_shown, self.side_by_side = "Li", True, False, True
        self.asked = []

    def available(self, preset):
        return preset != "defects"

    def show_preset(self, name):
        self.preset = name
        self.asked.append(name)
        self.changed()

    def show_flags(self, shown):
        self.asked.append(("flags", shown))

    def show_widths(self, shown):
        self.asked.append(("widths", shown))

    def show_side_by_side(self, wanted):
        self.asked.append(("side by side", wanted))


@pytest.fixture
def bar(qtbot):
    from eelsmap.napari.maps.preset_bar import PresetBar

    bar = PresetBar()
    qtbot.addWidget(bar)
    bar.resize(350, 80)
    bar.show()
    return bar


def test_bar_serves_layers(bar):
    assert not bar.isEnabled()
    layers = Layers()
    bar.set_layers(layers)
    assert layers.asked == [], "showing what is shown asks for nothing"
    assert [name for name, button in bar.buttons.items() if button.isChecked()] == ["Li"]
    assert [name for name, button in bar.buttons.items() if not button.isEnabled()] == ["defects"]
    assert bar.flags.isChecked()
    bar.buttons["all"].click()
    bar.buttons["all"].click()
    assert [name for name, button in bar.buttons.items() if button.isChecked()] == ["all"]
    for box in (bar.flags, bar.widths, bar.side_by_side):
        box.click()
    assert layers.asked == ["all", "all", ("flags", False), ("widths", True), ("side by side", False)]
    # The user closed the eye of the flags in the layer list.
    layers.flags_shown = True
    layers.changed()
    assert bar.flags.isChecked()
    bar.set_layers(None)
    assert not bar.isEnabled()
    layers.changed()


def test_bar_by_keyboard_and_nothing_cut_off(bar):
    bar.set_layers(Layers())
    assert list(bar.buttons) == list(PRESETS)
    shortcuts = [button.shortcut().toString() for button in bar.buttons.values()]
    assert shortcuts == [f"Alt+{number}" for number in range(1, 7)]
    for button, shortcut in zip(bar.buttons.values(), shortcuts, strict=True):
        assert shortcut in button.toolTip()
        assert button.accessibleName()
        assert button.width() >= button.fontMetrics().horizontalAdvance(button.text()) + 4
    assert bar.minimumSizeHint().width() <= 350
