"""Map a measured spectrum image and draw what was found on the way.

Run: ``python examples/measured_image.py image.dm3 out/``
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import eelsmap
from eelsmap.plot import plot_edges


def main(path: Path, out: Path) -> None:
    """Write the maps, and two figures: the edges on the recorded axis, and the maps."""
    out.mkdir(parents=True, exist_ok=True)
    signal = eelsmap.load(path)
    maps = eelsmap.map_properties(signal, "nmc")
    maps.save(out / "maps.hspy", overwrite=True)
    maps.plot().savefig(out / "maps.png", dpi=160)

    bright = signal.data.reshape(-1, signal.data.shape[-1])
    totals = bright.sum(axis=1)
    mean = bright[totals > 0.1 * np.percentile(totals, 95)].mean(axis=0)
    axis = maps.provenance["axis"]
    figure = plot_edges(
        signal.axes_manager.signal_axes[0].axis,
        mean,
        axis["displacements_eV"],
        message=axis["message"],
        title=path.name,
    )
    figure.savefig(out / "edges.png", dpi=160)
    print(maps.summary().to_string())
    for reason, pixels in maps.flag_counts().items():
        print(f"{pixels} pixels: {reason}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
