"""The phantom behind ``eelsmap demo``: one call that writes a spectrum image with its truth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from eelsmap.phantom.image import make_phantom
from eelsmap.phantom.microscope import Microscope

__all__ = ["write_demo"]


def write_demo(
    path: str | Path,
    *,
    shape: tuple[int, int] = (48, 64),
    scale_nm: float = 1.0,
    seed: int = 0,
    overwrite: bool = False,
    **settings: Any,
) -> list[Path]:
    """Make a phantom and write it.

    Parameters
    ----------
    path
        ``name.hspy`` or ``name.dm4``; see :func:`eelsmap.phantom.files.save_phantom`.
    shape
        (rows, columns).
    scale_nm
        Size of a pixel, nm.
    seed
        Seed of specimen and noise.
    overwrite
        Whether existing files may be replaced.
    **settings
        Settings of :class:`~eelsmap.phantom.microscope.Microscope`, for instance ``counts=3e4`` or
        ``dual_eels=True``.

    Returns
    -------
    list of pathlib.Path
        The files written: core loss, low loss with dual EELS, truth.

    Raises
    ------
    TypeError
        The microscope has no setting of that name.
    EelsmapError
        A setting is out of its range or a file cannot be written.
    """
    microscope = replace(Microscope(seed=seed), **settings)
    phantom = make_phantom(shape, microscope=microscope, scale_nm=scale_nm, seed=seed)
    return phantom.save(path, overwrite=overwrite)
