"""Boosted trees by XGBoost itself on the CPU or on a GPU, in place of the compiled kernels."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eelsmap.errors import DeviceError
from eelsmap.features.device_arrays import to_host
from eelsmap.features.device_choice import one_at_a_time
from eelsmap.models.device_booster import gpu_booster

if TYPE_CHECKING:
    from xgboost import Booster

__all__ = ["DeviceTrees", "require_trees"]


def require_trees(device: str, /) -> None:
    """Refuse a device on which the installed XGBoost cannot predict.

    Raises
    ------
    DeviceError
        XGBoost was built without CUDA.
    """
    import xgboost

    if device != "cpu" and not xgboost.build_info().get("USE_CUDA"):
        raise DeviceError(
            f"the installed XGBoost {xgboost.__version__} was built without CUDA: install the package xgboost in place "
            'of xgboost-cpu, or map with the device "cpu"'
        )


@dataclass(frozen=True)
class DeviceTrees:
    """Boosters of a model on a device; asked as :class:`eelsmap.models.fast_trees.TreesByWidth` is.

    Parameters
    ----------
    boosters
        Name to booster, left as they are.
    device
        One of :data:`eelsmap.features.device_choice.DEVICES`.
    """

    boosters: Mapping[str, Booster]
    device: str
    _moved: dict[str, Booster] = field(default_factory=dict, repr=False, compare=False)

    def predict(
        self, matrix: ArrayLike, names: Sequence[str], /, *, as_value: Collection[str] = ()
    ) -> NDArray[np.float32]:
        """Margins of some boosters that read the same features, which reach the device once for all of them.

        Parameters
        ----------
        matrix
            Features, shape (n, feature), on the CPU or on the device; NaN where one is missing.
        names
            Which boosters, in this order.
        as_value
            Names of those whose value is wanted: of a class, its probability.

        Returns
        -------
        numpy.ndarray
            Shape (n, booster).

        Raises
        ------
        DeviceError
            The device is not there any more, or has too little memory.
        """
        with one_at_a_time(self.device) as module:
            table = module.asarray(matrix, dtype=np.float32)
            said = [
                self._on_device(name).inplace_predict(table, predict_type="value" if name in as_value else "margin")
                for name in names
            ]
            return to_host(module.stack(said, axis=1))

    def _on_device(self, name: str) -> Booster:
        """Booster that predicts on the device: a copy, since others may ask the model's own on the CPU."""
        if self.device == "cpu":
            return self.boosters[name]
        if name not in self._moved:
            moved = gpu_booster(self.boosters[name])
            moved.set_param({"device": self.device})
            self._moved[name] = moved
        return self._moved[name]
