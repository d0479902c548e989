"""What the transformers of edge windows share: their shape of input, and what scikit-learn asks of a transformer.

They follow scikit-learn's interface (``fit``, ``transform``, ``get_params``, ``set_params``, clones, pipelines) without
importing it, because features are needed where it is not installed.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eelsmap.errors import RecipeError

__all__ = ["EdgeTransformer", "JoinedFeatures", "Transformer"]


class Transformer:
    """Base of the transformers: dataclasses whose fields are the parameters."""

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Learn nothing; transformers that learn do it here."""
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """Features of each row."""
        raise NotImplementedError

    def fit_transform(self, X: ArrayLike, y: Any = None) -> NDArray[np.float64]:
        """Fit, then transform the same rows."""
        return self.fit(X, y).transform(X)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters by name."""
        return {item.name: getattr(self, item.name) for item in fields(self) if item.init}  # type: ignore[arg-type]

    def set_params(self, **parameters: Any) -> Self:
        """Change parameters.

        Raises
        ------
        RecipeError
            There is no parameter of that name.
        """
        known = self.get_params()
        for name, value in parameters.items():
            if name not in known:
                raise RecipeError(f"{type(self).__name__} has no parameter {name!r}; it has {', '.join(known)}")
            setattr(self, name, value)
        return self

    def __sklearn_tags__(self) -> Any:
        """Say to scikit-learn what this is; only it calls this."""
        from sklearn.utils import Tags, TargetTags, TransformerTags

        return Tags(estimator_type=None, target_tags=TargetTags(required=False), transformer_tags=TransformerTags())


@dataclass(eq=False)
class EdgeTransformer(Transformer):
    """Base of the transformers that treat each edge on its own.

    Parameters
    ----------
    edges
        Number of edge windows that lie side by side in a row of the input.
    dispersion
        Width of a channel, eV.
    """

    edges: int = 4
    dispersion: float = 0.25

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """Features of each row.

        Parameters
        ----------
        X
            Shape (n, edges * channel): net intensities, edge windows side by side; or (n, edges, channel).

        Returns
        -------
        numpy.ndarray
            Shape (n, feature), the features of all edges side by side.

        Raises
        ------
        RecipeError
            The rows cannot be cut into that many edges.
        """
        windows = np.asarray(X, dtype=np.float64)
        if windows.ndim not in (2, 3) or self.edges < 1 or windows[:1].size % self.edges:
            raise RecipeError(f"features: rows of shape {windows.shape[1:]} cannot be cut into {self.edges} edges")
        windows = windows.reshape(windows.shape[0], self.edges, -1)
        return self._features(windows).reshape(windows.shape[0], -1)

    def _features(self, windows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Features of windows of shape (n, edge, channel), shape (n, edge, ...)."""
        raise NotImplementedError


@dataclass(eq=False)
class JoinedFeatures(EdgeTransformer):
    """Features of several transformers side by side.

    Parameters
    ----------
    parts
        The transformers; how many edges a row holds and how wide a channel is, is said here and not by them.
    """

    parts: tuple[EdgeTransformer, ...] = ()

    def _features(self, windows: NDArray[np.float64]) -> NDArray[np.float64]:
        if not self.parts:
            raise RecipeError("features: nothing to join")
        return np.concatenate([part._features(windows) for part in self.parts], axis=-1)
