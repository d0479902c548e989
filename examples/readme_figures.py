"""Make the figures of the README again.

Run: ``python examples/readme_figures.py docs/images [measured.dm3]``; the second is the core loss of Si-doped NMC by
Jia et al. 2026 (10.1021/acsnano.5c16942), which is no part of this project.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import eelsmap
from eelsmap.commands.demo import run_demo
from eelsmap.commands.results import save_figure


def main(out: Path, measured: Path | None) -> None:
    """Write ``phantom_maps.png`` and, where the measured image is at hand, ``measured_maps.png``."""
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        (out / "phantom_maps.png").write_bytes(run_demo(folder)["files"]["figure"].read_bytes())
    if measured is not None:
        maps = eelsmap.map_properties(eelsmap.load(measured), "nmc")
        save_figure(maps.plot(), out / "measured_maps.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
