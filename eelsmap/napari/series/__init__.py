"""A time series: mapping one from the window, its maps that follow the time slider, trends, and spectra of a frame.

Of eelsmap.napari it imports ``maps``, ``spectrum``, ``image`` and ``window``, but neither the panel nor ``runs``.
"""
