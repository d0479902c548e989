"""A synthetic specimen seen by a synthetic microscope: spectrum images whose truth is known.

``make_phantom`` records a ``Specimen`` (a particle made of library spectra that no shipped model has learned from)
with a ``Microscope``; ``expected_counts``, ``expected_low_loss`` and ``detect`` are the kernels behind it, which also
make the training spectra; ``write_demo`` writes a phantom to a file.
"""

from __future__ import annotations

from eelsmap.cross_sections import CrossSection, cross_section
from eelsmap.phantom.demo import write_demo
from eelsmap.phantom.detector import detect, gain_pattern
from eelsmap.phantom.expected import expected_counts
from eelsmap.phantom.files import read_truth
from eelsmap.phantom.image import Phantom, make_phantom
from eelsmap.phantom.low_loss import expected_low_loss
from eelsmap.phantom.microscope import Microscope
from eelsmap.phantom.specimen import TRUTH_NAMES, Specimen

__all__ = [
    "TRUTH_NAMES",
    "CrossSection",
    "Microscope",
    "Phantom",
    "Specimen",
    "cross_section",
    "detect",
    "expected_counts",
    "expected_low_loss",
    "gain_pattern",
    "make_phantom",
    "read_truth",
    "write_demo",
]
