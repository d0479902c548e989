"""A model measured on spectra that somebody gave, with values that are known: read, predict, compare, write."""

from eelsmap.models.evaluation_measured.evaluate import Evaluation, evaluate_spectra
from eelsmap.models.evaluation_measured.measured_set import MeasuredSet, Specimen, read_measured_set
from eelsmap.models.evaluation_measured.predictions import predict_specimens
from eelsmap.models.evaluation_measured.stacks import Shifts

__all__ = [
    "Evaluation",
    "MeasuredSet",
    "Shifts",
    "Specimen",
    "evaluate_spectra",
    "predict_specimens",
    "read_measured_set",
]
