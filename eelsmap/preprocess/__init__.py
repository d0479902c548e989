"""The road from counts to edge stack, as kernels on blocks whose last axis is energy.

=====================  ==============================================================================
``check_energy_axis``  refuses axes that no step can use
``locate_edges``       where the edges really are on the recorded axis
``correct_energy_axis`` the simplest correction that explains it
``zero_loss_positions`` zero-loss peak of each pixel of a simultaneous low loss
``make_plan``          all that is decided once for an image
``remove_spikes``      X-ray spikes
``fit_power_law``      background before an edge
``extract_edges``      counts to net edges with quality and flags
``normalise``          net edges to the edge stack that features read
=====================  ==============================================================================
"""

from eelsmap.preprocess.background import extrapolate_power_law, fit_power_law
from eelsmap.preprocess.edge_location import EdgeLocation, locate_edges
from eelsmap.preprocess.edge_stack import EdgeStack, extract_edges, normalise
from eelsmap.preprocess.energy_axis import AxisCorrection, check_energy_axis, correct_energy_axis
from eelsmap.preprocess.noise import estimate_gain
from eelsmap.preprocess.plan import Plan, make_plan
from eelsmap.preprocess.spikes import remove_spikes
from eelsmap.preprocess.zero_loss import zero_loss_positions

__all__ = [
    "AxisCorrection",
    "EdgeLocation",
    "EdgeStack",
    "Plan",
    "check_energy_axis",
    "correct_energy_axis",
    "estimate_gain",
    "extract_edges",
    "extrapolate_power_law",
    "fit_power_law",
    "locate_edges",
    "make_plan",
    "normalise",
    "remove_spikes",
    "zero_loss_positions",
]
