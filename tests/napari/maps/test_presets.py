"""Presets, layer plans and the choice of what is shown: no Qt needed."""

import numpy as np
import pytest

from eelsmap.errors import PixelFlag
from eelsmap.mapping import PropertyMaps
from eelsmap.mapping.map_names import map_info
from eelsmap.napari.maps.cursor_words import pixel_words, value_words, words_inside
from eelsmap.napari.maps.layer_plans import MapValues, plan_layers
from eelsmap.napari.maps.presets import PRESETS, in_group_order, maps_of_preset
from eelsmap.napari.maps.shown_maps import ShownMaps
from eelsmap.properties import PROPERTIES

NAMES = [name + ending for name in PROPERTIES for ending in ("", "_lower", "_upper")]
NAMES += ["novelty", "counts", "snr_O_K", "snr_Mn_L", "snr_Co_L", "snr_Ni_L", "flags"]


def test_presets_cover_every_property_once():
    groups = [name for preset in ("Li", "metals", "valence", "defects") for name in PRESETS[preset]]
    assert sorted(groups) == sorted(PROPERTIES) == sorted(PRESETS["all"])
    assert PRESETS["Li"] == ("li_content", "li_count")
    for preset, wanted in PRESETS.items():
        assert maps_of_preset(preset, NAMES[::-1]) == list(wanted)


def test_maps_of_other_models_have_their_place():
    names = ["counts", "strain", "li_count", "flags", "strain_error", "background_chi2_O_K"]
    assert in_group_order(names) == ["li_count", "strain", "counts", "background_chi2_O_K"]
    assert maps_of_preset("all", names) == ["li_count", "strain"]
    assert maps_of_preset("quality", names) == ["counts", "background_chi2_O_K"]
    assert maps_of_preset("metals", names) == []
    assert [plan.key for plan in plan_layers(names)][-1] == "strain_width"


def test_plans_run_from_flags_to_widths_with_physical_limits():
    plans = plan_layers(NAMES)
    assert [plan.kind for plan in plans] == ["flags"] + 10 * ["map"] + 6 * ["quality"] + 10 * ["interval"]
    nothing = np.full((2, 2), np.nan)
    for plan in plans:
        if plan.kind == "map":
            assert plan.limits(nothing) == PROPERTIES[plan.name].limits
            assert plan.colormap == PROPERTIES[plan.name].colormap
        if plan.kind == "interval":
            low, high = PROPERTIES[plan.name].limits
            assert plan.limits(nothing) == (0, high - low)


@pytest.mark.parametrize(
    ("name", "values", "limits"),
    [
        ("counts", np.arange(201.0), (1, 199)),
        ("counts", np.full(5, 7.0), (6.5, 7.5)),
        ("counts", np.full(5, np.nan), (0, 1)),
        ("energy_shift", np.array([-1.0, 0, 3]), (-2.98, 2.98)),
    ],
)
def test_limits_without_a_physical_range(name, values, limits):
    [plan] = plan_layers([name])
    assert plan.limits(values) == pytest.approx(limits, abs=0.03)


def test_choice():
    keys = [plan.key for plan in plan_layers(NAMES)]
    shown = ShownMaps(NAMES, keys)
    shown.choose("Li")
    assert shown.keys == {"li_content", "li_count"}
    shown.leave(["li_count"])
    shown.show_widths(True)
    assert shown.keys == {"li_content_width", "li_count_width"}
    shown.choose("quality")
    assert shown.keys == set(PRESETS["quality"]), "quality has no widths"
    shown.show_widths(False)
    shown.choose("Li")
    assert shown.keys == {"li_count"}, "as it was left"
    shown.choose("Li")
    assert shown.keys == {"li_content", "li_count"}, "pressed again, as at first"
    shown.show_side_by_side(False)
    turns = [shown.keys]
    for _ in range(2):
        shown.choose("Li")
        turns.append(shown.keys)
    assert turns == [{"li_content"}, {"li_count"}, {"li_content"}]


def values_of(stack, names):
    size = [{"name": "x", "size": len(stack), "scale": 1.0, "offset": 0.0, "units": "nm"}]
    return MapValues(PropertyMaps(np.asarray(stack, dtype=np.float32), names, size, {}))


def test_words_of_a_pixel():
    names = ["li_content", "li_content_lower", "li_content_upper", "strain", "strain_error", "flags"]
    vacuum = int(PixelFlag.LOW_COUNTS | PixelFlag.MN_L_WEAK)
    values = values_of([[0.5, 0.25, 1, 12345, 1, PixelFlag.NOVEL], [*5 * [np.nan], vacuum], [*5 * [np.nan], 0]], names)
    words = pixel_words(values, (0,), ["li_content", "strain"])
    assert words == (
        "pixel (0): flagged: unlike every spectrum that the model has seen  ·  "
        "Li content 0.50 (0.25 to 1.00) Li per metal  ·  strain 12\u202f345 (12\u202f344 to 12\u202f346)"
    )
    assert pixel_words(values, (1,), []) == "pixel (1): flagged: too few counts (vacuum or a hole)"
    assert pixel_words(values, (2,), ["li_content"]) == "pixel (2): Li content: no answer"
    assert words_inside(values, (0.49, 1.4), []).startswith("pixel (1)")
    assert words_inside(values, (0.0, 2.6), []) == ""
    assert words_inside(values, (0.0, -0.6), []) == ""
    nan = float("nan")
    assert value_words(map_info("novelty"), 1.5, nan, nan) == "Novelty 1.50"


def test_widths_follow_the_blocks():
    names = ["li_content", "li_content_lower", "li_content_upper"]
    values = values_of(np.full((4, 3), np.nan), names)
    values.update((slice(1, 3),), np.array([[0.5, 0.25, 0.75], [0.5, 0.5, 0.625]], dtype=np.float32))
    width = next(plan for plan in plan_layers(names) if plan.kind == "interval")
    np.testing.assert_array_equal(values.shown(width), [[np.nan, 0.5, 0.125, np.nan]])
