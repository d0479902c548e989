"""Open files: the core-loss spectrum image with its low loss, checked axes and complete metadata.

``load`` opens .dm3, .dm4, .hspy, .zspy, .emd and .msa files, ``prepare`` gives a HyperSpy signal that is already open
the same care, ``attach_low_loss`` adds a low loss from elsewhere, ``describe`` says in plain data what was found.
"""

from __future__ import annotations

from eelsmap.io.describe import describe
from eelsmap.io.files import EXTENSIONS
from eelsmap.io.load import load, prepare
from eelsmap.io.low_loss import LowLossError, attach_low_loss

__all__ = ["EXTENSIONS", "LowLossError", "attach_low_loss", "describe", "load", "prepare"]
