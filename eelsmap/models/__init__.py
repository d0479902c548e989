"""Models: ``load_model`` gives a shipped or own bundle, ``Model`` predicts, ``eelsmap.models.train`` makes new ones."""

from eelsmap.models.bundle import shipped_models
from eelsmap.models.model import Model
from eelsmap.models.model_loading import load_model

__all__ = ["Model", "load_model", "shipped_models"]
