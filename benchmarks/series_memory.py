"""Memory of ``eelsmap series`` against the number of frames: it must not grow with them.

Frames of one phantom (simulated), each with another pixel changed so that no two are the same file, are written as
uncompressed .hspy with uint16 counts and mapped by the command line in a process of its own; after each frame the
system says how much memory that process holds, and held at most.

Run: ``python benchmarks/series_memory.py [--frames 50 --side 128]`` (50 frames are 3.4 GB on disk, removed afterwards)
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import h5py
from large_image import write_image

_FRAME = re.compile(r"(\d+)/\d+ .*: mapped")


def write_frames(folder: Path, frames: int, side: int) -> None:
    """Write the frames."""
    first = folder / "frame_000.hspy"
    write_image(first, side, side)
    for number in range(1, frames):
        path = Path(shutil.copy(first, folder / f"frame_{number:03d}.hspy"))
        with h5py.File(path, "r+") as file:
            (group,) = file["Experiments"].values()
            group["data"][number // side % side, number % side, 0] += 1


def memory_of(process: int) -> dict[str, float]:
    """Resident memory of a process now (VmRSS) and at most (VmHWM), MiB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return {
        name: int(line.split()[1]) / 1024
        for line in lines
        for name in ("VmRSS", "VmHWM")
        if line.startswith(f"{name}:")
    }


def main() -> None:
    """Print the memory after some of the frames, and at the end."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=50)
    parser.add_argument("--side", type=int, default=128)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        frames = Path(folder) / "frames"
        frames.mkdir()
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            pool.submit(write_frames, frames, arguments.frames, arguments.side).result()
        command = [sys.executable, "-u", "-c", "from eelsmap.cli import main; main()", "series", str(frames)]
        began = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - our own command line
            [*command, "--out", str(Path(folder) / "out")], stdout=subprocess.PIPE, text=True
        )
        for line in process.stdout or ():
            found = _FRAME.search(line)
            if found and int(found[1]) in (1, 2, 5, 10, 20, 30, 40, arguments.frames):
                held = memory_of(process.pid)
                print(f"after frame {found[1]:>3}: {held['VmRSS']:.0f} MiB, at most {held['VmHWM']:.0f}", flush=True)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        if status:
            raise SystemExit("eelsmap series failed; what it said stands above")
    print(
        f"{arguments.frames} frames of {arguments.side} x {arguments.side} x 2048 uint16: {seconds:.0f} s, "
        f"at most {usage.ru_maxrss / 1024:.0f} MiB of memory with the figure and the movie"
    )


if __name__ == "__main__":
    main()
