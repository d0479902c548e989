"""Time and memory of ``eelsmap map`` on a file larger than it should ever hold in memory.

A phantom of 64 x 64 pixels is laid side by side until the image has the size that was asked for, written as
uncompressed .hspy with uint16 counts, and mapped by the command line in a process of its own, whose largest resident
memory the system reports.

Run: ``python benchmarks/large_image.py [--rows 512 --columns 512]`` (1.07 GB on disk, removed afterwards)
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import h5py
import numpy as np

import eelsmap
from eelsmap.phantom import Microscope

TILE = 64
CHUNK = (16, 128)


def write_image(path: Path, rows: int, columns: int) -> None:
    """Write the image, a band of tiles at a time."""
    phantom = eelsmap.make_phantom((TILE, TILE), microscope=Microscope(counts=4e5), seed=0)
    counts = np.clip(np.round(phantom.core_loss), 0, 65535).astype(np.uint16)
    signal = phantom.signal()
    signal.data = counts
    signal.save(path, overwrite=True)
    band = np.tile(counts, (1, -(-columns // TILE), 1))[:, :columns]
    with h5py.File(path, "r+") as file:
        (group,) = file["Experiments"].values()
        attributes = dict(group["data"].attrs)
        del group["data"]
        data = group.create_dataset(
            "data", shape=(rows, columns, counts.shape[2]), dtype="u2", chunks=(*CHUNK, counts.shape[2])
        )
        data.attrs.update(attributes)
        for start in range(0, rows, TILE):
            data[start : start + TILE] = band[: rows - start]
        for axis, size in (("axis-0", rows), ("axis-1", columns)):
            group[axis].attrs["size"] = size


def main() -> None:
    """Print one line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=512)
    parser.add_argument("--columns", type=int, default=512)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.hspy"
        # In a process of its own: a child's largest memory is never less than what its parent held when it began.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            pool.submit(write_image, path, arguments.rows, arguments.columns).result()
        size = path.stat().st_size / 1e9
        command = [sys.executable, "-c", "from eelsmap.cli import main; main()", "map", str(path), "--out", folder]
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603 - our own command line
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        if status:
            raise SystemExit("eelsmap map failed; what it said stands above")
    pixels = arguments.rows * arguments.columns
    print(
        f"{arguments.rows} x {arguments.columns} x 2048 uint16, {size:.2f} GB: {seconds:.0f} s, "
        f"{usage.ru_utime + usage.ru_stime:.0f} CPU s, {pixels / seconds:.0f} px/s, "
        f"at most {usage.ru_maxrss / 1024:.0f} MiB of memory"
    )


if __name__ == "__main__":
    main()
