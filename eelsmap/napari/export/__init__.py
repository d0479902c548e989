"""What leaves the panel: saved maps, figures, reports, scripts, and objects for a running HyperSpy session.

Of eelsmap.napari it imports only ``window``.
"""
