"""The papers' figures, and why ours differ: one sentence each.

Jia et al., ACS Nano 2026, 10.1021/acsnano.5c16942; Chen et al., Chem. Mater. 2024, 10.1021/acs.chemmater.3c02584.
"""

from __future__ import annotations

__all__ = ["CORRELATION", "DIFFERENCES", "ENVIRONMENT_ACCURACY", "STATEMENTS"]

ENVIRONMENT_ACCURACY: dict[str, tuple[float, float]] = {
    "ridge": (0.93, 0.79),
    "mlp": (0.99, 0.84),
    "random_forest": (0.95, 0.88),
    "gradient_boosting": (0.96, 0.84),
    "lightgbm": (0.99, 0.88),
    "xgboost": (0.99, 0.93),
    "cnn": (0.97, 0.77),
}
"""Accuracy of the counts of lithium and of the metals by model (Jia et al.)."""

CORRELATION: dict[str, str] = {"cdf": "0.97-0.98", "intensity": "0.5"}
"""Pearson correlation with the copy shifted by 5 eV (Chen et al.)."""

STATEMENTS: dict[str, str] = {
    "li_rmse": "below 0.1 on experiment",
    "li_gain": "30-50 % below one edge",
    "environment_gain": "0.14-0.78 above one edge",
    "vacancy": "1.00",
    "antisite": "1.00",
    "alignment": "raw intensity 2-5 % better than CDF when every axis is right",
}
"""What is said in words of the other tasks (Jia et al.)."""

DIFFERENCES: dict[str, str] = {
    "li_content": (
        "The published RMSE is one of measured spectra; ours is simulated, over all kinds of structures (vacancies, "
        "antisites and lithium-rich ones too), and with whole formulas held out it also pays for formulas never seen."
    ),
    "environment": (
        "The papers deal environments of 851 structures of three compositions at random, so that nearly the same "
        "environment is on both sides; ours come from many more formulas with fewer structures each."
    ),
    "valence": (
        "The library places the L3 line of each ion at an energy of its own, so an oxidation state is easy by "
        "construction: this says nothing about measured spectra."
    ),
    "bond_length": (
        "Chen et al. predict it from first-principles K edges; here bond lengths enter the L edges through a crystal "
        "field that was set, and O K through the calculation."
    ),
    "vacancy": (
        "In the papers' set vacancies occur at 0-20 % lithium and every other structure is pristine; ours occur at all "
        "lithium contents, beside antisites, and their low valences occur in pristine structures too."
    ),
    "antisite": (
        "The papers judge 14-18 structures of large cells, dealt at random; here an antisite of a formula never seen "
        "must be told from other charge arrangements, and 'in 0.3 nm' takes half an exchanged atom as present."
    ),
    "edges": (
        "In the papers all edges of each site are first-principles spectra; here O K was calculated for each cell, "
        "while L2,3 edges are multiplets that know valence, distance and elongation alone: O K says nearly "
        "everything, more than a measured one would, and the others add little but which metals are there."
    ),
    "models": (
        "All models here learn numbers that are rounded, with untuned settings; the papers tuned them, so differences "
        "between models that are smaller than those between splits mean little."
    ),
}
"""One sentence a task, and for the comparison of edges and of models."""
