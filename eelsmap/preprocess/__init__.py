"""The road from counts to edge stack, as kernels on blocks whose last axis is energy.

========================  ==========================================================================
``check_energy_axis``     refuses axes that no step can use
``locate_edges``          where the edges really are on the recorded axis
``correct_energy_axis``   the simplest correction that explains it
``measure_zero_loss``     zero-loss peak of each pixel of a simultaneous low loss
``measure_drift``         drift from scan row to scan row, where there is none
``find_detector_faults``  dead and hot channels, steps of the gain, saturation
``make_plan``             all that is decided once for an image
``remove_spikes``         X-ray spikes
``local_average``         averaging over neighbouring pixels
``fit_components``        principal components that stand above noise
``fourier_ratio``         plural scattering out of a core loss, with its low loss
``fourier_log``           plural scattering out of a low loss
``estimate_thickness``    thickness in inelastic mean free paths
``fit_background``        background before an edge, four ways and with the help of neighbours
``choose_windows``        where it is fitted
``background_quality``    how far to trust it
``net_counts_bound``      the best precision that counts allow
``extract_edges``         counts to net edges with quality and flags
``normalise``             net edges to the edge stack that features read
========================  ==========================================================================
"""

from eelsmap.preprocess.background import extrapolate_power_law, fit_power_law
from eelsmap.preprocess.background_fit import extrapolate_background, fit_background
from eelsmap.preprocess.background_quality import background_quality
from eelsmap.preprocess.background_windows import choose_windows
from eelsmap.preprocess.denoising import fit_components, project
from eelsmap.preprocess.detector import DetectorFaults, find_detector_faults, repair_detector
from eelsmap.preprocess.drift import Drift, measure_drift
from eelsmap.preprocess.edge_location import EdgeLocation, locate_edges
from eelsmap.preprocess.edge_stack import EdgeDetails, EdgeStack, normalise
from eelsmap.preprocess.energy_axis import AxisCorrection, check_energy_axis, correct_energy_axis
from eelsmap.preprocess.extraction import extract_edges
from eelsmap.preprocess.fourier_log import fourier_log
from eelsmap.preprocess.local_average import local_average
from eelsmap.preprocess.noise import estimate_gain
from eelsmap.preprocess.plan import Plan
from eelsmap.preprocess.planning import make_plan
from eelsmap.preprocess.plural_scattering import fourier_ratio
from eelsmap.preprocess.precision import net_counts_bound
from eelsmap.preprocess.spikes import remove_spikes
from eelsmap.preprocess.thickness import estimate_thickness
from eelsmap.preprocess.zero_loss import measure_zero_loss, zero_loss_positions

__all__ = [
    "AxisCorrection",
    "DetectorFaults",
    "Drift",
    "EdgeDetails",
    "EdgeLocation",
    "EdgeStack",
    "Plan",
    "background_quality",
    "check_energy_axis",
    "choose_windows",
    "correct_energy_axis",
    "estimate_gain",
    "estimate_thickness",
    "extract_edges",
    "extrapolate_background",
    "extrapolate_power_law",
    "find_detector_faults",
    "fit_background",
    "fit_components",
    "fit_power_law",
    "fourier_log",
    "fourier_ratio",
    "local_average",
    "locate_edges",
    "make_plan",
    "measure_drift",
    "measure_zero_loss",
    "net_counts_bound",
    "normalise",
    "project",
    "remove_spikes",
    "repair_detector",
    "zero_loss_positions",
]
