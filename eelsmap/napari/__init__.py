"""What napari finds: the panel, a reader for spectrum images and the phantom as sample data.

The reader and the sample data return plain layer data and import neither Qt nor napari. The panel is put together
here (``panel``, ``panel_parts``, ``panel_runs``) of what lies in the folders, one a subject:

- ``image``: an opened spectrum image, what was found in it, its correction;
- ``runs``: model, recipe, time needed, and the run itself;
- ``maps``: layers of maps, presets, hatching, side by side, words for the status bar;
- ``spectrum``: pixels pointed at, kept or drawn around, and the plots of their spectra;
- ``series``: time series, mapped and looked at;
- ``export``: files, figures, reports, scripts, a running HyperSpy session;
- ``window``: threads, small pieces of work, messages and layouts, which all of them use.

Imports run downwards: panel, series, then ``export``, ``runs``, ``maps`` and ``spectrum``, which know nothing of each
other, then ``image``, then ``window``.
"""

from __future__ import annotations
