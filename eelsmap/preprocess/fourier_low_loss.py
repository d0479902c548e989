"""The low loss as a filter on the frequencies of the core loss: its stable inverse, whatever the channel widths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from eelsmap.preprocess.smooth_ends import low_loss_tail

__all__ = ["LowLossFilter"]

FloatArray = NDArray[np.float64]

_FWHM_PER_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))
_SAME = 0.02
_CANDIDATES = 8


@dataclass(frozen=True)
class LowLossFilter:
    """Lengths of the transforms of core and low loss, and what they share.

    Both periods are the same in eV, so that both transforms have their coefficients at the same frequencies: a low
    loss with other channels is not interpolated, and its counts are kept. (The periods agree to half a channel of the
    low loss: at most 2e-4 of the period.)

    Parameters
    ----------
    length, low_length
        Channels of the periodic core-loss axis and of that of the low loss.
    step, low_step
        Widths of their channels, eV.
    low_energy
        Energies of the low loss as recorded, shape (low channel,), eV.
    tail
        How far the low loss is continued beyond its end, eV.
    """

    length: int
    low_length: int
    step: float
    low_step: float
    low_energy: FloatArray
    tail: float

    @classmethod
    def of(cls, energy: FloatArray, low_energy: FloatArray, fall: int, tail: float, /) -> LowLossFilter:
        """Choose lengths at which transforms are fast.

        Parameters
        ----------
        energy, low_energy
            Energies of the channels of core and low loss, eV.
        fall
            Channels behind the end of the core loss in which it falls to zero.
        tail
            How far the low loss is continued beyond its end, eV.

        Returns
        -------
        LowLossFilter
            For all pixels of an image.
        """
        step = float((energy[-1] - energy[0]) / (energy.size - 1))
        low_step = float((low_energy[-1] - low_energy[0]) / (low_energy.size - 1))
        ratio = step / low_step
        if abs(ratio - 1.0) * low_energy.size < _SAME:
            ratio = 1.0
        # What leaves the end of the axis comes back at its start: zeros as long as the low loss keep it out.
        room = energy.size + fall + int(np.ceil(low_energy.size / ratio))
        least = max(room, int(np.ceil((low_energy.size + tail / low_step) / ratio)))
        lengths = [int(scipy.fft.next_fast_len(least, real=True))]
        while ratio != 1.0 and len(lengths) < _CANDIDATES:
            lengths.append(int(scipy.fft.next_fast_len(lengths[-1] + 1, real=True)))
        length = min(lengths, key=lambda one: abs(one * ratio - round(one * ratio)))
        return cls(length, round(length * ratio), step, low_step, low_energy, tail)

    @property
    def frequencies(self) -> FloatArray:
        """Frequencies of the core loss's coefficients, 1/eV."""
        return np.arange(self.length // 2 + 1, dtype=np.float64) / (self.length * self.step)

    def sum_weights(self, window: float, /) -> FloatArray:
        """Weight of each frequency in the variance of a sum over some eV; together 1.

        Parameters
        ----------
        window
            Width of the sum, eV.

        Returns
        -------
        numpy.ndarray
            Shape (m,): the lowest frequencies, which are all that matter.
        """
        weight = np.sinc(self.frequencies * window) ** 2
        weight[1:] *= 2.0
        # What lies beyond the fourth side lobe is left out: less than 3 %.
        weight = weight[: max(2, int(np.ceil(4.0 / window * self.length * self.step)))]
        return weight / weight.sum()

    def inverse(
        self,
        low_loss: FloatArray,
        position: FloatArray,
        fwhm: FloatArray,
        /,
        *,
        scale: FloatArray | None,
        noise: float,
        weights: FloatArray,
    ) -> tuple[NDArray[np.complex128], FloatArray]:
        """Transfer functions that undo the low loss.

        Parameters
        ----------
        low_loss
            Finite counts, shape (n, low channel).
        position
            Zero-loss peak of each, shape (n,), eV.
        fwhm
            Resolution of the result, shape (n,), eV.
        scale
            Shape (n,): what the inverse is multiplied by, counts; None for all counts of the low loss.
        noise
            Variance of the counts divided by their mean, times the strength of the damping.
        weights
            Of the frequencies in the variance of a sum, see :meth:`sum_weights`.

        Returns
        -------
        transfer : numpy.ndarray
            Shape (n, length // 2 + 1), complex.
        growth : numpy.ndarray
            Factor by which the variance of a sum of white noise grows, shape (n,).
        """
        channels = low_loss.shape[1]
        tail = low_loss_tail(low_loss, self.low_energy, self.tail)
        whole = np.zeros((len(low_loss), self.low_length))
        whole[:, :channels] = low_loss
        whole[:, channels : channels + tail.shape[1]] = tail[:, : self.low_length - channels]
        coefficients = self.length // 2 + 1
        inverse = scipy.fft.rfft(whole, axis=1)[:, :coefficients]
        power = np.square(inverse.real)
        power += np.square(inverse.imag)
        # A coefficient of no size is damped, not divided by, even where the damping is switched off.
        floor = np.maximum(noise * np.abs(low_loss).sum(axis=1), 1e-24 * power[:, 0] + 1e-300)
        kept = np.sqrt(power[:, 0]) if scale is None else scale
        size = self._gaussian(fwhm)[:, : inverse.shape[1]] * kept[:, None]
        size /= power + floor[:, None]
        np.conjugate(inverse, out=inverse)
        inverse *= size
        lowest = min(weights.size, inverse.shape[1])
        growth = (power[:, :lowest] * np.square(size[:, :lowest])) @ weights[:lowest]
        inverse *= _turns((position - self.low_energy[0]) / self.low_step / self.low_length, inverse.shape[1])
        if inverse.shape[1] < coefficients:
            inverse = np.pad(inverse, ((0, 0), (0, coefficients - inverse.shape[1])))
        return inverse, growth

    def _gaussian(self, fwhm: FloatArray) -> FloatArray:
        """Transform of a Gaussian of unit area, sampled at the channels of the core loss."""
        sigma = (fwhm[:1] if (fwhm == fwhm[0]).all() else fwhm)[:, None] / _FWHM_PER_SIGMA
        total = np.exp(-2.0 * (np.pi * sigma * self.frequencies) ** 2)
        # A peak of a channel or less: its images on the other side of the sampling frequency matter.
        narrow = sigma[:, 0] < self.step
        if narrow.any():
            for image in (-1.0, 1.0):
                shifted = self.frequencies + image / self.step
                total[narrow] += np.exp(-2.0 * (np.pi * sigma[narrow] * shifted) ** 2)
            total[narrow] /= total[narrow, :1]
        return total


def _turns(per_coefficient: FloatArray, coefficients: int) -> NDArray[np.complex128]:
    """Phases ``exp(-2 pi i k turns)`` of the coefficients k, as products of few exponentials."""
    block = int(np.ceil(np.sqrt(coefficients)))
    angle = -2j * np.pi * per_coefficient[:, None]
    fine = np.exp(angle * np.arange(block))
    coarse = np.exp(angle * (block * np.arange(block)))
    return (coarse[:, :, None] * fine[:, None, :]).reshape(len(angle), -1)[:, :coefficients]
