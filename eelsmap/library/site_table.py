"""Spectra of single sites, and which of them make up each record: what the library file stores instead of records.

A record is a weighted mean of sites, and a site belongs to many records: storing sites is smaller than storing records,
and other records (another probe) can be made from them. Spectra are held as 16-bit integers, each row with its own
offset and step, so that the error is at most 1/131 070 of the range of a spectrum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from eelsmap.errors import LibraryError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["SiteTable", "quantised", "rows_of_weights"]

_LEVELS = 65535
_BLOCK = 256  # records put together at a time


@dataclass(frozen=True)
class SiteTable:
    """Sites of one edge and their shares in the records.

    Parameters
    ----------
    counts
        (n_sites, points) uint16.
    offset, step
        (n_sites,) float32; the spectrum is ``offset + step * counts``.
    start
        (n_records + 1,) int32: record r consists of the entries ``start[r]`` to ``start[r + 1]`` of `site`, `weight`.
    site
        (entries,) int32 rows of `counts`.
    weight
        (entries,) float32; the weights of a record sum to 1, a record without entries has no atom of the element.
    """

    counts: NDArray[np.uint16]
    offset: NDArray[np.float32]
    step: NDArray[np.float32]
    start: NDArray[np.int32]
    site: NDArray[np.int32]
    weight: NDArray[np.float32]

    @property
    def spectra(self) -> NDArray[np.float32]:
        """Spectra of the sites, (n_sites, points)."""
        return self.offset[:, None] + self.step[:, None] * self.counts.astype(np.float32)

    def records(self) -> NDArray[np.float32]:
        """Spectra of the records, (n_records, points); a row of NaN where a record has no atom of the element."""
        # A sparse product would do, but importing scipy.sparse takes longer than all of this.
        spectra = self.spectra
        result = np.full((self.start.size - 1, self.counts.shape[1]), np.nan, dtype=np.float32)
        present = np.flatnonzero(np.diff(self.start))
        for first in range(0, present.size, _BLOCK):
            rows = present[first : first + _BLOCK]
            low, high = self.start[rows[0]], self.start[rows[-1] + 1]
            entries = spectra[self.site[low:high]]
            entries *= self.weight[low:high, None]
            result[rows] = np.add.reduceat(entries, self.start[rows] - low, axis=0)
        return result

    def with_records(self, start: NDArray, site: NDArray, weight: NDArray) -> SiteTable:
        """Return the same sites, put together to other records."""
        return SiteTable(
            self.counts,
            self.offset,
            self.step,
            start.astype(np.int32),
            site.astype(np.int32),
            weight.astype(np.float32),
        )


def quantised(spectra: ArrayLike) -> tuple[NDArray[np.uint16], NDArray[np.float32], NDArray[np.float32]]:
    """Spectra as 16-bit integers.

    Parameters
    ----------
    spectra
        (n_sites, points), finite.

    Returns
    -------
    counts, offset, step
        As in `SiteTable`.

    Raises
    ------
    LibraryError
        A value is not finite.
    """
    values = np.asarray(spectra, dtype=np.float64)
    if not np.isfinite(values).all():
        raise LibraryError(
            f"{int((~np.isfinite(values)).any(axis=1).sum())} of {len(values)} spectra hold values that are not finite;"
            " leave such spectra out, or fill the gaps first"
        )
    # Rounded to what is stored before they are used, so that a library in memory equals the one that is loaded.
    offset = values.min(axis=1).astype(np.float32)
    step = ((values.max(axis=1) - offset) / _LEVELS).astype(np.float32)
    divisor = np.where(step > 0, step, 1.0).astype(np.float64)
    counts = np.rint((values - offset[:, None]) / divisor[:, None])
    return np.clip(counts, 0, _LEVELS).astype(np.uint16), offset, step


def rows_of_weights(
    weights: NDArray, sites: NDArray
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Entries of several records that share their atoms.

    Parameters
    ----------
    weights
        (records, atoms) not negative.
    sites
        (atoms,) row of each atom in the site table.

    Returns
    -------
    count, site, weight
        Entries of each record (records,), and the entries of all of them with weights that sum to 1 in each record.
    """
    total = weights.sum(axis=1, keepdims=True)
    shares = np.divide(weights, total, out=np.zeros_like(weights, dtype=float), where=total > 0)
    record, atom = np.nonzero(shares)
    return np.bincount(record, minlength=len(weights)), sites[atom], shares[record, atom]
