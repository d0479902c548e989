"""A model small enough for tests: a few trees on the features of made-up spectra, written as a bundle."""

from __future__ import annotations

import json
from functools import cache

import numpy as np

from eelsmap.features import feature_matrix, feature_names, seen_distributions
from eelsmap.models.bundle import write_bundle
from eelsmap.models.model_loading import load_model
from eelsmap.models.novelty import fit_novelty
from eelsmap.preprocess.edge_stack import EdgeStack
from eelsmap.recipe import Recipe

TARGETS = ("li_content", "vacancy_probability")


@cache
def stack(rows=300, seed=0):
    """Edge stack of made-up spectra, some edges missing."""
    random = np.random.default_rng(seed)
    energy = np.linspace(0, 32, 161)
    peak = random.uniform(6, 16, (rows, 4, 1))
    second = np.where(np.arange(4)[:, None] == 0, 12.0, 14.0) + random.normal(0, 0.5, (rows, 4, 1))
    share = random.uniform(0.2, 0.6, (rows, 4, 1))
    lines = [np.exp(-0.5 * ((energy - centre) / 1.8) ** 2) for centre in (peak, peak + second)]
    net = 1e3 * (lines[0] + share * lines[1] + 0.1 + 0.02 * random.normal(size=(rows, 4, 161)))
    snr = random.uniform(8, 200, (rows, 4))
    missing = random.random((rows, 4)) < 0.1
    missing[:, 3] &= ~missing[:, :3].all(axis=1)
    net[missing] = np.nan
    snr[missing] = np.nan
    weak = np.zeros((rows, 4), dtype=bool)
    flags = np.zeros(rows, dtype=np.uint32)
    return EdgeStack(net, net.sum(axis=2), snr, weak, np.ones(4), np.nansum(net, axis=(1, 2)), flags)


@cache
def features():
    """Features of the made-up spectra."""
    return feature_matrix(stack(), Recipe(), axis_uncertainty=0.7)


@cache
def small_parts():
    """Manifest and parts of a small bundle."""
    import xgboost

    table = features()
    names = feature_names(Recipe())
    column = [index for index, name in enumerate(names) if name.startswith("cdf O_K")][15]
    aligned = [index for index, name in enumerate(names) if name.startswith("aligned Mn_L")][16]
    label = np.nan_to_num(table[:, column], nan=0.5) + 3 * np.nan_to_num(table[:, aligned], nan=0.05)
    common = {"tree_method": "hist", "max_depth": 3, "nthread": 1, "seed": 0}

    def trees(target, objective):
        matrix = xgboost.DMatrix(table, label=target, nthread=1)
        return bytes(xgboost.train({**common, "objective": objective}, matrix, num_boost_round=4).save_raw("ubj"))

    novelty = fit_novelty(*seen_distributions(table, Recipe()), np.arange(len(table)) % 2)
    grid = np.linspace(-2, 2, 5).tolist()
    calibration = {
        "numbers": {"li_content": {"boundaries": [1.0], "factors": [1.5, 2.0], "confidence": 0.9}},
        "probabilities": {
            "vacancy_probability": {
                "score": grid, "lower": [0.0, 0.1, 0.2, 0.3, 0.4], "value": [0.1, 0.2, 0.3, 0.4, 0.5],
                "upper": [0.2, 0.3, 0.4, 0.5, 0.6],
            }
        },
    }  # fmt: skip
    parts = {
        "li_content.ubj": trees(label, "reg:squarederror"),
        "li_content_spread.ubj": trees(np.log(np.abs(label) + 0.1), "reg:squarederror"),
        "vacancy_probability.ubj": trees((label > np.median(label)).astype(float), "binary:logistic"),
        "calibration.json": json.dumps(calibration).encode(),
        "novelty.npz": novelty.to_bytes(),
        "card.md": b"# Model `small`\n",
    }
    manifest = {
        "name": "small", "version": "1.0.0", "eelsmap_version": "0.1.0", "recipe": Recipe().to_dict(),
        "targets": list(TARGETS), "confidence": 0.9, "licence": "GPL-3.0-or-later", "limits": "none",
        "library": {"name": "none", "version": "0", "sha256": "0" * 64},
    }  # fmt: skip
    return json.loads(json.dumps(manifest)), parts


def small_model(folder):
    """Load the small model from a bundle written into a folder."""
    write_bundle(folder, *small_parts())
    return load_model(folder)
