"""The comparison of the papers on the shipped library: features, reductions and models side by side.

``plan`` says what is run, ``run`` runs it, ``report`` prints it; `eelsmap.plot.benchmark` draws it and the command is
``eelsmap benchmark``.
"""
