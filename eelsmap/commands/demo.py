"""The demonstration: a phantom, its maps, and truth beside prediction."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eelsmap.commands.results import save_figure, write_results
from eelsmap.errors import NO_ANSWER
from eelsmap.io import attach_low_loss, prepare
from eelsmap.mapping import PropertyMaps, map_properties
from eelsmap.models import Model, load_model
from eelsmap.models.metrics import number_metrics, probability_metrics
from eelsmap.phantom import Microscope, Phantom, make_phantom
from eelsmap.properties import PROPERTIES

__all__ = ["compare_with_truth", "image_of", "run_demo"]


def run_demo(
    out: str | Path,
    /,
    *,
    model: str | Path | Model = "nmc",
    shape: tuple[int, int] = (64, 80),
    counts: float = 4e5,
    dual_eels: bool = False,
    seed: int = 0,
    say: Callable[[str], None] = print,
    computing: Callable[[Path], Any] | None = None,
) -> dict[str, Any]:
    """Make a phantom, map it, and compare with the truth.

    Parameters
    ----------
    out
        Folder for spectrum image, maps and figures; earlier demo results there are replaced.
    model
        A model, its name, or the path of a bundle.
    shape
        Rows and columns of the phantom.
    counts
        Counts in the O K window of the thickest pixel.
    dual_eels
        Whether the synthetic microscope records the low loss too.
    seed
        Seed of the specimen and of the noise.
    say
        Called with each line of the report.
    computing
        Called with the path of the spectrum image before maps are computed; returns a context manager.

    Returns
    -------
    dict
        ``files`` written, and ``metrics`` by property over unflagged pixels.
    """
    from eelsmap.plot import plot_truth

    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    loaded = model if isinstance(model, Model) else load_model(model)
    say(f"Phantom of {shape[0]} x {shape[1]} pixels, {counts:g} counts in the O K window where it is thickest")
    phantom = make_phantom(shape, microscope=Microscope(counts=counts, dual_eels=dual_eels, seed=seed), seed=seed)
    image = folder / "phantom.hspy"
    phantom.save(image, overwrite=True)
    maps = map_properties(image_of(phantom), loaded, lazy=True)
    with computing(image) if computing is not None else nullcontext():
        maps.compute(progress=False)
    files = write_results(maps, folder, "phantom", overwrite=True)
    figure = folder / "truth_beside_prediction.png"
    truth = {name: value for name, value in truth_of(phantom).items() if name in maps}
    save_figure(plot_truth(maps, truth), figure)
    metrics = compare_with_truth(maps, phantom)
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    _report(metrics, say)
    return {"files": {"image": image, **files, "truth": figure}, "metrics": metrics}


def image_of(phantom: Phantom) -> Any:
    """Give a phantom's core loss, with its low loss attached where the synthetic microscope recorded one."""
    signal = prepare(phantom.signal(), name="phantom")
    low_loss = phantom.low_loss_signal()
    if low_loss is not None:
        attach_low_loss(signal, low_loss, stated=True)
    return signal


def truth_of(phantom: Phantom) -> dict[str, NDArray[np.float64]]:
    """Truth maps of a phantom under the names of the properties, shape (row, column) each; NaN where undefined."""
    truth = {name: np.asarray(value, dtype=np.float64) for name, value in phantom.truth.items()}
    named = {name: truth[name] for name in PROPERTIES if name in truth}
    named["vacancy_probability"] = truth["vacancy_fraction"]
    named["antisite_probability"] = truth["antisite_fraction"]
    return named


def compare_with_truth(maps: PropertyMaps, phantom: Phantom) -> dict[str, Any]:
    """Errors over unflagged pixels by property, and how much of hole, vacuum and specimen is flagged or answered.

    Parameters
    ----------
    maps
        Maps of the phantom.
    phantom
        The phantom.

    Returns
    -------
    dict
        Property name to metrics, and ``"flags"``.
    """
    answered = (maps.array("flags") & NO_ANSWER) == 0
    result: dict[str, Any] = {"measured_on": "phantom (simulated spectra of structures that were not trained on)"}
    for name, truth in truth_of(phantom).items():
        if name not in maps:
            continue
        known = np.where(answered, truth, np.nan).ravel()
        if PROPERTIES[name].probability:
            present = np.where(known >= 0.5, 1.0, np.where(known <= 0.02, 0.0, np.nan))
            result[name] = probability_metrics(present, maps.array(name).ravel())
        else:
            ends = (maps.array(f"{name}{end}").ravel().astype(np.float64) for end in ("", "_lower", "_upper"))
            result[name] = number_metrics(known, *ends)
    hole = np.asarray(phantom.truth["hole"], dtype=bool)
    specimen = np.asarray(phantom.truth["thickness"]) > 0.05
    vacuum = np.asarray(phantom.truth["thickness"]) <= 0
    result["flags"] = {
        "hole_pixels": int(hole.sum()),
        "hole_flagged": int((hole & ~answered).sum()),
        "vacuum_pixels": int(vacuum.sum()),
        "vacuum_flagged": int((vacuum & ~answered).sum()),
        "specimen_pixels": int(specimen.sum()),
        "specimen_answered": int((answered & specimen).sum()),
    }
    return result


def _report(metrics: dict[str, Any], say: Callable[[str], None]) -> None:
    """Print the comparison as a table."""
    say(f"Measured on: {metrics['measured_on']}")
    say(f"{'property':22s} {'RMSE':>7s} {'Spearman':>9s} {'in interval':>12s} {'AUROC':>7s}")
    for name, item in metrics.items():
        if name in PROPERTIES and PROPERTIES[name].probability and "auroc" in item:
            say(f"{name:22s} {'':7s} {'':9s} {'':12s} {item['auroc']:7.2f}")
        elif name in PROPERTIES and item.get("n"):
            say(f"{name:22s} {item['rmse']:7.3f} {item['spearman']:9.2f} {100 * item['coverage']:10.0f} %")
    flags = metrics["flags"]
    for kind, state in (("hole", "flagged"), ("vacuum", "flagged"), ("specimen", "answered")):
        say(f"{kind}: {flags[f'{kind}_{state}']} of {flags[f'{kind}_pixels']} pixels {state}")
