"""The surrogate of the O K calculation: from local descriptors to spectra, with an uncertainty, and its file.

Ridge regression on the components of the spectra, after Hirai et al., Phys. Rev. Materials 6, 115601 (2022),
10.1103/PhysRevMaterials.6.115601. `eelsmap.library.surrogate_fit` makes it from calculated cells; here it is only
applied, with numpy alone beside the descriptors (`eelsmap.library.descriptors`, dscribe).

Uncertainty: the predictive variance of ridge regression is ``s2 (1 + h)`` with the leverage
``h = x (X'X + ridge)^-1 x'`` of a descriptor x. Its two parts are calibrated on held-out families of cells: the
standard deviation at an energy is ``noise(energy) sqrt(level + slope h)``, for an oxygen atom and, with other
constants, for the average of a cell. An oxygen is flagged as extrapolated where h exceeds what 99 % of the oxygen
atoms of held-out families had.

The file is one npz without pickled objects; a JSON header carries the settings and the sha256 of every array.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eelsmap.errors import LibraryError
from eelsmap.library.array_digest import array_digest
from eelsmap.library.descriptors import NEED_MOMENTS, Describer, DescriptorSettings
from eelsmap.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from eelsmap.library.cells import Cell

SCHEMA = 1
SHIPPED = "oxygen_k_surrogate.npz"
ARRAYS = (
    "energy",
    "mean",
    "scale",
    "axes",
    "eigenvalues",
    "weights",
    "offset",
    "components",
    "base",
    "floor",
    "noise_atom",
    "noise_cell",
)


@dataclass(frozen=True)
class CellPrediction:
    """What the surrogate says of one cell; spectra in units of the edge step, as in the library.

    Parameters
    ----------
    spectra, uncertainty
        (n_oxygen, points) spectrum of each oxygen and its standard deviation.
    average, average_uncertainty
        (points,) mean over the oxygen atoms and its standard deviation (smaller than of one atom, not by the square
        root of their number: neighbours err together).
    leverage
        (n_oxygen,) distance from the training atoms, h in the text above.
    extrapolated
        (n_oxygen,) whether it is beyond what the uncertainty was calibrated on.
    """

    spectra: NDArray[np.float64]
    uncertainty: NDArray[np.float64]
    average: NDArray[np.float64]
    average_uncertainty: NDArray[np.float64]
    leverage: NDArray[np.float64]
    extrapolated: NDArray[np.bool_]


@dataclass(frozen=True)
class Surrogate:
    """Fitted surrogate; F descriptor columns, d axes in their space, k components, p points.

    Parameters
    ----------
    arrays
        ``energy`` (p,) eV; ``mean``, ``scale`` (F,) of the columns; ``axes`` (F, d) principal axes of the scaled
        training descriptors and their ``eigenvalues`` (d,); ``weights`` (d, k) and ``offset`` (k,) of the ridge
        regression; ``components`` (k, p) and ``base`` (p,) of the spectra; ``floor`` (p,) below which no spectrum
        goes; ``noise_atom``, ``noise_cell`` (p,) errors on held-out families. Further arrays are evidence
        (`eelsmap.library.surrogate_fit`).
    header
        Settings, calibration, tool versions, training cells, metrics.
    """

    arrays: dict[str, NDArray]
    header: dict[str, Any]

    @property
    def energy(self) -> NDArray[np.float64]:
        """Energies of the spectra, eV."""
        return self.arrays["energy"]

    @property
    def blocks(self) -> tuple[str, ...]:
        """Names of the descriptor blocks in use."""
        return tuple(self.header["blocks"])

    @property
    def needs_moments(self) -> bool:
        """Whether site moments must be known."""
        return bool(set(self.blocks) & set(NEED_MOMENTS))

    @cached_property
    def _describer(self) -> Describer:
        return Describer(DescriptorSettings.from_dict(self.header["descriptors"]), self.blocks)

    def describe(self, cell: Cell) -> NDArray[np.float64]:
        """Scaled descriptors of the oxygen atoms of a cell, (n_oxygen, F).

        Raises
        ------
        LibraryError
            The cell lacks numbers that the surrogate needs.
        """
        if self.needs_moments and not np.isfinite(cell.moments).all():
            raise LibraryError(f"{cell.name}: the surrogate needs the magnetic moment of every site")
        blocks = self._describer(cell)
        return (np.concatenate([blocks[name] for name in self.blocks], axis=1) - self.arrays["mean"]) * self.arrays[
            "scale"
        ]

    def leverage(self, described: NDArray) -> NDArray[np.float64]:
        """Leverage h of scaled descriptors (n, F), including what lies outside the kept axes."""
        latent = described @ self.arrays["axes"]
        ridge = self.header["ridge"]
        outside = np.clip((described**2).sum(axis=1) - (latent**2).sum(axis=1), 0, None)
        return (latent**2 / (self.arrays["eigenvalues"] + ridge)).sum(axis=1) + outside / ridge

    def evaluate(self, cell: Cell) -> CellPrediction:
        """Spectra, uncertainties and flags of one cell."""
        described = self.describe(cell)
        leverage = self.leverage(described)
        coefficients = described @ self.arrays["axes"] @ self.arrays["weights"] + self.arrays["offset"]
        spectra = from_components(coefficients, self.arrays, self.header["method"])
        calibration = self.header["calibration"]

        def deviation(which: str, values: NDArray) -> NDArray:
            constants = calibration[which]
            return self.arrays[f"noise_{which}"] * np.sqrt(constants["level"] + constants["slope"] * values)[:, None]

        whole = self.leverage(described.mean(axis=0, keepdims=True))
        return CellPrediction(
            spectra=spectra,
            uncertainty=deviation("atom", leverage),
            average=spectra.mean(axis=0),
            average_uncertainty=deviation("cell", whole)[0],
            leverage=leverage,
            extrapolated=leverage > calibration["largest_leverage"],
        )

    def predict(self, cells: Sequence[Cell]) -> list[NDArray[np.float64]]:
        """Placed O K spectra of every cell, (n_oxygen, points) each, in the library's units and on `energy`."""
        return [self.evaluate(cell).spectra for cell in cells]

    def uncertainty(self, cells: Sequence[Cell]) -> list[NDArray[np.float64]]:
        """Return the standard deviations of `predict`, in its shapes and units."""
        return [self.evaluate(cell).uncertainty for cell in cells]


