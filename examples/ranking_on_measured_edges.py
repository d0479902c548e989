"""Which valence of manganese the library finds in measured Mn L2,3 edges, against wrong ones.

Nothing is fitted but one scale factor: width and plural scattering are those of the low loss of the specimen, every
candidate lies with its own L3 maximum on the measured one (`eelsmap.library.ranking`). One table per edge gives what a
candidate leaves unexplained, beside ratio, distance and continuum of the white lines; the figure shows the shapes.
A spectrum image whose low loss has the same pixels is also ranked in its thinner and its thicker half.

Run: ``python examples/ranking_on_measured_edges.py core_loss.dm3 low_loss.dm3 [more pairs] --figure ranking.png``
"""

from __future__ import annotations

import argparse
from pathlib import Path

import hyperspy.api as hs
import numpy as np
from matplotlib.figure import Figure

from eelsmap.edges import NMC_EDGES
from eelsmap.errors import LibraryError
from eelsmap.library.assemble import DATA
from eelsmap.library.ranking import WINDOW, LineFigures, MeasuredEdge, candidate, line_figures, measured_edge, rank
from eelsmap.library.white_lines import WhiteLines
from eelsmap.preprocess.edge_location import locate_edges

CANDIDATES = [{"Mn2": 1.0}, {"Mn3": 1.0}, {"Mn4": 1.0}, {"Mn2": 0.5, "Mn3": 0.5}, {"Mn3": 0.5, "Mn4": 0.5}]
COLOURS = {"Mn2": "#c2571a", "Mn3": "#2e7d4f", "Mn4": "#0b5394"}
ZERO_LOSS_EV = 5.0


def pixels(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Energy and counts (pixel, channel) of a file."""
    signal = hs.load(path)
    energy = signal.axes_manager.signal_axes[0].axis
    return energy, signal.data.reshape(-1, energy.size).astype(float)


def read(core_loss: Path, low_loss: Path) -> dict[str, MeasuredEdge]:
    """Mn edges of two files by name: the sum of all bright pixels, and of their thinner and thicker half.

    Bright is what holds at least half of the median counts; thickness is the logarithm of all electrons over those
    within 5 eV of the zero loss. The edge is found by the package's own edge finder.
    """
    energy, counts = pixels(core_loss)
    low_energy, low_counts = pixels(low_loss)
    total = counts.sum(axis=1)
    bright = total >= 0.5 * np.median(total)
    parts = {core_loss.stem: bright}
    if len(low_counts) == len(counts) > 1:
        zero = low_energy[low_counts.sum(axis=0).argmax()]
        elastic = low_counts[:, np.abs(low_energy - zero) < ZERO_LOSS_EV].sum(axis=1)
        thickness = np.log(low_counts.sum(axis=1) / elastic)
        middle = np.median(thickness[bright])
        parts[f"{core_loss.stem}, thinner half"] = bright & (thickness <= middle)
        parts[f"{core_loss.stem}, thicker half"] = bright & (thickness > middle)
    found = locate_edges(counts[bright].sum(axis=0), energy, NMC_EDGES)
    if "Mn_L" not in found:
        raise LibraryError(f"{core_loss}: no Mn L2,3 edge found")
    near = NMC_EDGES["Mn_L"].lines[0].energy + found["Mn_L"].displacement
    edges = {}
    for name, part in parts.items():
        low = low_counts[part] if len(low_counts) == len(counts) else low_counts
        sums = counts[part].sum(axis=0), low.sum(axis=0)
        edges[name] = measured_edge("Mn", energy, sums[0], low_energy, sums[1], near=near)
    return edges


def row(name: str, mismatch: str, lines: LineFigures) -> str:
    """One line of the table."""
    return (
        f"{name:24} {mismatch:>8} {lines.area_ratio:8.2f} {lines.height_ratio:8.2f} {lines.distance:9.2f} "
        f"{lines.continuum:10.2f} {lines.width:7.1f}"
    )


def table(name: str, edge: MeasuredEdge, lines: WhiteLines) -> str:
    """White lines of the measurement and of every candidate, best first, at three Slater reductions."""
    text = [
        f"{name}: L3 maximum at {edge.l3:.2f} eV on the recorded axis",
        f"{'':24} {'mismatch':>8} {'L3/L2':>8} {'heights':>8} {'L2-L3':>9} {'continuum':>10} {'width':>7}",
        row("measured", "", line_figures(edge, edge.net)),
    ]
    for reduction in (0.0, 0.5, 1.0):
        text.append(f"Slater reduction at {reduction:g} of each ion's range")
        text += [
            row(item.name, f"{item.mismatch:.4f}", item.lines) for item in rank(edge, lines, CANDIDATES, reduction)
        ]
    return "\n".join(text)


def main() -> None:
    """Print the tables and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "files",
        type=Path,
        nargs="+",
        help="core loss with Mn L2,3 and low loss with its zero-loss peak of the same specimen; more such pairs",
    )
    parser.add_argument("--figure", type=Path, help="file to draw, one panel a pair")
    arguments = parser.parse_args()
    if len(arguments.files) % 2:
        parser.error("give a low loss with every core loss")
    lines = WhiteLines.from_file(DATA / "multiplets.npz")
    whole = {}
    for core_loss, low_loss in zip(arguments.files[::2], arguments.files[1::2], strict=True):
        edges = read(core_loss, low_loss)
        whole[core_loss.stem] = edges[core_loss.stem]
        for name, edge in edges.items():
            print(table(name, edge, lines), end="\n\n")
    if arguments.figure:
        draw(whole, lines, arguments.figure)


def draw(edges: dict[str, MeasuredEdge], lines: WhiteLines, path: Path) -> None:
    """Draw every measured edge and the three pure candidates, each at its best scale factor."""
    figure = Figure(figsize=(7.2, 3.6 * len(edges)), layout="constrained")
    panels = figure.subplots(len(edges), sharex=True, squeeze=False)[:, 0]
    for axes, (name, edge) in zip(panels, edges.items(), strict=True):
        energy = edge.energy - edge.l3
        shown = (energy > -12) & (energy < 40)
        inside = (energy >= WINDOW[0]) & (energy <= WINDOW[1])
        top = edge.net[inside].max()
        axes.axvspan(*WINDOW, color="#eceef1", zorder=0, label="compared")
        axes.plot(energy[shown], edge.net[shown] / top, color="#1f2328", linewidth=1.6, label="measured")
        for item in rank(edge, lines, [{ion: 1.0} for ion in COLOURS]):
            shape = candidate(edge, lines, {item.name: 1.0})
            scale = (edge.net[inside] @ shape[inside]) / (shape[inside] @ shape[inside]) / top
            label = f"{item.name[:2]}{item.name[2]}+, mismatch {item.mismatch:.3f}"
            axes.plot(energy[shown], scale * shape[shown], color=COLOURS[item.name], linewidth=1.1, label=label)
        axes.set(title=name, ylabel="intensity / measured maximum", xlim=(-12, 40))
        axes.legend(frameon=False)
    panels[-1].set_xlabel("energy from the L3 maximum / eV")
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
