"""What a surrogate's file says of itself, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eelsmap.library.surrogate import Surrogate


def described(surrogate: Surrogate) -> str:
    """Errors of a surrogate as lines of text, against calculated spectra throughout."""
    header = surrogate.header
    method = f"{surrogate.arrays['components'].shape[0]} {header['method']} components"
    lines = [
        f"{' + '.join(header['blocks'])}, ridge {header['ridge']:g}, {method}, "
        f"{len(header['training_cells'])} training cells ({', '.join(header['calculation_settings'])})",
        "error against calculated spectra: relative RMS and largest difference of the cumulative distribution of an",
        "oxygen atom; the same of a cell average; pre-edge share of a cell average; the same in lithium per metal",
    ]

    def rows(title: str, groups: dict) -> None:
        lines.append(title)
        for name, entry in groups.items():
            atom, cell = entry["atom"], entry["cell"]
            lines.append(
                f"  {name:13s}{entry['cells']:4d} cells {entry['atoms']:5d} atoms   {atom['relative']:.3f} "
                f"{atom['cumulative']:.4f}   {cell['relative']:.3f} {cell['cumulative']:.4f}   {cell['share']:.4f} "
                f"(bias {cell['share_bias']:+.4f})   {cell['lithium']:.3f}"
            )

    for way, groups in header["metrics"]["test"].items():
        rows(f"test side, {way}", groups)
    seen = header["metrics"]["broadened"]
    lines.append(
        f"test side, surrogate, both broadened by {seen['width_eV']:g} eV: {seen['atom']['relative']:.3f} "
        f"{seen['atom']['cumulative']:.4f}   {seen['cell']['relative']:.3f} {seen['cell']['cumulative']:.4f}"
    )
    rows("held-out families of the training side (cross-validation)", header["metrics"]["held_out_families"])
    for which in ("atom", "cell"):
        entry = header["metrics"]["uncertainty"][which]
        lines.append(
            f"uncertainty of {which}s on the test side: {entry['within_1']:.2f} within one, {entry['within_2']:.2f} "
            f"within two deviations, error over deviation {entry['ratio']:.2f}, rank correlation {entry['rank']:.2f}"
        )
    far = header["metrics"]["extrapolated"]
    others = "" if far["others"] is None else f", {far['others']:.3f} of the atoms of references"
    lines.append(f"flagged as extrapolated: {far['test']:.3f} of the test atoms{others}")
    curves = header["learning_curves"]
    lines.append(
        f"learning curves, training atoms {curves['sizes']}: relative RMS of an atom | pre-edge share of a cell"
    )
    for way in ("random atoms", "active atoms", "random cells", "active cells"):
        means = [
            " ".join(f"{sum(column) / len(column):.4f}" for column in zip(*curves[way][key], strict=True))
            for key in ("atom", "share")
        ]
        lines.append(f"  {way:13s} {means[0]} | {means[1]}")
    return "\n".join(lines)
