"""A model whose features and trees are computed on a GPU; everything else is the model's own."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from eelsmap.features.device_arrays import to_host
from eelsmap.features.device_choice import device_name, one_at_a_time, require_device
from eelsmap.features.device_matrix import device_matrix
from eelsmap.models.device_trees import DeviceTrees, require_trees
from eelsmap.models.model import Model
from eelsmap.preprocess.edge_stack import EdgeStack

__all__ = ["DeviceModel", "on_device"]


@dataclass(frozen=True)
class DeviceModel(Model):
    """A model that computes features by array code and asks XGBoost itself, both on one device.

    Calibration, intervals, novelty, flags and corrections are those of :class:`eelsmap.models.Model` and stay on the
    CPU. It travels to other processes as any model does; a GPU must be there too.

    Parameters
    ----------
    device
        One of :data:`eelsmap.features.device_choice.DEVICES`. ``"cpu"`` does the same mathematics with NumPy.
    """

    device: str = "cuda"

    @property
    def runs_on(self) -> str:
        """What computes, in words."""
        return device_name(self.device)

    @property
    def reads_features_only(self) -> bool:
        """Never: features come from net counts, on the device."""
        return False

    @cached_property
    def _trees(self) -> DeviceTrees:  # type: ignore[override]
        """The boosters, which reach the device when they are first asked."""
        return DeviceTrees(self.boosters, self.device)

    def _features(self, stack: EdgeStack, axis_uncertainty: NDArray[np.float64] | float) -> NDArray[np.float32]:
        """Features of n pixels from their net counts, back on the CPU, where novelty reads them."""
        with one_at_a_time(self.device) as module:
            return to_host(device_matrix(stack, self.recipe, module, axis_uncertainty=axis_uncertainty))


def on_device(model: Model, device: str, /) -> Model:
    """Let a model compute on a device.

    Parameters
    ----------
    model
        The model; left as it is.
    device
        ``"cpu"``: compiled kernels. ``"cuda"``: the first GPU of NVIDIA that ``CUDA_VISIBLE_DEVICES`` shows.

    Returns
    -------
    Model
        The same answers, up to rounding.

    Raises
    ------
    DeviceError
        The device cannot be used; the message says what is missing and what to do.
    """
    require_device(device)
    require_trees(device)
    if device == "cpu" and not isinstance(model, DeviceModel):
        return model
    parts = {part.name: getattr(model, part.name) for part in fields(Model)}
    return Model(**parts) if device == "cpu" else DeviceModel(**parts, device=device)
