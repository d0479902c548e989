"""Simulated spectra of layered Li(z)Ni(x)Mn(y)Co(1-x-y)O2, and the program that makes them.

Reading needs numpy only: `load_library`, `save_library`, `Library`, `Mixture`. The program behind it is resumable:
`eelsmap.library.build` relaxes cells (CHGNet) and calculates O K transitions (GPAW), `eelsmap.library.multiplet_grid`
calculates L2,3 edges (EDRIXS), `eelsmap.library.assemble` joins both.
"""

from __future__ import annotations

from eelsmap.library.store import Library, Mixture, load_library, save_library

__all__ = ["Library", "Mixture", "load_library", "save_library"]
