"""A small library of analytic edges: its numbers are easy to check by hand, and it stands for no material."""

from __future__ import annotations

import numpy as np
import pytest

from eelsmap.library.store import Record, library_from_records

GRIDS = {
    name: np.round(np.arange(low * 10, high * 10 + 1) / 10.0, 1)
    for name, low, high in (("O_K", 520, 557), ("Mn_L", 628, 672), ("Co_L", 766, 812), ("Ni_L", 842, 888))
}
LINES = {"O_K": (529.2, 540.5), "Mn_L": (642.5, 653.5), "Co_L": (780.0, 795.0), "Ni_L": (854.8, 872.0)}
ELEMENTS = {"O_K": "O", "Mn_L": "Mn", "Co_L": "Co", "Ni_L": "Ni"}


def rise(energy, centre, width=0.6):
    return 0.5 * (1.0 + np.tanh((energy - centre) / width))


def line(energy, centre, width, height):
    return height * np.exp(-0.5 * ((energy - centre) / width) ** 2)


def analytic_edge(name, lithium):
    """Step and two lines; the first line of O K falls with lithium, as the pre-edge does."""
    energy, (first, second) = GRIDS[name], LINES[name]
    if name == "O_K":
        return (
            rise(energy, 536.0, 2.0)
            + line(energy, first, 0.8, 0.9 - 0.5 * lithium)
            + line(energy, second - lithium, 2.5, 0.5)
        )
    steps = (2 * rise(energy, first) + rise(energy, second)) / 3
    return steps + line(energy, first - 0.8 * lithium, 0.8, 4.0) + line(energy, second, 1.0, 2.0)


def build_library():
    """Every metal triple of Ni, Mn, Co with three lithium contents, plain, with a vacancy or with an antisite."""
    rows = []
    for ni, mn in ((3, 0), (2, 1), (2, 0), (1, 1), (0, 2)):
        for lithium in (0, 1, 2, 3):
            for vacancy, antisite in ((0, 0), (1, 0), (0, 1)):
                for split in ("train", "test"):
                    rows.append((ni, mn, 3 - ni - mn, lithium, vacancy, antisite, split))
    ni, mn, co, lithium, vacancy, antisite = (np.array([row[i] for row in rows], dtype=float) for i in range(6))
    atoms = {"Li": lithium, "O": 6.0 - 0.3 * vacancy, "Ni": ni, "Mn": mn, "Co": co}
    spectra = {}
    for name in GRIDS:
        stack = np.stack([analytic_edge(name, value / 3) for value in lithium])
        spectra[name] = stack
    content = lithium / 3
    labels = {
        "li_content": content,
        "ni_valence": np.where(ni > 0, 4 - content, np.nan),
        "mn_valence": np.where(mn > 0, 4.0, np.nan),
        "co_valence": np.where(co > 0, 4 - content, np.nan),
        "vacancy": vacancy,
        "antisite": antisite,
        "valence_ambiguous": np.zeros(len(rows)),
    }
    records = [
        Record(
            "structure",
            f"analytic-{number}",
            {edge: values[number] for edge, values in spectra.items() if atoms[ELEMENTS[edge]][number] > 0},
            {element: float(values[number]) for element, values in atoms.items()},
            {name: float(values[number]) for name, values in labels.items()},
            split=row[6],
        )
        for number, row in enumerate(rows)
    ]
    return library_from_records(records, GRIDS, name="analytic edges for tests")


@pytest.fixture(scope="session")
def library():
    return build_library()
