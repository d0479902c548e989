"""A property map behaves as a HyperSpy signal on the navigation axes of its image."""

import hyperspy.api as hs
import matplotlib.pyplot as plt
import numpy as np
import pytest

from eelsmap.signals import LazyPropertyMap, PropertyMap

BOTH = pytest.mark.parametrize("lazy", [False, True])


def make(shape, lazy=False):
    axes = [
        {"name": name, "size": size, "scale": 2.0, "offset": 1.0, "units": "nm", "navigate": True}
        for name, size in zip("zyx"[-len(shape) :], shape, strict=True)
    ]
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    signal = PropertyMap(values, axes=axes, metadata={"General": {"title": "Li content"}, "EELSMap": {"unit": "nm"}})
    return signal.as_lazy() if lazy else signal


@BOTH
@pytest.mark.parametrize("shape", [(1,), (5,), (2, 21), (2, 3, 4)])
def test_types_survive_what_hyperspy_does(tmp_path, shape, lazy):
    signal = make(shape, lazy)
    assert type(signal) is (LazyPropertyMap if lazy else PropertyMap)
    assert signal.axes_manager.navigation_shape == shape[::-1]
    assert signal.axes_manager.signal_dimension == 0
    assert signal.unit == "nm"
    assert type(signal.inav[:1]) is type(signal)
    assert type(signal.deepcopy()) is type(signal)
    lazily = make(shape).as_lazy()
    lazily.compute(show_progressbar=False)
    assert type(lazily) is PropertyMap
    make(shape).save(tmp_path / "map.hspy")
    again = hs.load(tmp_path / "map.hspy", lazy=lazy)
    assert type(again) is type(signal)
    np.testing.assert_array_equal(np.asarray(again.data), np.asarray(signal.data))
    assert again.axes_manager.navigation_axes[0].scale == 2
    assert again.metadata.General.title == "Li content"


def test_set_signal_type():
    signal = hs.signals.BaseSignal(np.zeros((3, 4))).transpose(navigation_axes=2)
    signal.set_signal_type("PropertyMap")
    assert type(signal) is PropertyMap


@BOTH
def test_plot_shows_image_or_profile(lazy):
    make((2, 21), lazy).plot()
    shown = [image for axes in plt.gcf().axes for image in axes.images]
    assert any(image.get_array().shape == (2, 21) for image in shown)
    plt.close("all")
    make((21,), lazy).plot()
    assert any(len(line.get_xdata()) == 21 for axes in plt.gcf().axes for line in axes.lines)
    plt.close("all")


def test_map_is_a_navigator_and_an_image():
    image = hs.signals.Signal1D(np.ones((2, 21, 9)))
    image.plot(navigator=make((2, 21)))
    plt.close("all")
    assert type(make((2, 21)).T).__name__ == "Signal2D"
    assert make((2, 21)).T.axes_manager.signal_shape == (21, 2)
