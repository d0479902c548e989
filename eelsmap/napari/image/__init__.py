"""One opened spectrum image: its layer of counts, what was found in it, and what the user corrects.

Of eelsmap.napari it imports only ``window``.
"""
