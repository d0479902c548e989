"""What is said of a library."""

import numpy as np
import pytest

from eelsmap.library import summary
from eelsmap.library.content import Record, library_from_records

ENERGY = np.arange(840.0, 890.0, 0.1)


def steps_and_lines(l3, l2):
    lines = [
        area * np.exp(-0.5 * (ENERGY - centre) ** 2) / np.sqrt(2 * np.pi) for area, centre in ((l3, 855), (l2, 872))
    ]
    return sum(lines) + 2 / 3 * (ENERGY >= 855) + 1 / 3 * (ENERGY >= 872)


@pytest.mark.parametrize("ratio", [1.0, 2.0, 4.0])
def test_the_ratio_of_known_lines_is_found(ratio):
    assert summary.white_line_ratio(steps_and_lines(8 * ratio, 8.0), ENERGY, 17.0) == pytest.approx(ratio, rel=0.02)


def test_the_shipped_library_is_described(library):
    lines = "\n".join(summary.described(library))
    assert f"{len(library)} records of {len(library.parent_names)} structures" in lines
    counts = summary.structure_counts(library)
    assert sum(counts.values()) == len(library.parent_names)
    for (phase, kind, side, origin), count in counts.items():
        assert f"{count:4d}  {phase}, {kind}, {side}, {origin}" in lines
    assert "r = -0.9" in lines
    for ion in library.header["multiplets"]["ions"]:
        assert f"multiplets {ion}: " in lines


def test_the_pre_edge_ends_in_the_gap(library):
    end = summary.pre_edge_end(library)
    mean = library.spectra["O_K"][library.kind == "structure"].mean(axis=0)
    place = np.argmin(np.abs(library.grids["O_K"] - end))
    assert mean[place] < 0.5 * mean.max()
    assert mean[place] <= mean[place - 5 : place + 6].min() + 1e-6


def test_positions_of_known_peaks_are_found():
    energy = np.arange(520.0, 557.0, 0.1)
    peaks = sum(h * np.exp(-0.5 * ((energy - c) / 0.8) ** 2) for c, h in ((529.0, 2.0), (541.0, 3.0)))
    record = Record("structure", "mine", {"O_K": peaks}, {"O": 6.0}, {"li_content": 0.5})
    content = library_from_records([record], {"O_K": energy}, name="mine")
    pre_edge, main = summary.oxygen_positions(content, np.array([0]))
    assert pre_edge[0] == pytest.approx(529.0, abs=0.05)
    assert main[0] == pytest.approx(541.0, abs=0.15)


def test_ion_spectra_are_the_sites_of_the_structures(library):
    for element in ("Ni", "Mn", "Co"):
        found = summary.ion_spectra(library, element)
        assert set(found) <= {2, 3, 4}
        assert sum(map(len, found.values())) == sum(item.species.count(element) for item in library.structures)


def test_a_library_of_others_is_described_without_what_it_lacks():
    record = Record("structure", "mine", {"Ni_L": steps_and_lines(8, 4)}, {"Ni": 3.0, "O": 6.0}, {"ni_valence": 3.0})
    content = library_from_records([record], {"Ni_L": ENERGY}, name="mine")
    lines = "\n".join(summary.described(content))
    assert "mine: 1 records of 1 structures" in lines
    assert "Ni valence, records by nearest whole number: 3+: 1" in lines
    assert "pre-edge" not in lines
    assert "Ni3+ 2.0" in lines  # the ratio of the areas, 8 to 4
