"""How strong the O K pre-edge is beside the main peak: in the library, and in a measured spectrum image.

Library: pristine structures, broadened to 1.2 eV, no plural scattering. Measured: the sum over an image, background
subtracted, its edges aligned one by one. The image of Jia et al. 2026 (10.1021/acsnano.5c16942) has a resolution of
about 2 eV and scatters plurally, so the numbers show a discrepancy and are no fit.

Run: ``python examples/pre_edge_against_measurement.py measured.dm3``
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d

import eelsmap
from eelsmap.mapping import plan_signal
from eelsmap.preprocess import extract_edges

FWHM_EV = 1.2
PRE_EDGE, MAIN = (526.0, 532.0), (535.0, 548.0)


def ratio(energy: np.ndarray, intensity: np.ndarray) -> float:
    """Height of the pre-edge over that of the main peak."""
    height = [intensity[(energy >= low) & (energy <= high)].max() for low, high in (PRE_EDGE, MAIN)]
    return float(height[0] / height[1])


def main(measured: Path) -> None:
    """Print both ratios."""
    library = eelsmap.load_library("nmc")
    labels, grid = library.labels, library.grids["O_K"]
    pristine = (library.kind == "structure") & (library.phase == "layered")
    pristine &= (labels["vacancy"] == 0) & (labels["antisite"] == 0)
    sigma = FWHM_EV / np.sqrt(8 * np.log(2)) / (grid[1] - grid[0])
    for words, chosen in (
        ("Li up to 0.34", pristine & (labels["li_content"] <= 0.34)),
        ("Li from 0.66", pristine & (labels["li_content"] >= 0.66)),
    ):
        spectra = gaussian_filter1d(library.spectra["O_K"][chosen], sigma, axis=1)
        ratios = [ratio(grid, spectrum) for spectrum in spectra]
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        print(f"library, {words}, {len(ratios)} structures: {np.mean(ratios):.2f} ({spread})")
    recipe = eelsmap.Recipe()
    signal = eelsmap.load(measured)
    plan = plan_signal(signal, recipe).plan
    total = signal.data.reshape(-1, signal.data.shape[-1]).sum(axis=0, keepdims=True)
    net = extract_edges(total, plan, recipe).net[0, recipe.edge_set.index("O_K")]
    energy = recipe.edge_set["O_K"].grid(recipe.edge_set.points)
    print(f"measured, {measured.name}: {ratio(energy, net):.2f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
