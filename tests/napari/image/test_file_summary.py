"""What was found in the file, and its correction."""

from pathlib import Path

import pytest

from eelsmap.napari.image.looked_at import Corrections, corrected, look_at
from eelsmap.recipe import Recipe
from tests.small_images import image

pytest.importorskip("qtpy", reason="the panel needs the napari extra")


def test_the_summary_says_what_was_found_and_takes_corrections(add):
    from eelsmap.napari.image.file_summary import FileSummary

    summary = add(FileSummary())
    assert "Open a spectrum image" in summary.texts()[0]
    summary.show_found(look_at(corrected(image(), Corrections(beam_energy=300.0)), Recipe()))
    assert "O K, Mn L, Co L, Ni L found" in summary.texts()
    assert summary.corrections().beam_energy == 300.0
    told = []
    summary.corrected.connect(lambda: told.append(summary.corrections()))
    summary._entries["collection_angle"].setValue(35.0)
    summary.set_low_loss(Path("low.dm4"))
    summary._simultaneous.setCurrentIndex(1)
    assert told[-1] == Corrections(300.0, None, 35.0, Path("low.dm4"), True)
    summary.set_corrections(Corrections())
    assert summary.corrections().low_loss is None
