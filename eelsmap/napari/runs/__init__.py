"""A run over one image: the model and the recipe it is made with, how long it will take, and the run in its thread.

Of eelsmap.napari it imports only ``window`` and ``image``.
"""
