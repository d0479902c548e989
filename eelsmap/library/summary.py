"""What a library holds, in numbers and in words: counts, coverage, trends, and how good its parts are."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from eelsmap.library import evidence, placed_pre_edge
from eelsmap.library.content import ELEMENT_OF_EDGE
from eelsmap.library.labels import METALS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from eelsmap.library.content import Library

__all__ = [
    "SPIN_ORBIT_EV",
    "described",
    "ion_spectra",
    "kind_of_structures",
    "oxygen_positions",
    "pre_edge_end",
    "pre_edge_share",
    "structure_counts",
    "white_line_ratio",
]

TOTAL_END_EV = 556.0
SPIN_ORBIT_EV = {"Mn": 11.0, "Co": 15.0, "Ni": 17.0}
"""Rough distance between L3 and L2, eV."""


def structure_rows(library: Library) -> NDArray[np.intp]:
    """Return the rows of the structure records."""
    return np.flatnonzero(library.kind == "structure")


def kind_of_structures(library: Library) -> NDArray[np.str_]:
    """Kind of each structure record: pristine, vacancy, antisite or reference, (n_structure_records,)."""
    rows = structure_rows(library)
    kind = np.full(rows.size, "pristine", dtype="<U9")
    kind[library.labels["vacancy"][rows] > 0] = "vacancy"
    kind[library.labels["antisite"][rows] > 0] = "antisite"
    kind[library.split[rows] == "reference"] = "reference"
    return kind


def structure_counts(library: Library) -> Counter[tuple[str, str, str, str]]:
    """Count structure records by phase, kind, side of the split and origin."""
    rows = structure_rows(library)
    words = zip(
        library.phase[rows].tolist(),
        kind_of_structures(library).tolist(),
        library.split[rows].tolist(),
        library.origin[rows].tolist(),
        strict=True,
    )
    return Counter(words)


def pre_edge_end(library: Library) -> float:
    """Energy of the gap between O K pre-edge and main peak: the minimum of the mean of all structures, eV."""
    mean = np.nanmean(library.spectra["O_K"][structure_rows(library)], axis=0)
    return placed_pre_edge.pre_edge_end(mean, library.grids["O_K"])


def pre_edge_share(library: Library, rows: NDArray) -> NDArray[np.float64]:
    """O K area below the gap (`pre_edge_end`) divided by that below 556 eV, (rows,)."""
    spectra = library.spectra["O_K"][rows].astype(float)
    return placed_pre_edge.pre_edge_share(spectra, library.grids["O_K"], pre_edge_end(library), TOTAL_END_EV)


def pristine_rows(library: Library, origin: str | None = None) -> NDArray[np.intp]:
    """Structure records of layered cells without a defect that have an O K spectrum."""
    rows = structure_rows(library)
    chosen = (kind_of_structures(library) == "pristine") & (library.phase[rows] == "layered")
    if origin is not None:
        chosen &= library.origin[rows] == origin
    rows = rows[chosen]
    return rows[np.isfinite(library.spectra["O_K"][rows, 0])] if "O_K" in library.grids else rows[:0]


def ion_spectra(library: Library, element: str) -> dict[int, NDArray[np.float32]]:
    """Spectra of an element by its valence, (n, points) each: of single sites.

    Without structures (imported libraries) of structure records whose mean valence is known, by the nearest number.
    """
    edge = f"{element}_L"
    if edge not in library.sites:
        return {}
    rows: dict[int, list[int]] = {}
    if not library.structures:
        valences = library.labels[f"{element.lower()}_valence"]
        for row in structure_rows(library):
            if np.isfinite(valences[row]) and np.isfinite(library.spectra[edge][row]).all():
                rows.setdefault(round(float(valences[row])), []).append(int(row))
        return {valence: library.spectra[edge][rows[valence]] for valence in sorted(rows)}
    for structure in library.structures:
        for index in np.flatnonzero(structure.mask(element)):
            rows.setdefault(round(float(structure.valence[index])), []).append(int(structure.site[index]))
    spectra = library.sites[edge].spectra
    return {valence: spectra[rows[valence]] for valence in sorted(rows)}


def oxygen_positions(library: Library, rows: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centroid of the pre-edge and maximum of the main peak (smoothed over 2 eV) of some records, (n,) eV each."""
    energy, spectra = library.grids["O_K"], library.spectra["O_K"][rows].astype(float)
    below = energy < pre_edge_end(library)
    centroid = spectra[:, below] @ energy[below] / spectra[:, below].sum(axis=1)
    width = max(round(2.0 / (energy[1] - energy[0])), 1)
    smooth = np.array([np.convolve(row, np.ones(width) / width, mode="same") for row in spectra[:, ~below]])
    return centroid, energy[~below][smooth.argmax(axis=1)]


def white_line_ratio(spectrum: NDArray, energy: NDArray, spin_orbit: float) -> float:
    """L3/L2 ratio of areas above a continuum of two steps, 2/3 at the L3 maximum and 1/3 at the L2 maximum.

    Parameters
    ----------
    spectrum
        (points,) in units of the edge step.
    energy
        (points,) eV.
    spin_orbit
        Rough distance of L2 from L3, eV. L3 is the maximum up to 0.6 times that beyond the onset (where the spectrum
        first exceeds half an edge step), L2 the maximum from 0.6 times that beyond L3 on.

    Returns
    -------
    float
        NaN where the energies end before L2.
    """
    onset = energy[int((spectrum > 0.5).argmax())]
    third = int(np.where(energy <= onset + 0.6 * spin_orbit, spectrum, -np.inf).argmax())
    beyond = energy > energy[third] + 0.6 * spin_orbit
    if not beyond.any():
        return float("nan")
    second = int(np.flatnonzero(beyond)[spectrum[beyond].argmax()])
    between = third + int(spectrum[third:second].argmin())
    end = energy <= energy[second] + 0.5 * spin_orbit
    step = 2 / 3 * (energy >= energy[third]) + 1 / 3 * (energy >= energy[second])
    white = spectrum - step
    return float(white[:between].sum() / white[between:][end[between:]].sum())


