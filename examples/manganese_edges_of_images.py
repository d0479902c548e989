"""Take the Mn L2,3 edge of every bright pixel out of spectrum images, as spectra for ``eelsmap evaluate``.

The background is a power law, fitted as the package does. A file whose axis is wrong is moved as a whole, so that the
L3 maximum of its sum lies at 642.5 eV, where Mn3+ has it: the position then says nothing about the valence.

Run: ``python examples/manganese_edges_of_images.py tm_o_core_loss.dm3=4 coreloss_spectrum.msa --out manganese`` and
then ``eelsmap evaluate --spectra manganese --labels manganese/labels.csv --random-shift 2``. A valence that is known
follows the name of its file.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import hyperspy.api as hs
import numpy as np

from eelsmap.edges import NMC_EDGES
from eelsmap.errors import LibraryError
from eelsmap.preprocess.background import extrapolate_power_law, fit_power_law
from eelsmap.preprocess.edge_location import locate_edges

EDGE = NMC_EDGES["Mn_L"]
KEPT = (632.0, 672.0)


def edges_of(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Energies (channel,) eV and background-subtracted Mn L2,3 edges (pixel, channel) of a file's bright pixels."""
    signal = hs.load(path)
    recorded = signal.axes_manager.signal_axes[0].axis
    counts = signal.data.reshape(-1, recorded.size).astype(float)
    total = counts.sum(axis=1)
    counts = counts[total >= 0.5 * np.median(total)]
    found = locate_edges(counts.sum(axis=0), recorded, NMC_EDGES)
    if "Mn_L" not in found:
        raise LibraryError(f"{path}: no Mn L2,3 edge found")
    l3 = EDGE.lines[0].energy
    near = np.abs(recorded - l3 - found["Mn_L"].displacement) < 4
    energy = recorded - recorded[near][np.argmax(counts.sum(axis=0)[near])] + l3
    before = (energy >= EDGE.background[0]) & (energy <= EDGE.background[1])
    width = np.full(energy.size, energy[1] - energy[0])
    fit = fit_power_law(counts[:, before], recorded[before], width[before])
    kept = (energy >= KEPT[0]) & (energy <= KEPT[1])
    background, _ = extrapolate_power_law(fit, recorded[kept], width[kept])
    return energy[kept], counts[:, kept] - background


def main() -> None:
    """Write one CSV a pixel and the label table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", help="FILE or FILE=VALENCE")
    parser.add_argument("--out", type=Path, required=True, help="folder for spectra and label table")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with (arguments.out / "labels.csv").open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["file", "edge", "property", "value"])
        for given in arguments.files:
            name, _, valence = given.partition("=")
            energy, edges = edges_of(Path(name))
            for number, edge in enumerate(edges):
                file = f"{Path(name).stem}_{number:04d}.csv"
                np.savetxt(
                    arguments.out / file, np.column_stack([energy, edge]), "%.6g", ",",
                    header="energy_eV,intensity", comments="",
                )  # fmt: skip
                table.writerow([file, "Mn_L", "mn_valence" if valence else "", valence])
    print(f"{sum(1 for _ in arguments.out.glob('*.csv')) - 1} spectra and labels.csv in {arguments.out}")


if __name__ == "__main__":
    main()
