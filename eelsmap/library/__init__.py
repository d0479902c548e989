"""Simulated spectra of layered Li(z)Ni(x)Mn(y)Co(1-x-y)O2, and the program that makes them.

Reading needs numpy only: `load_library`, `save_library`, `Library`, `Mixture`, and `Probe` for environments as another
probe sees them. Spectra of others: `import_published_json`, `import_fdmnes_runs`, `import_folder`,
`library_from_records`. From a structure to its O K spectra: `predict_oxygen_k` (needs the extra ``simulate``).

The program behind the shipped library is resumable: `eelsmap.library.build` relaxes structures (CHGNet) and calculates
O K transitions (GPAW), `eelsmap.library.multiplet_grid` calculates L2,3 edges (EDRIXS), `eelsmap.library.surrogate_fit`
learns the O K calculation, `eelsmap.library.assemble` joins all.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from eelsmap.library.store import Library, Mixture, Record, library_from_records, load_library, save_library

if TYPE_CHECKING:
    from eelsmap.library.fdmnes import import_published_json
    from eelsmap.library.fdmnes_input import write_fdmnes_inputs
    from eelsmap.library.fdmnes_runs import import_fdmnes_runs
    from eelsmap.library.imported import import_folder
    from eelsmap.library.probe import Probe
    from eelsmap.library.structure_to_spectrum import predict_oxygen_k
    from eelsmap.library.surrogate import load_surrogate

_HOMES = {
    "Probe": "probe",
    "import_fdmnes_runs": "fdmnes_runs",
    "import_folder": "imported",
    "import_published_json": "fdmnes",
    "load_surrogate": "surrogate",
    "predict_oxygen_k": "structure_to_spectrum",
    "write_fdmnes_inputs": "fdmnes_input",
}

__all__ = [
    "Library",
    "Mixture",
    "Probe",
    "Record",
    "import_fdmnes_runs",
    "import_folder",
    "import_published_json",
    "library_from_records",
    "load_library",
    "load_surrogate",
    "predict_oxygen_k",
    "save_library",
    "write_fdmnes_inputs",
]


def __getattr__(name: str) -> Any:
    """Load what reading a library does not need on first use."""
    if name in _HOMES:
        return getattr(import_module(f"eelsmap.library.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'eelsmap.library' has no attribute {name!r}")
