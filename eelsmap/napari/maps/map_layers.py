"""Maps as napari layers: one a property, with interval widths and hatched flags, shown by presets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Layer
from numpy.typing import NDArray

from eelsmap.napari.maps.layer_data import map_layer
from eelsmap.napari.maps.layer_making import dress, layers_of, list_position, make_layer, redraw, select_shown
from eelsmap.napari.maps.layer_plans import MapValues, plan_layers
from eelsmap.napari.maps.looks import MapLooks, show_scale_bar
from eelsmap.napari.maps.presets import PRESETS
from eelsmap.napari.maps.shown_maps import ShownMaps
from eelsmap.napari.maps.specimen_name import SpecimenName
from eelsmap.napari.maps.status_bar import tell_pixels, visible_words
from eelsmap.napari.window.one_by_one import OneByOne

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from eelsmap.mapping.property_maps import PropertyMaps

__all__ = ["MapLayers"]

_ADD_EVERY, _REDRAW_EVERY = 20, 60
"""Milliseconds before a layer is added or redrawn, in which the viewer answers to its user."""

_LOOKS = "hatching, names and colour bars"


class MapLayers:
    """The layers of one set of maps.

    All methods belong to the GUI thread. napari takes about a tenth of a second to add a layer: they appear one after
    another, the visible ones first. Layers of interval widths are added when they are first shown.

    Parameters
    ----------
    viewer
        The napari viewer.
    maps
        The maps; lazy ones appear block by block through :meth:`update_block`.
    name
        Name of the specimen, which stands before the name of each layer when maps of several are open.
    """

    def __init__(self, viewer: Viewer, maps: PropertyMaps, *, name: str) -> None:
        self.viewer = viewer
        self.maps = maps
        self.name = name
        self.values = MapValues(maps)
        self.layers: dict[str, Layer] = {}
        """Layers in the viewer, by name of the map (``li_content``, ``li_content_width``, ``flags``)."""
        self.flags_shown = True
        self.changed: Callable[[], None] = lambda: None
        """Called when what is shown has changed."""
        self._plans = {plan.key: plan for plan in plan_layers(self.values)}
        self._deleted: set[str] = set()
        self._setting = self._selected = False
        self._named = SpecimenName(viewer, name, self._rename)
        self._adopt()
        self._shown = ShownMaps(self.values, self._plans)
        self._looks = MapLooks(viewer, self.values, maps.axes)
        self._adding = OneByOne(self._add, pause=_ADD_EVERY)
        self._stale = OneByOne(self._redraw, pause=_REDRAW_EVERY)
        self._heard = (
            (viewer.layers.events.removed, self._on_removed),
            (viewer.canvas.grid.events.enabled, self._look_again),
            (viewer.dims.events.current_step, self._look_again),
            (viewer.canvas.events.size, self._look_again),
        )
        for event, answer in self._heard:
            event.connect(answer)
        self._named.enter()
        self.show_preset(next((one for one in PRESETS if self.available(one)), "quality"))
        self._adding.want(
            key for key, plan in self._plans.items() if plan.kind != "interval" and key not in self.layers
        )
        show_scale_bar(viewer, maps.axes)

    @property
    def preset(self) -> str:
        """The preset chosen last."""
        return self._shown.preset

    @property
    def widths_shown(self) -> bool:
        """Whether interval widths stand in place of the values."""
        return self._shown.widths

    @property
    def side_by_side(self) -> bool:
        """Whether the maps of a preset stand side by side; else one is shown."""
        return self._shown.side_by_side

    def available(self, preset: str) -> bool:
        """Whether there is a map to show in a preset."""
        return self._shown.available(preset)

    def show_preset(self, name: str) -> None:
        """Show the maps of a preset and hide the others of these maps.

        Chosen again, a preset is shown as it was at first; or its next map, where maps do not stand side by side.

        Parameters
        ----------
        name
            A key of :data:`eelsmap.napari.maps.presets.PRESETS`.
        """
        self._remember()
        if self._shown.choose(name):
            self._deleted -= self._shown.keys
        self._show()

    def show_flags(self, shown: bool) -> None:
        """Hatch flagged pixels, or do not."""
        self.flags_shown = shown
        self._look()
        self.changed()

    def show_widths(self, shown: bool) -> None:
        """Show interval widths in place of the values, or the values."""
        self._remember()
        self._shown.show_widths(shown)
        self._show()

    def show_side_by_side(self, wanted: bool) -> None:
        """Show the maps of a preset side by side, or one of them; then choosing its preset again shows the next."""
        self._remember()
        self._shown.show_side_by_side(wanted)
        self._show()

    def update_block(self, place: tuple[slice, ...], values: NDArray[Any]) -> None:
        """Let a finished block appear.

        Parameters
        ----------
        place
            Its navigation slices.
        values
            Shape (block navigation..., map), in the order of the maps' names.
        """
        self.values.update(place, values)
        self._stale.want([*(key for key, layer in self.layers.items() if layer.visible), _LOOKS])

    def finish(self) -> None:
        """Take the computed maps."""
        self.values.take(self.maps)
        self._stale.want([*self.layers, _LOOKS])

    def complete(self) -> None:
        """Add and redraw at once what waits for its turn."""
        self._adding.now()
        self._stale.now()

    def stop(self) -> None:
        """Add and redraw nothing more, since the window closes."""
        self._adding.stop()
        self._stale.stop()

    def remove(self) -> None:
        """Take all layers of these maps out of the viewer, and leave its grid as it was."""
        self.stop()
        for event, answer in self._heard:
            event.disconnect(answer)
        self._named.leave()
        for layer in list(self.layers.values()):
            if layer in self.viewer.layers:
                self.viewer.layers.remove(layer)
        self.layers.clear()
        self._looks.leave()

    def words_at(self, position: Iterable[float]) -> str:
        """Say what the visible maps hold at a position in world coordinates; empty outside the maps."""
        return visible_words(self.values, self._plans, self.layers, position)

    def _remember(self) -> None:
        """Keep what the user made visible in a preset, once all of it had come."""
        if not self._shown.keys & set(self._adding.waiting):
            self._shown.leave(key for key, layer in self.layers.items() if layer.visible and key != "flags")

    def _show(self) -> None:
        """Show what is chosen, and add what is missing."""
        shown = self._shown.keys
        self._setting = True
        changed = [key for key, layer in self.layers.items() if key != "flags" and layer.visible != (key in shown)]
        if changed:
            self._looks.pause()
        for key in changed:
            self.layers[key].visible = key in shown
        self._setting = False
        select_shown(self.viewer.layers, self.layers, [key for key in self._plans if key in shown])
        ordered = [key for key in self._plans if key in shown or key == "flags"]
        self._adding.want_first(key for key in ordered if key not in self.layers and key not in self._deleted)
        self._arrange()
        self.changed()

    def _arrange(self) -> None:
        """Set what is shown side by side, once all of it has come: a grid is slow to grow cell by cell."""
        if not self._shown.keys & set(self._adding.waiting):
            self._setting = True
            self._looks.arrange(self.layers, len(self._shown.keys))
            self._setting = False
            self._look()

    def _look(self) -> None:
        """Mark what is shown."""
        self._setting = True
        self._looks.look(self.layers, hatched=self.flags_shown)
        self._setting = False

    def _look_again(self) -> None:
        """Look at hatching and cells again soon."""
        self._stale.want([_LOOKS])

    def _add(self, key: str) -> None:
        """Add one layer."""
        plan = self._plans[key]
        visible = key in self._shown.keys
        content = map_layer(
            plan, self.values.shown(plan), self.maps.axes, title=self._named.title(plan), visible=visible,
            metadata={"name": self.name, "maps": self.maps},
        )  # fmt: skip
        layer = make_layer(content)
        chosen = set(self.viewer.layers.selection)
        self.viewer.layers.insert(list_position(self.viewer.layers, self.layers, list(self._plans), key), layer)
        self._take(key, layer)
        # Adding selects the new layer. The first map is to be selected, since the status bar tells of what is selected;
        # afterwards the user may be at work on another layer.
        if chosen and not (visible and chosen.isdisjoint(self.layers.values()) and not self._selected):
            self.viewer.layers.selection = chosen
        else:
            self._selected = True
        if visible or plan.kind == "flags":
            self._arrange()

    def _adopt(self) -> None:
        """Take over layers of these maps that the reader made."""
        for key, layer in layers_of(self.viewer.layers, self.maps, self._plans):
            dress(layer)
            self._take(key, layer)
            if isinstance(layer, Image):
                layer.data = self.values.shown(self._plans[key])

    def _take(self, key: str, layer: Layer) -> None:
        """Serve a layer."""
        self.layers[key] = layer
        tell_pixels(layer, self.words_at)
        layer.events.visible.connect(self._on_visible)

    def _redraw(self, key: str) -> None:
        """Draw a layer anew."""
        if key == _LOOKS:
            self._look()
        if key in self.layers:
            redraw(self.layers[key], self._plans[key], self.values.shown(self._plans[key]))

    def _rename(self) -> None:
        """Name the layers anew after other maps came; a name that the user gave stays."""
        for key, layer in self.layers.items():
            if layer.name.endswith(self._plans[key].title):
                layer.name = self._named.title(self._plans[key])

    def _on_removed(self, event: Any) -> None:
        """Forget a layer that the user deleted."""
        for key, layer in list(self.layers.items()):
            if layer is event.value:
                del self.layers[key]
                self._deleted.add(key)

    def _on_visible(self, event: Any) -> None:
        """Follow the eye of a layer that the user opened or closed."""
        if self._setting:
            return
        flags = self.layers.get("flags")
        if flags is not None and event.source is flags and not self.viewer.canvas.grid.enabled:
            self.flags_shown = bool(flags.visible)
            self.changed()
        self._look_again()
