"""Command ``eelsmap explain``: what a model looks at, or why it says what it says of one pixel."""

from __future__ import annotations

from pathlib import Path

import click

from eelsmap.errors import NO_ANSWER, EelsmapError

__all__ = ["explain"]


@click.command()
@click.argument("path", type=click.Path(path_type=Path, readable=False), required=False, metavar="[FILE]")
@click.option("--model", default="nmc", show_default=True, help="Shipped model by name, or path of a bundle.")
@click.option("--property", "target", default="li_content", show_default=True, help="Property to explain.")
@click.option("--pixel", type=int, nargs=2, default=None, metavar="Y X", help="Row and column of a pixel, from 0 on.")
@click.option("--position", type=int, default=None, help="Place in a line of spectra, from 0 on.")
@click.option("--axis", "axis_mode", default=None, help="Energy axis: auto, none, zero_loss, global or per_edge.")
@click.option("--importance", is_flag=True, help="Explain the model instead of a pixel.")
@click.option("--rows", default=2000, show_default=True, help="Simulated spectra for the permutation importance.")
@click.option("--carried", is_flag=True, help="Measure how well contributions tell what a change of a window does.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Figure to write.")
def explain(
    path: Path | None,
    model: str,
    target: str,
    pixel: tuple[int, int] | None,
    position: int | None,
    axis_mode: str | None,
    importance: bool,
    rows: int,
    carried: bool,
    out: Path | None,
) -> None:
    """Explain one pixel of FILE, or, with --importance, what a model looks at."""
    if importance or carried:
        if path is not None:
            raise click.UsageError("--importance and --carried explain the model; leave FILE out")
        _explain_model(model, target, rows, out, carried=carried)
        return
    if path is None:
        raise click.UsageError("name a FILE, or pass --importance to explain the model itself")
    _explain_pixel(path, model, target, _place(pixel, position), axis_mode, out)


def _place(pixel: tuple[int, int] | None, position: int | None) -> tuple[int, ...]:
    """Place of the pixel in the order of the array; that of a single spectrum when nothing is said."""
    if pixel is not None and position is not None:
        raise click.UsageError("pass --pixel for an image or --position for a line, not both")
    if pixel is not None:
        return pixel
    return () if position is None else (position,)


def _explain_pixel(
    path: Path, name: str, target: str, place: tuple[int, ...], axis_mode: str | None, out: Path | None
) -> None:
    """Print and draw the explanation of one pixel."""
    from eelsmap.commands.results import save_figure
    from eelsmap.errors import describe_flags
    from eelsmap.io import load
    from eelsmap.mapping.explain_pixel import explain_pixel
    from eelsmap.models import load_model
    from eelsmap.plot.explanation import plot_explanation

    model = load_model(name)
    result = explain_pixel(load([path], lazy=True)[0], place, target, model, axis_mode=axis_mode)
    flags = int(result.flags[0])
    at = f"{path.name}, pixel {', '.join(map(str, place))}" if place else path.name
    if result.value[0] != result.value[0]:
        reasons = describe_flags(flags & NO_ANSWER) or describe_flags(flags)
        raise EelsmapError(f"{at}: no answer for {target} that could be explained: {'; '.join(reasons)}")
    click.echo(f"{target} {result.value[0]:.3f} {result.unit}, usually {result.base:.3f}")
    parts = {**result.by_edge(), **result.others}
    for part, value in sorted(parts.items(), key=lambda item: -abs(item[1][0])):
        if abs(value[0]) >= 5e-4:
            click.echo(f"  {value[0]:+.3f}  {part}")
    for reason in describe_flags(flags):
        click.echo(f"  note: {reason}")
    if out is not None:
        footer = [f"{at}. Model {model.name} {model.version} ({model.sha256[:8]}), trained on simulated spectra.",
                  *describe_flags(flags)]  # fmt: skip
        save_figure(plot_explanation(result, footer=footer), out)
        click.echo(f"  {out}")


def _explain_model(name: str, target: str, rows: int, out: Path | None, *, carried: bool) -> None:
    """Print and draw what a model looks at."""
    from eelsmap.commands.counting_bar import counting_bar
    from eelsmap.commands.results import save_figure
    from eelsmap.library import load_library
    from eelsmap.models import load_model
    from eelsmap.models.explanation_check import replacement_agreement
    from eelsmap.models.importance import model_importance
    from eelsmap.models.permutation import permutation_importance
    from eelsmap.plot.importance import plot_importance

    model, library = load_model(name), load_library("nmc")
    if carried:
        for way, value in replacement_agreement(model, library, target, rows=rows).items():
            click.echo(f"{way:12s} {value:.2f}")
        return
    shares = model_importance(model, target)
    with counting_bar("exchanging", "part") as advance:
        rises = permutation_importance(model, library, target, rows=rows, progress=advance)
    click.echo(
        f"{target}: {rises.metric} {rises.error:.4f} on {rises.spectra} simulated spectra of held-out structures"
    )
    click.echo("edge      gain  splits  rise of the error without its shape")
    for edge, gain in shares.gain.items():
        click.echo(
            f"{edge:6s} {100 * gain.sum():5.1f} % {100 * shares.splits[edge].sum():5.1f} %  "
            f"{rises.by_group[f'shape {edge}']:+.4f}"
        )
    for group, rise in rises.by_group.items():
        if not group.startswith("shape"):
            click.echo(f"{group:23s} {rise:+.4f}")
    if out is not None:
        save_figure(plot_importance(shares, rises), out)
        click.echo(str(out))
