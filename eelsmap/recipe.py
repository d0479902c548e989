"""The recipe: one frozen dataclass a step of the road from counts to features.

The same object is the configuration, the command-line options and the provenance record. A model bundle carries the
recipe that its training spectra went through, and the spectra that it is applied to go through the same one.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from eelsmap.edges import NMC_EDGES, EdgeSet
from eelsmap.errors import RecipeError

__all__ = [
    "AXIS_MODES",
    "BACKGROUND_METHODS",
    "PLURAL_SCATTERING_METHODS",
    "BackgroundStep",
    "DetectorStep",
    "EnergyAxisStep",
    "FeatureStep",
    "NoiseStep",
    "PluralScatteringStep",
    "QualityStep",
    "Recipe",
    "SpikeStep",
]

AXIS_MODES = ("auto", "none", "zero_loss", "global", "per_edge")
BACKGROUND_METHODS = ("weighted", "two_area", "likelihood", "fixed_exponents")
PLURAL_SCATTERING_METHODS = ("none", "fourier_ratio")


def _require(condition: bool, step: str, name: str, value: object, wanted: str) -> None:
    """Raise a RecipeError that names the step, the field, the value and what it should be."""
    if not condition:
        raise RecipeError(f"{step}: {name} = {value!r} cannot be used; it must be {wanted}")


@dataclass(frozen=True, slots=True)
class DetectorStep:
    """How faults of the detector are found and repaired.

    Parameters
    ----------
    enabled
        Whether dead and hot channels, steps of the gain and saturation are looked for at all.
    saturation
        Counts at which the detector saturates; 0 looks for a plateau that noise would not make.
    """

    enabled: bool = True
    saturation: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a level below zero."""
        _require(self.saturation >= 0, "detector", "saturation", self.saturation, "zero (look for it) or counts")


@dataclass(frozen=True, slots=True)
class EnergyAxisStep:
    """How the energy axis is corrected.

    Parameters
    ----------
    mode
        ``"auto"`` takes the zero-loss peak of a simultaneous low loss per pixel, then looks at where the edges are and
        applies the simplest correction that explains them: none, a global offset (and dispersion), or one shift an
        edge. The other values force one way; ``"none"`` trusts the file.
    search
        Largest error of the axis that is looked for, eV.
    tolerance
        Edges found within this distance of their usual place leave the axis as it is, eV: valence alone moves an
        L3 line by more than 1 eV.
    rows
        Without a simultaneous low loss, whether a drift from scan row to scan row is looked for and taken out where
        all edges agree on it.
    offset
        Added to the recorded axis before anything else, eV: what a user knows of the axis better than the file.
    """

    mode: str = "auto"
    search: float = 25.0
    tolerance: float = 2.0
    rows: bool = True
    offset: float = 0.0

    def __post_init__(self) -> None:
        """Refuse unknown modes and distances that are not positive."""
        _require(self.mode in AXIS_MODES, "energy axis", "mode", self.mode, f"one of {', '.join(AXIS_MODES)}")
        _require(0 < self.search <= 60, "energy axis", "search", self.search, "in (0, 60] eV")
        _require(0 <= self.tolerance <= self.search, "energy axis", "tolerance", self.tolerance, "in [0, search] eV")
        _require(abs(self.offset) <= 500, "energy axis", "offset", self.offset, "between -500 and 500 eV")


@dataclass(frozen=True, slots=True)
class SpikeStep:
    """How X-ray spikes are found and replaced.

    Parameters
    ----------
    enabled
        Whether spikes are looked for at all.
    threshold
        Height above both the neighbouring channels and the shape of the image's mean spectrum, in standard
        deviations of the counts. A white line stands in the mean spectrum too, so it is never taken for a spike.
    """

    enabled: bool = True
    threshold: float = 8.0

    def __post_init__(self) -> None:
        """Refuse thresholds that would eat noise."""
        _require(self.threshold >= 4, "spikes", "threshold", self.threshold, "at least 4 standard deviations")


