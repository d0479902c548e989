"""The specimen's name before the names of its layers, where maps of several specimens are open. No Qt here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from eelsmap.napari.maps.layer_plans import LayerPlan

__all__ = ["SpecimenName"]


_open: WeakKeyDictionary[Any, list[SpecimenName]] = WeakKeyDictionary()
"""Sets of maps in each viewer."""


class SpecimenName:
    """How the layers of one set of maps are called.

    Parameters
    ----------
    viewer
        The viewer that several sets share.
    name
        Name of the specimen.
    rename
        Called when the names of its layers have changed since another set came.
    """

    def __init__(self, viewer: Any, name: str, rename: Callable[[], None]) -> None:
        self._name, self._rename = name, rename
        self._sets = _open.setdefault(viewer, [])

    def enter(self) -> None:
        """Count from now on."""
        self._sets.append(self)
        for one in self._sets:
            one._rename()

    def title(self, plan: LayerPlan) -> str:
        """Name of a layer."""
        return f"{self._name}: {plan.title}" if len(self._sets) > 1 else plan.title

    def leave(self) -> None:
        """Count no longer; names that stand stay as they are."""
        if self in self._sets:
            self._sets.remove(self)
