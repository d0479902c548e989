"""Maps in the viewer: which layers there are, how they look and are hatched, and which of them are shown.

Of eelsmap.napari it imports only ``window`` and ``image``.
"""
