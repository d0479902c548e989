"""Hand objects to the Python session that napari runs in, where HyperSpy is waiting for them."""

from __future__ import annotations

import sys
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

__all__ = ["HandedOver", "free_name", "hand_over"]

_CONSOLE = "napari's console"


@dataclass(frozen=True, slots=True)
class HandedOver:
    """Under what names objects are now known, and where.

    Parameters
    ----------
    names
        Wanted name to the name that was free.
    places
        Where they are known, in words; empty where there is no session.
    """

    names: Mapping[str, str]
    places: tuple[str, ...]

    @property
    def in_session(self) -> bool:
        """Whether a session other than napari's own console knows them."""
        return bool(set(self.places) - {_CONSOLE})

    @property
    def words(self) -> str:
        """What was done, as a sentence; empty where there is no session."""
        if not self.places:
            return ""
        return f"{' and '.join(self.names.values())} in {' and in '.join(self.places)}"


def hand_over(objects: Mapping[str, Any], /, viewer: Any = None) -> HandedOver:
    """Make objects known in the IPython or Jupyter session of this process, and in napari's own console.

    Parameters
    ----------
    objects
        Wanted name to object. A name that is taken by something else gets a number; the same object keeps its name.
    viewer
        A napari viewer, whose console gets them as well, also when it is opened later.

    Returns
    -------
    HandedOver
        The names, and where they are known.
    """
    shell, places = _shell(), []
    namespaces = [shell.user_ns] if shell is not None else [_main()] if _is_interactive() else []
    names: dict[str, str] = {}
    for wanted, value in objects.items():
        names[wanted] = free_name(wanted, value, namespaces, taken=set(names.values()))
    named = {names[wanted]: value for wanted, value in objects.items()}
    if shell is not None:
        shell.push(named)
        inside = type(shell).__name__ == "InProcessInteractiveShell"
        places.append(_CONSOLE if inside else "the running IPython session")
    elif namespaces:
        namespaces[0].update(named)
        places.append("the running Python session")
    if viewer is not None:
        viewer.update_console(named)
        if not places:
            places.append(_CONSOLE)
    return HandedOver(names, tuple(places))


def free_name(wanted: str, value: Any, namespaces: list[Any], /, taken: set[str] | None = None) -> str:
    """Return the first of name, name_2, name_3, ... that is free, or that means this very object already."""
    number, name = 1, wanted
    while name in (taken or ()) or any(name in space and space[name] is not value for space in namespaces):
        number += 1
        name = f"{wanted}_{number}"
    return name


def _shell() -> Any:
    """Return the IPython shell of this process, in a terminal or a Jupyter kernel; None without one."""
    # Nobody can be in a session of a module that was never imported.
    ipython = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()


def _is_interactive() -> bool:
    """Whether a plain Python prompt is waiting."""
    return hasattr(sys, "ps1")


def _main() -> MutableMapping[str, Any]:
    """Names at the Python prompt."""
    return vars(sys.modules["__main__"])