def from_components(coefficients: NDArray, arrays: dict[str, NDArray], method: str) -> NDArray[np.float64]:
    """Spectra (n, points) of coefficients (n, k); not below the floor, and NMF coefficients not below zero."""
    if method == "NMF":
        coefficients = np.clip(coefficients, 0, None)
    return np.maximum(coefficients @ arrays["components"] + arrays["base"], arrays["floor"])


def cells_sha256(cells: Sequence[Cell]) -> str:
    """Identity of a set of calculated cells: structures, moments and histograms, whatever file they lie in."""
    total = hashlib.sha256()
    for cell in sorted(cells, key=lambda cell: cell.name):
        header = {key: value for key, value in cell.header().items() if key != "details"}
        total.update(json.dumps(header, sort_keys=True).encode())
        total.update(np.ascontiguousarray(cell.intensity, dtype="<f4").tobytes())
    return total.hexdigest()


def save_surrogate(surrogate: Surrogate, path: Path) -> None:
    """Write a surrogate, whole or not at all; the hashes in its header are made here."""
    arrays = surrogate.arrays
    plain = {key: value for key, value in surrogate.header.items() if key not in ("schema", "hashes")}
    text = json.dumps(plain, sort_keys=True)
    header = {
        "schema": SCHEMA,
        **plain,
        "hashes": {name: array_digest(values) for name, values in arrays.items()}
        | {"header": hashlib.sha256(text.encode()).hexdigest()},
    }
    with whole_file(path) as part, part.open("wb") as stream:
        np.savez_compressed(stream, header=np.array(json.dumps(header)), **arrays)  # type: ignore[arg-type]


def load_surrogate(path: str | Path | None = None) -> Surrogate:
    """Read a surrogate.

    Parameters
    ----------
    path
        File; the shipped one by default.

    Returns
    -------
    Surrogate

    Raises
    ------
    LibraryError
        No such file, a damaged one, another schema, or hashes that do not match.
    """
    if path is None:
        with as_file(files("eelsmap") / "data" / SHIPPED) as shipped:
            return load_surrogate(shipped)
    try:
        with np.load(path, allow_pickle=False) as content:
            header = json.loads(str(content["header"]))
            schema, hashes = header["schema"], header["hashes"]
            arrays = {name: content[name] for name in content.files if name != "header"}
    except (OSError, KeyError, TypeError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise LibraryError(f"{path}: not a surrogate of O K spectra ({error})") from error
    if schema != SCHEMA:
        raise LibraryError(f"{path}: surrogate schema {schema}; this version of eelsmap reads {SCHEMA}")
    plain = {key: value for key, value in header.items() if key not in ("schema", "hashes")}
    found = {name: array_digest(values) for name, values in arrays.items()}
    found["header"] = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
    wrong = sorted(name for name in {*found, *hashes, *ARRAYS} if found.get(name) != hashes.get(name))
    missing = sorted(set(ARRAYS) - set(arrays))
    if wrong or missing:
        raise LibraryError(
            f"{path}: damaged or changed, these parts do not match their sha256: {', '.join(wrong or missing)}; "
            "fit it again or restore the file"
        )
    return Surrogate(arrays, header)
