"""What the command line does, as functions that any script can call too."""
