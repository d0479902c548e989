"""Features by array code and trees by XGBoost, on the CPU and on a GPU where there is one, beside the compiled kernels.

Two questions: do the maps agree, and where does the time of a block go? On the CPU the array code is NumPy's, which is
there to be compared and not to be used. *Simulated* pixels of a phantom, 2048 channels.

Run: ``OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/device.py [--rows 64 --repeats 5]``
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
from mapping import timed

import eelsmap
from eelsmap.errors import DeviceError
from eelsmap.features import feature_matrix
from eelsmap.features.device_arrays import to_host
from eelsmap.features.device_choice import device_module, device_name
from eelsmap.features.device_matrix import device_matrix
from eelsmap.io import prepare
from eelsmap.mapping.pixel_block import PropertyWork
from eelsmap.mapping.planned_image import plan_signal
from eelsmap.models.aligned_novelty import relative_score_of_both
from eelsmap.models.device_model import DeviceModel, on_device
from eelsmap.models.device_trees import DeviceTrees
from eelsmap.models.model import Model
from eelsmap.phantom import Microscope
from eelsmap.preprocess import extract_edges

BLOCK = 2048


def devices(model: Model) -> dict[str, Model]:
    """Models to compare by what computes: NumPy's array code, and a GPU if it can be used."""
    parts = {part.name: getattr(model, part.name) for part in fields(Model)}
    found: dict[str, Model] = {"cpu": DeviceModel(**parts, device="cpu")}
    try:
        found["cuda"] = on_device(model, "cuda")
    except DeviceError as error:
        print(f"no GPU here: {error}\n")
    return found


def block_of(rows: int, counts: float, model: Model) -> tuple[np.ndarray, Any]:
    """Pixels of a phantom, shape (n, channel), and their plan."""
    signal = eelsmap.make_phantom((rows, rows), microscope=Microscope(counts=counts)).signal()
    plan = plan_signal(prepare(signal), model.recipe).plan
    return np.asarray(signal.data).reshape(-1, signal.data.shape[-1]), plan


def agreement(rows: int, model: Model, others: dict[str, Model]) -> None:
    """Print how far the maps of others are those of the compiled kernels."""
    print(f"{'counts':>8s} {'device':8s}{'equal to the bit':>18s}{'differ by 1e-6':>16s}{'flags differ':>14s}")
    for counts in (1e6, 1e5, 3e4):
        pixels, plan = block_of(rows, counts, model)
        places = range(0, len(pixels), BLOCK)
        maps = {}
        for name, one in {"kernels": model, **others}.items():
            work = PropertyWork(plan, model.recipe, one)
            maps[name] = np.concatenate([work(pixels[place : place + BLOCK]) for place in places])
        expected = maps.pop("kernels")
        for name, found in maps.items():
            values, known = found[:, :-1], expected[:, :-1]
            same = (values == known) | (np.isnan(values) & np.isnan(known))
            near = same | (np.abs(values - known) <= 1e-6 * (1 + np.abs(known)))
            flags = (found[:, -1] != expected[:, -1]).mean()
            print(f"{counts:8.0e} {name:8s}{same.mean():18.6%}{1 - near.mean():16.6%}{flags:14.4%}")


def parts(model: Model, others: dict[str, Model], repeats: int) -> None:
    """Print how long each part of the road takes for a block."""
    pixels, plan = block_of(46, 3e4, model)
    block, recipe = np.ascontiguousarray(pixels[:BLOCK]), model.recipe
    stack = extract_edges(block, plan, recipe)
    features = feature_matrix(stack, recipe, axis_uncertainty=0.4)
    names = [name for name, trees in model.boosters.items() if trees.num_features() == features.shape[1]]
    rows: dict[str, Callable[[], Any]] = {
        "whole road, fused kernels": lambda: PropertyWork(plan, recipe, model)(block),
        "net counts": lambda: extract_edges(block, plan, recipe),
        "features, kernels": lambda: feature_matrix(stack, recipe, axis_uncertainty=0.4),
        "trees, kernels": lambda: model._trees.predict(features, names),
        "novelty": lambda: relative_score_of_both(model.novelty, model.novelty_aligned, features, recipe),
    }
    for device, one in others.items():
        module, trees = device_module(device), DeviceTrees(model.boosters, device)
        rows |= {
            f"whole road, {device}": lambda one=one: PropertyWork(plan, recipe, one)(block),
            f"features, {device}": lambda module=module: to_host(
                device_matrix(stack, recipe, module, axis_uncertainty=0.4)
            ),
            f"trees, {device}": lambda trees=trees: trees.predict(features, names),
        }
    print(f"\n{'':28s}{'us/pixel':>10s}{'CPU us/pixel':>14s}   best of {repeats}")
    for name, action in rows.items():
        action()
        wall, used = (min(one) * 1e6 / BLOCK for one in zip(*(timed(action) for _ in range(repeats)), strict=True))
        print(f"{name:28s}{wall:10.1f}{used:14.1f}")


def main() -> None:
    """Print agreement and times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=64, help="Rows and columns of the images that are compared.")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    model = eelsmap.load_model("nmc")
    others = devices(model)
    print(
        f"compared: {', '.join(device_name(device) for device in others)}; {arguments.rows} x {arguments.rows} pixels"
    )
    agreement(arguments.rows, model, others)
    parts(model, others, arguments.repeats)


if __name__ == "__main__":
    main()
