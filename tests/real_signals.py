"""Measured files of the shared data, as plain counts and energies, for tests of kernels."""

from pathlib import Path

import hyperspy.api as hs

LINE_SCAN = "nmc_si_doped/tm_o_core_loss.dm3"
"""The one in which X-ray spikes were seen."""

OTHERS = (
    "nmc_si_doped/si_low_core_loss.dm3",
    "nmc_si_doped/zero_loss.dm3",
    "reader_samples/EELS_SI.dm4",
    "dual_eels/titanate_core_loss.dm3",
    "dual_eels/titanate_low_loss.dm3",
    "dual_eels/coreloss_spectrum.msa",
    "dual_eels/lowloss_spectrum.msa",
)


def counts_and_energy(path: Path):
    """Counts (n, channel) and energies (channel,), eV, of the first signal in a file."""
    read = hs.load(path)
    signal = read[0] if isinstance(read, list) else read
    return signal.data.reshape(-1, signal.data.shape[-1]), signal.axes_manager.signal_axes[0].axis