@dataclass(frozen=True, slots=True)
class NoiseStep:
    """What is done against noise; nothing by default, since each way gives something up.

    Parameters
    ----------
    average
        Standard deviation of the Gaussian over which neighbouring pixels are averaged, pixels; 0 leaves them alone.
        The maps lose that much of their resolution in space.
    denoise
        Whether every spectrum is replaced by its projection on the principal components of the image. A pixel that
        they do not describe is left as it is.
    components
        How many components are kept; 0 chooses them by their height above noise.
    """

    average: float = 0.0
    denoise: bool = False
    components: int = 0

    def __post_init__(self) -> None:
        """Refuse widths and numbers below zero."""
        _require(0 <= self.average <= 20, "noise", "average", self.average, "between 0 and 20 pixels")
        _require(0 <= self.components <= 64, "noise", "components", self.components, "0 (chosen) or up to 64")


@dataclass(frozen=True, slots=True)
class PluralScatteringStep:
    """Whether plural scattering is removed with the low loss of the same pixels.

    Parameters
    ----------
    method
        ``"none"``, or ``"fourier_ratio"`` (Egerton, *Electron Energy-Loss Spectroscopy in the Electron Microscope*,
        3rd ed., section 4.3.2). Models learned from spectra of any thickness and need neither.
    fwhm
        Width of the Gaussian with which the result is convolved again, eV; 0 takes that of the zero-loss peak.
    """

    method: str = "none"
    fwhm: float = 0.0

    def __post_init__(self) -> None:
        """Refuse unknown methods and widths below zero."""
        known = ", ".join(PLURAL_SCATTERING_METHODS)
        step = "plural scattering"
        _require(self.method in PLURAL_SCATTERING_METHODS, step, "method", self.method, f"one of {known}")
        _require(0 <= self.fwhm <= 10, step, "fwhm", self.fwhm, "between 0 and 10 eV")


@dataclass(frozen=True, slots=True)
class BackgroundStep:
    """How the background before each edge is modelled.

    Parameters
    ----------
    method
        ``"weighted"``: power law by weighted least squares on the logarithm of binned counts; ``"two_area"``;
        ``"likelihood"``: Poisson maximum likelihood; ``"fixed_exponents"``: combination of two power laws whose
        exponents are those of the image. See :mod:`eelsmap.preprocess.background`.
    bins
        The background window is summed into this many bins before the power law is fitted to their logarithms by
        weighted least squares, which keeps the logarithm of few counts from biasing the fit.
    minimum_window
        Least width of the window inside the axis, eV; less makes the edge a missing one.
    move_windows
        Whether the window moves or shrinks where the mean spectrum shows the fine structure of another edge in it.
    neighbours
        Standard deviation of the Gaussian over which neighbouring pixels lend their exponent, pixels (local background
        averaging); 0 fits every pixel for itself.
    """

    method: str = "weighted"
    bins: int = 8
    minimum_window: float = 12.0
    move_windows: bool = True
    neighbours: float = 0.0

    def __post_init__(self) -> None:
        """Refuse fits with too few points."""
        known = ", ".join(BACKGROUND_METHODS)
        _require(self.method in BACKGROUND_METHODS, "background", "method", self.method, f"one of {known}")
        _require(0 <= self.neighbours <= 20, "background", "neighbours", self.neighbours, "between 0 and 20 pixels")
        _require(3 <= self.bins <= 64, "background", "bins", self.bins, "between 3 and 64")
        _require(self.minimum_window > 0, "background", "minimum_window", self.minimum_window, "positive (eV)")


@dataclass(frozen=True, slots=True)
class QualityStep:
    """When a pixel or an edge gives no answer.

    Parameters
    ----------
    minimum_relative_counts
        A pixel with fewer counts than this share of the bright part of the image (95th percentile) is vacuum.
    minimum_snr
        An edge whose net counts in the near-edge window are less than this many standard deviations (counting the
        extrapolated background's error) is weak: it is treated as an absent element.
    """

    minimum_relative_counts: float = 0.02
    minimum_snr: float = 5.0

    def __post_init__(self) -> None:
        """Refuse shares outside [0, 1) and negative limits."""
        share = self.minimum_relative_counts
        _require(0 <= share < 1, "quality", "minimum_relative_counts", share, "in [0, 1)")
        _require(self.minimum_snr >= 0, "quality", "minimum_snr", self.minimum_snr, "zero or more")


