"""Options of the command line that say how spectra are treated, and the recipe that they make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from eelsmap.recipe import Recipe

__all__ = ["treated_recipe", "treatment_options"]

# The ways are named here once more, since the recipe brings NumPy along, and help must come at once.
_OPTIONS = (
    click.option("--axis", "axis_mode", default=None, help="Energy axis: auto, none, zero_loss, global, per_edge."),
    click.option("--axis-offset", type=float, help="Added to the recorded energy axis first (eV)."),
    click.option("--background", default=None, help="Background: weighted, two_area, likelihood, fixed_exponents."),
    click.option("--neighbours", type=float, help="Width (pixels) over which neighbours lend the background's shape."),
    click.option("--deconvolve", is_flag=True, help="Remove plural scattering with the low loss (Fourier-ratio)."),
    click.option("--average", type=float, help="Width (pixels) of a Gaussian over which pixels are averaged."),
    click.option("--denoise", is_flag=True, help="Keep the principal components that stand above noise."),
    click.option("--saturation", type=float, help="Counts at which the detector saturates, where it is known."),
)


def treatment_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of treatment; its function gets them as keywords for :func:`treated_recipe`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def treated_recipe(
    recipe: Recipe,
    /,
    *,
    axis_mode: str | None = None,
    axis_offset: float | None = None,
    background: str | None = None,
    neighbours: float | None = None,
    deconvolve: bool = False,
    average: float | None = None,
    denoise: bool = False,
    saturation: float | None = None,
) -> Recipe:
    """Change the steps of a recipe that a user has said something about.

    Raises
    ------
    RecipeError
        A value cannot be used.
    """
    if axis_mode is not None:
        recipe = recipe.with_axis_mode(axis_mode)
    if axis_offset is not None:
        recipe = replace(recipe, energy_axis=replace(recipe.energy_axis, offset=axis_offset))
    if background is not None:
        recipe = replace(recipe, background=replace(recipe.background, method=background))
    if neighbours is not None:
        recipe = replace(recipe, background=replace(recipe.background, neighbours=neighbours))
    if deconvolve:
        recipe = replace(recipe, plural_scattering=replace(recipe.plural_scattering, method="fourier_ratio"))
    if average is not None:
        recipe = replace(recipe, noise=replace(recipe.noise, average=average))
    if denoise:
        recipe = replace(recipe, noise=replace(recipe.noise, denoise=True))
    if saturation is not None:
        recipe = replace(recipe, detector=replace(recipe.detector, saturation=saturation))
    return recipe
