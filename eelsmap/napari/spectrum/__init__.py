"""The spectra of chosen pixels: which pixels the user points at, keeps or draws around, and the plots of their spectra.

Of eelsmap.napari it imports only ``window``.
"""
