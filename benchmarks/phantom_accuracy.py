"""Accuracy of the shipped model on phantoms: error, rank correlation and coverage by counts, over several specimens.

Phantoms are simulated: structures that the model was not trained on, seen by the synthetic microscope. Nothing here was
measured on a real specimen.

Run: ``python benchmarks/phantom_accuracy.py [--seeds 3]``
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np

import eelsmap
from eelsmap.commands.demo import compare_with_truth, image_of
from eelsmap.phantom import Microscope
from eelsmap.properties import PROPERTIES

CASES = {
    "1e5 counts in the O K window": {"counts": 1e5},
    "4e5 (about 1e5 in the Ni L window)": {"counts": 4e5},
    "4e5, axis 7 eV low, 1 % dispersion error": {"counts": 4e5, "axis_offset_error": -7.0, "dispersion_error": 0.01},
    "4e5, 4 eV drift, dual EELS": {"counts": 4e5, "drift_eV": 4.0, "dual_eels": True},
    "4e5, 2 eV resolution, t/lambda 1": {"counts": 4e5, "fwhm_eV": 2.0, "t_over_lambda": 1.0},
}


def main() -> None:
    """Print one table a case: mean over the specimens."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    model = eelsmap.load_model("nmc")
    print(f"model {model.name} {model.version} ({model.sha256[:12]}); phantoms of 48 x 64 pixels")
    for label, settings in CASES.items():
        runs = [_run(model, settings, seed) for seed in range(arguments.seeds)]
        print(f"\n{label}")
        print(f"{'property':22s} {'RMSE':>6s} {'Spearman':>9s} {'in interval':>12s} {'AUROC':>6s}")
        for name, item in PROPERTIES.items():
            if item.probability:
                print(f"{name:22s} {'':6s} {'':9s} {'':12s} {_mean(runs, name, 'auroc'):6.2f}")
            else:
                print(
                    f"{name:22s} {_mean(runs, name, 'rmse'):6.3f} {_mean(runs, name, 'spearman'):9.2f} "
                    f"{100 * _mean(runs, name, 'coverage'):10.0f} %"
                )
        flags = {key: sum(run["flags"][key] for run in runs) for key in runs[0]["flags"]}
        parts = [
            f"{kind} {state} {flags[f'{kind}_{state}']} of {flags[f'{kind}_pixels']}"
            for kind, state in (("hole", "flagged"), ("vacuum", "flagged"), ("specimen", "answered"))
        ]
        novel = 100 * np.mean([run["novel"] for run in runs])
        print(f"{', '.join(parts)}; called novel {novel:.1f} %; axis: {runs[0]['axis']}")


def _run(model: eelsmap.models.Model, settings: dict[str, object], seed: int) -> dict[str, object]:
    """Map one phantom and compare."""
    microscope = Microscope(seed=seed, **settings)  # type: ignore[arg-type]
    phantom = eelsmap.make_phantom((48, 64), microscope=microscope, seed=seed)
    maps = eelsmap.map_properties(image_of(phantom), model)
    answered = np.isfinite(maps.array("li_content"))
    novel = (maps.array("flags")[answered] & eelsmap.PixelFlag.NOVEL) != 0
    axis = maps.provenance["axis"]["mode"]
    return {**compare_with_truth(maps, phantom), "novel": novel.mean(), "axis": axis}


def _mean(runs: list[dict], name: str, key: str) -> float:
    """Mean over the specimens that have this figure."""
    values = [run[name][key] for run in runs if key in run[name]]
    return float(np.mean(values)) if values else float("nan")


if __name__ == "__main__":
    main()
