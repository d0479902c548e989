"""What napari finds: a reader for spectrum images and the phantom as sample data.

The reader and the sample data return plain layer data and import neither Qt nor napari.
"""

from __future__ import annotations
