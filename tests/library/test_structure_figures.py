"""The printed figures of structures, split and valences."""

import re
from dataclasses import replace

import numpy as np
import pytest

from eelsmap.errors import LibraryError
from eelsmap.library.cells import save_cells
from eelsmap.library.relaxed import save_relaxed
from eelsmap.library.structure_figures import agreement, as_cell, made_cells, main, sides, third
from eelsmap.library.structures import plan


def test_counts_of_the_split_are_those_of_the_cells():
    cells = [as_cell(entry) for entry in plan()[:300]]
    counted = sides(cells)
    assert sum(sum(counts.values()) for counts in counted.values()) == sum(cell.kind != "reference" for cell in cells)
    own = [cell for cell in cells if cell.kind == "vacancy" and cell.phase == "layered" and third(cell) == "low"]
    assert sum(counted["vacancy", "low"].values()) == len(own)
    assert {cell.li_content < 0.34 for cell in own} == {True}


def test_agreement_is_worse_for_wrong_moments(shipped_cells):
    cells = [cell for cell in shipped_cells[0] if cell.kind == "pristine"][:20]
    right = agreement(cells)
    assert right.cells == right.calculated == 20
    assert right.clear_error < 0.15
    mixed = []
    for cell in cells:
        moments = np.array(cell.details["magnetic_moments"])
        moments[cell.metals] = np.roll(moments[cell.metals], 1)
        mixed.append(replace(cell, details=cell.details | {"magnetic_moments": moments.tolist()}))
    wrong = agreement(mixed)
    assert wrong.error > 3 * right.error
    assert wrong.sites_ambiguous > right.sites_ambiguous + 5
    assert wrong.same < right.same
    # Without a calculation there is nothing to compare with.
    relaxed = agreement([replace(cell, settings="") for cell in cells])
    assert relaxed.calculated == 0
    assert np.isnan(relaxed.error)


def test_calculated_cells_take_the_place_of_relaxed_ones(shipped_cells, tmp_path):
    cells, header, edges = shipped_cells
    one, two = cells[:2]
    blank = [replace(cell, intensity=np.zeros((len(cell.oxygen), 0)), settings="") for cell in (one, two)]
    for folder in ("cells", "relaxed"):
        (tmp_path / folder).mkdir()
    save_relaxed(blank, tmp_path / "relaxed" / "both.npz")
    save_cells([one], tmp_path / "cells" / "one.npz", header["settings"], {}, edges)
    assert [(cell.name, cell.settings) for cell in made_cells([tmp_path])] == [(one.name, one.settings), (two.name, "")]
    (tmp_path / "empty").mkdir()
    with pytest.raises(LibraryError, match="no cells there"):
        made_cells([tmp_path / "empty"])


def test_the_program_prints_every_figure(capsys, shipped_cells):
    main([])
    said = capsys.readouterr().out
    assert f"planned: {len(plan())} cells" in said
    total = re.search(r"split, calculated: (\d+) train, (\d+) test, (\d+) reference", said)
    assert sum(map(int, total.groups())) == len(shipped_cells[0])
    assert re.search(r"  all +\d+ +\d+ +\d+ +\d+ \| +\d+ +\d+ +\d+ \| 0\.\d{3} 0\.\d{3}", said)
