"""Which maps are shown: by preset, as values or interval widths, side by side or one at a time. No Qt here."""

from __future__ import annotations

from collections.abc import Iterable

from eelsmap.napari.maps.layer_plans import WIDTH
from eelsmap.napari.maps.presets import maps_of_preset

__all__ = ["ShownMaps"]


class ShownMaps:
    """The choice of the user, with what was made visible by hand in each preset.

    Parameters
    ----------
    names
        Names of all maps.
    keys
        Keys of all layers that there can be.
    """

    def __init__(self, names: Iterable[str], keys: Iterable[str]) -> None:
        self._names, self._keys = tuple(names), frozenset(keys)
        self._left: dict[tuple[str, bool], set[str]] = {}
        self._turn = 0
        self.preset = ""
        self.widths = False
        """Whether interval widths stand in place of values."""
        self.side_by_side = True
        """Whether all maps of a preset are shown; else one is, and choosing its preset again shows the next."""
        self.keys: set[str] = set()
        """Keys of the layers to be shown; flags are not among them."""

    def available(self, preset: str) -> bool:
        """Whether there is a map to show in a preset."""
        return bool(maps_of_preset(preset, self._names))

    def choose(self, preset: str) -> bool:
        """Choose a preset, as it was left; chosen again, as it was at first.

        Returns
        -------
        bool
            Whether it was chosen again.
        """
        again = preset == self.preset
        self._turn = self._turn + 1 if again else 0
        self.preset = preset
        self._decide(fresh=again)
        return again

    def show_widths(self, shown: bool) -> None:
        """Show interval widths, where there are any, or values."""
        self.widths = shown
        self._decide(fresh=False)

    def show_side_by_side(self, wanted: bool) -> None:
        """Show all maps of a preset or one of them."""
        self.side_by_side, self._turn = wanted, 0
        self._decide(fresh=False)

    def leave(self, visible: Iterable[str]) -> None:
        """Keep what is visible for when this preset is chosen again; nothing is no choice."""
        if self.preset and self.side_by_side:
            self._left[self.preset, self.widths] = set(visible)

    def _decide(self, *, fresh: bool) -> None:
        """Find what is shown."""
        names = maps_of_preset(self.preset, self._names)
        keys = [name + WIDTH if self.widths and name + WIDTH in self._keys else name for name in names]
        if not self.side_by_side and keys:
            self.keys = {keys[self._turn % len(keys)]}
        else:
            left = None if fresh else self._left.get((self.preset, self.widths))
            self.keys = left or set(keys)
