"""The labels of a library record: name, unit, meaning, and the element that a mean is weighted by."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LABELS", "METALS", "Label"]

METALS = ("Ni", "Mn", "Co")


@dataclass(frozen=True, slots=True)
class Label:
    """One label.

    Parameters
    ----------
    unit
        Unit, or what the number is counted in.
    meaning
        What it says, in words.
    element
        Metal that the label is a mean over (NaN where the record has none of it), or None for a label of the record.
    """

    unit: str
    meaning: str
    element: str | None = None


LABELS: dict[str, Label] = {
    "li_content": Label(
        "Li per site of the metal layers",
        "lithium of the whole parent structure: 0 to 1 in ordinary cells, 4/3 in Li2MnO3; 2 Li/O in rock salt",
    ),
    "li_count": Label("atoms", "lithium atoms, for three sites of the metal layers"),
    **{
        f"{element.lower()}_count": Label("atoms", f"{element} atoms, for three sites of the metal layers")
        for element in METALS
    },
    **{
        f"{element.lower()}_valence": Label("formal charge", f"mean oxidation state of {element}", element)
        for element in METALS
    },
    **{
        f"{element.lower()}_bond_length": Label("angstrom", f"mean {element}-O bond length", element)
        for element in METALS
    },
    "vacancy": Label("0 or 1", "metals that lack an oxygen neighbour are among the atoms (at least half a metal)"),
    "antisite": Label("0 or 1", "exchanged Ni or Li is among the atoms (at least half an atom)"),
    "valence_ambiguous": Label(
        "0 or 1",
        "another assignment of valences is almost as good, balance forces one on a metal that looks like another ion,"
        " or the moments of the O K calculation speak against it (see valence.py)",
    ),
    "surrogate_uncertainty": Label(
        "edge step",
        "standard deviation of the O K spectra of its oxygen atoms, root mean square over energy, as the surrogate"
        " states it; 0 where calculated",
    ),
    "surrogate_extrapolated": Label(
        "share", "oxygen atoms beyond what the surrogate's uncertainty was calibrated on; 0 where calculated"
    ),
}
"""Every label by name, in the order in which they are stored."""