@dataclass(frozen=True, slots=True)
class FeatureStep:
    """What a model sees of the edge stack.

    Parameters
    ----------
    kind
        ``"cdf"``: cumulative distribution function of each edge (Chen et al. 2024, 10.1021/acs.chemmater.3c02584).
    edges
        Names of the edges used; all of the edge set (multimodal) when empty, one for a unimodal model.
    stride
        Every how many-th point of the cumulative distribution is kept.
    aligned
        Whether each edge, laid on its own maximum, is a feature too: line ratios, distances and shape, which an axis
        that is wrong does not change.
    relative_intensity
        Whether each edge's share of the net counts, corrected by cross section, is a feature too.
    """

    kind: str = "cdf"
    edges: tuple[str, ...] = ()
    stride: int = 4
    aligned: bool = True
    relative_intensity: bool = True

    def __post_init__(self) -> None:
        """Refuse unknown features."""
        _require(self.kind == "cdf", "features", "kind", self.kind, "'cdf'")
        _require(self.stride >= 1, "features", "stride", self.stride, "one or more")


@dataclass(frozen=True, slots=True)
class Recipe:
    """The whole road from counts to features, step by step."""

    edge_set: EdgeSet = NMC_EDGES
    detector: DetectorStep = field(default_factory=DetectorStep)
    energy_axis: EnergyAxisStep = field(default_factory=EnergyAxisStep)
    spikes: SpikeStep = field(default_factory=SpikeStep)
    noise: NoiseStep = field(default_factory=NoiseStep)
    plural_scattering: PluralScatteringStep = field(default_factory=PluralScatteringStep)
    background: BackgroundStep = field(default_factory=BackgroundStep)
    quality: QualityStep = field(default_factory=QualityStep)
    features: FeatureStep = field(default_factory=FeatureStep)

    def __post_init__(self) -> None:
        """Refuse features of edges that the set does not hold."""
        for name in self.features.edges:
            self.edge_set.index(name)

    @property
    def used_edges(self) -> tuple[str, ...]:
        """Names of the edges that become features."""
        return self.features.edges or self.edge_set.names

    def with_axis_mode(self, mode: str) -> Recipe:
        """Return the same recipe with another way to treat the energy axis."""
        return replace(self, energy_axis=replace(self.energy_axis, mode=mode))

    def with_treatment(self, other: Recipe) -> Recipe:
        """Take the steps of treatment of another recipe, whose edges and features must be these.

        Raises
        ------
        RecipeError
            The other recipe has other edges or features: what was learned from these cannot read them.
        """
        if other.edge_set != self.edge_set or other.features != self.features:
            raise RecipeError(
                "the recipe has other edges or features than the model learned from; change the steps of treatment "
                "only, for instance with dataclasses.replace(model.recipe, noise=NoiseStep(average=1))"
            )
        return other

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, strings and lists; :meth:`from_dict` takes it back."""
        return asdict(self)

    def to_json(self) -> str:
        """Text with sorted keys, the same for the same recipe."""
        return json.dumps(self.to_dict(), sort_keys=True)

    @property
    def sha256(self) -> str:
        """Hash of :meth:`to_json`."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Recipe:
        """Rebuild a recipe from :meth:`to_dict`, also after a trip through JSON.

        Raises
        ------
        RecipeError
            A step or a field is unknown or missing, or holds an unusable value.
        """
        try:
            # Models that were made before a step existed know nothing of it; the step is as it is by default.
            return cls(
                edge_set=EdgeSet.from_dict(content["edge_set"]),
                detector=DetectorStep(**content.get("detector", {})),
                energy_axis=EnergyAxisStep(**content["energy_axis"]),
                spikes=SpikeStep(**content["spikes"]),
                noise=NoiseStep(**content.get("noise", {})),
                plural_scattering=PluralScatteringStep(**content.get("plural_scattering", {})),
                background=BackgroundStep(**content["background"]),
                quality=QualityStep(**content["quality"]),
                features=FeatureStep(**{**content["features"], "edges": tuple(content["features"]["edges"])}),
            )
        except (KeyError, TypeError) as error:
            raise RecipeError(f"this is no recipe of this version of eelsmap: {error}") from error