def described(library: Library) -> list[str]:
    """Lines that say what a library holds."""
    lines = [f"{library.name}: {len(library)} records of {len(library.parent_names)} structures"]
    lines += [
        f"  grid {edge}: {grid[0]:g} to {grid[-1]:g} eV, {grid.size} points" for edge, grid in library.grids.items()
    ]
    for kind in ("structure", "environment"):
        sides = Counter(library.split[library.kind == kind].tolist())
        parts = ", ".join(f"{sides[side]} {side}" for side in ("train", "test", "reference") if sides[side])
        lines.append(f"  {kind} records: {sum(sides.values())}" + (f" ({parts})" if parts else ""))
    lines.append("  structures by phase, kind, side, origin of the O K spectra:")
    for words, count in sorted(structure_counts(library).items()):
        lines.append(f"    {count:4d}  {', '.join(words)}")
    lines += _coverage(library)
    for origin in sorted(set(library.origin.tolist())):
        rows = pristine_rows(library, origin)
        content = library.labels["li_content"][rows]
        if rows.size > 2 and np.ptp(content) > 0:
            share = pre_edge_share(library, rows)
            slope = np.polyfit(content, share, 1)
            lines.append(
                f"  O K pre-edge share (below {pre_edge_end(library):.1f} eV) against lithium, "
                f"{rows.size} pristine layered structures, {origin}: "
                f"r = {np.corrcoef(share, content)[0, 1]:.3f}, {slope[1]:.3f} {slope[0]:+.3f} per Li"
            )
            moves = [np.polyfit(content, place, 1)[0] for place in oxygen_positions(library, rows)]
            lines.append(
                f"    with lithium the centroid of the pre-edge moves by {moves[0]:+.2f} eV per Li, the maximum of the "
                f"main peak by {moves[1]:+.2f} eV per Li"
            )
    lines += _ratios(library)
    lines += _quality(library.header)
    return lines


def _coverage(library: Library) -> list[str]:
    """Lithium contents and valences that occur."""
    rows = structure_rows(library)
    content = library.labels["li_content"][rows]
    known = content[np.isfinite(content)]
    lines = []
    if known.size:
        edges = [-0.001, 0.125, 0.375, 0.625, 0.875, 1.001, np.inf]
        counts = np.histogram(known, edges)[0]
        words = ("0", "1/4", "1/2", "3/4", "1", "more")
        parts = ", ".join(f"{word}: {count}" for word, count in zip(words, counts, strict=True) if count)
        lines.append(f"  structures by lithium content (nearest quarter): {parts}")
    for element in METALS:
        name = f"{element.lower()}_valence"
        values = library.labels[name][library.kind == "environment"]
        values = values[np.isfinite(values)] if values.size else library.labels[name][np.isfinite(library.labels[name])]
        if values.size:
            counted = Counter(np.rint(values).astype(int).tolist())
            parts = ", ".join(f"{valence}+: {counted[valence]}" for valence in sorted(counted))
            lines.append(f"  {element} valence, records by nearest whole number: {parts}")
    flagged = np.nansum(library.labels["valence_ambiguous"][rows])
    lines.append(f"  structures with ambiguous valences: {flagged:.0f} of {rows.size}")
    return lines


def _ratios(library: Library) -> list[str]:
    """L3/L2 ratio of every ion."""
    parts = []
    for edge, element in ELEMENT_OF_EDGE.items():
        if element in METALS:
            for valence, spectra in ion_spectra(library, element).items():
                ratio = white_line_ratio(spectra.mean(axis=0), library.grids[edge], SPIN_ORBIT_EV[element])
                parts.append(f"{element}{valence}+ {ratio:.2f}")
    return [f"  L3/L2 of mean site spectra: {', '.join(parts)}"] if parts else []


def _quality(header: dict[str, Any]) -> list[str]:
    """Say what the header tells of the surrogate, the evidence for the calculations, the multiplets and the tools."""
    lines = []
    surrogate = header.get("surrogate") or {}
    for way, groups in surrogate.get("metrics", {}).get("test", {}).items():
        for name, entry in groups.items():
            if way != "surrogate" and name != "all":
                continue  # what it has to beat is said once
            atom, cell = entry["atom"], entry["cell"]
            lines.append(
                f"  surrogate against {entry['cells']} calculated test cells ({way}, {name}): relative RMS "
                f"{atom['relative']:.3f} of an oxygen atom, {cell['relative']:.3f} of a cell; largest CDF difference "
                f"{cell['cumulative']:.4f} of a cell; pre-edge share {cell['share']:.4f}"
            )
    lines += [f"  {line}" for line in evidence.described(header.get("cells", {}))]
    for name, ion in header.get("multiplets", {}).get("ions", {}).items():
        ratio, spin = np.ravel(ion["l3_to_l2"]), np.ravel(ion["spin_squared"])
        lines.append(
            f"  multiplets {name}: {ratio.size} points, 10Dq {ion['ten_dq'][0]:g} to {ion['ten_dq'][-1]:g} eV, Slater "
            f"integrals times {ion['reductions'][0]:g} to {ion['reductions'][-1]:g}, L3/L2 {ratio.mean():.2f} "
            f"({ratio.min():.2f} to {ratio.max():.2f}), S2 {spin.min():.2f} to {spin.max():.2f}"
        )
    if header.get("tools"):
        lines.append("  tools: " + ", ".join(f"{name} {number}" for name, number in header["tools"].items()))
    return lines
