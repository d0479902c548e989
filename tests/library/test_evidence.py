"""What the evidence in a header says in words."""

from eelsmap.library.evidence import described


def test_every_kind_of_evidence_is_said(shipped_cells):
    _, header, _ = shipped_cells
    lines = described(header)
    for kind in ("reproduction", "functional", "convergence"):
        assert sum(line.startswith(kind[:8]) for line in lines) == len(header[kind]) > 0
    half = [row for row in header["core_hole"] if row["hole"] == 0.5]
    assert any(line.startswith(f"half a core hole in {len(half)} oxygen atoms") for line in lines)


def test_numbers_are_those_of_the_rows():
    rows = [
        {"hole": 0.5, "factor": factor, "shift_eV": -0.5, "unlike": 0.06, "unlike_corrected": 0.02}
        for factor in (0.7, 0.8)
    ]
    full = {"hole": 1.0, "factor": 0.5, "shift_eV": -2.0, "unlike": 0.2, "unlike_corrected": 0.1}
    (line,) = described({"core_hole": [*rows, full]})
    assert "in 2 oxygen atoms: pre-edge times 0.750 +- 0.050, main edge -0.50 +- 0.00 eV" in line
    assert described({}) == []
