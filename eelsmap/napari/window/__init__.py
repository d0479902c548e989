"""What every part of the window uses: threads whose answers come back, small pieces of work, and errors in words.

Imports no other room of eelsmap.napari.
"""
