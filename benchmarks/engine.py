"""The whole road from counts to maps, side by side: the obvious HyperSpy chain, a NumPy loop, and eelsmap.

Pixels per second of wall time and of CPU time and the largest resident memory, against the size of the image, the
number of threads and the chunks of the file, with the rate at which the counts can be read from memory at all. Every
case runs in a process of its own, so that its memory is its own; plans are part of the time, imports, loading of the
model and compilation are not. The image is a phantom's (simulated), 2048 channels, uint16.

Run: ``python benchmarks/engine.py --docs docs`` (writes docs/engine.md and docs/images/engine.png)
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

SIZES = (64, 128, 256, 512)
SLOW_SIZES = (64, 128, 256)
CHUNKS = ((1, 256), (16, 16), (16, 128), (64, 64), (256, 256))
LARGEST = SIZES[-1]
IN_FILE = 256
BEGIN, END = "<!-- written by benchmarks/engine.py -->", "<!-- end -->"
WORDS = {
    "chain": "obvious HyperSpy chain",
    "loop": "NumPy loop",
    "values": "eelsmap, values alone",
    "engine": "eelsmap, with intervals, novelty, flags",
    "memory": "reading the counts",
}


@dataclass(frozen=True)
class Case:
    """What is run: a road, the length of a side of the image, threads; for files, the chunks and their compression."""

    road: str
    size: int
    threads: int = 1
    chunks: tuple[int, int] | None = None
    compressed: bool = False


@dataclass(frozen=True)
class Outcome:
    """What a case took: median seconds of wall and of CPU time, and the largest resident memory of its process, MiB."""

    case: Case
    wall: float
    cpu: float
    memory: float

    @property
    def rate(self) -> float:
        """Pixels per second."""
        return self.case.size**2 / self.wall

    @property
    def cpu_rate(self) -> float:
        """Pixels per CPU-second."""
        return self.case.size**2 / self.cpu


def all_cases() -> Iterator[Case]:
    """Every case, in the order of the tables."""
    for road in ("chain", "loop"):
        yield from (Case(road, size) for size in SLOW_SIZES)
    for threads in (1, 2):
        for road in ("values", "engine"):
            yield from (Case(road, size, threads) for size in SIZES)
        yield Case("memory", LARGEST, threads)
    yield from (Case("engine", IN_FILE, 2, chunks) for chunks in CHUNKS)
    yield Case("engine", IN_FILE, 2, CHUNKS[2], compressed=True)


def run_case(case: Case, folder: Path, repeats: int) -> Outcome:
    """Run a case in this process."""
    warnings.simplefilter("ignore")
    action = _memory(case, folder) if case.road == "memory" else _road(case, folder)
    wall, cpu = [], []
    for _ in range(repeats):
        began, used = time.perf_counter(), time.process_time()
        action()
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - used)
    return Outcome(case, median(wall), median(cpu), _peak_memory())


def _peak_memory() -> float:
    """Largest resident memory of this process so far, MiB."""
    status = Path("/proc/self/status")
    if status.exists():
        # What getrusage says begins with the memory of the process that started this one.
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)


def _road(case: Case, folder: Path) -> Callable[[], Any]:
    """Prepare a road; kernels are compiled on a corner of the image."""
    import dask
    import mapping

    import eelsmap
    from eelsmap.features import feature_names

    model = eelsmap.load_model("nmc")
    source = folder / ("image.hspy" if case.chunks is None else _file_name(case))
    signal = eelsmap.load(source, lazy=True)
    if case.chunks is None:
        channels = signal.data.shape[-1]
        counts = np.memmap(folder / "counts.raw", dtype=np.uint16, mode="r", shape=(LARGEST, LARGEST, channels))
        signal = signal.inav[:1, :1]
        signal.compute(show_progressbar=False)
        signal.data = np.array(counts[: case.size, : case.size])
        signal.get_dimensions_from_data()
        del counts
    if case.road in ("engine", "values"):
        dask.config.set(scheduler="threads" if case.threads > 1 else "synchronous", num_workers=case.threads)
        ours = {"engine": eelsmap.map_properties, "values": mapping.values_alone}[case.road]
        ours(signal.inav[:16, :16], model).compute(progress=False)
        return lambda: ours(signal, model).compute(progress=False)
    options = dict(model.boosters), len(feature_names(model.recipe)), model.recipe.features.stride
    function = {"chain": mapping.obvious_chain, "loop": mapping.numpy_loop}[case.road]
    function(signal.inav[:16, :16], *options)
    return lambda: function(signal, *options)


def _memory(case: Case, folder: Path) -> Callable[[], Any]:
    """Prepare to sum up the counts, eight bytes at a time, which is as fast as they come from memory."""
    counts = np.fromfile(folder / "counts.raw", dtype=np.uint64)
    pool = ThreadPoolExecutor(case.threads)
    parts = np.array_split(counts, case.threads)
    return lambda: list(pool.map(np.sum, parts))


def write_files(folder: Path) -> None:
    """Write the image once for all cases, and once more for each shape of chunks."""
    import h5py
    import mapping

    warnings.simplefilter("ignore")
    signal = mapping._bright_image(LARGEST, LARGEST)
    signal.data = np.clip(np.round(signal.data), 0, 65535).astype(np.uint16)
    signal.data.tofile(folder / "counts.raw")
    for case in (Case("engine", IN_FILE, chunks=CHUNKS[2]), *all_cases()):
        path = folder / _file_name(case)
        if case.chunks is None or path.exists():
            continue
        signal.inav[:1, :1].save(path, overwrite=True)
        with h5py.File(path, "r+") as file:
            (group,) = file["Experiments"].values()
            attributes = dict(group["data"].attrs)
            del group["data"]
            data = group.create_dataset(
                "data", data=signal.data[:IN_FILE, :IN_FILE], chunks=(*case.chunks, signal.data.shape[-1]),
                compression="gzip" if case.compressed else None,
            )  # fmt: skip
            data.attrs.update(attributes)
            for axis in ("axis-0", "axis-1"):
                group[axis].attrs["size"] = IN_FILE
    os.link(folder / _file_name(Case("engine", IN_FILE, chunks=CHUNKS[2])), folder / "image.hspy")


def _file_name(case: Case) -> str:
    """Name of the file with these chunks."""
    return f"{case.chunks}{'_gzip' if case.compressed else ''}.hspy"


def run_all(repeats: int) -> list[Outcome]:
    """Run every case in a process of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    outcomes = []
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, __file__, "--write", "--folder", folder], check=True, env=environment)  # noqa: S603
        for case in all_cases():
            command = [sys.executable, __file__, "--case", json.dumps(asdict(case)), "--folder", folder]
            done = subprocess.run(  # noqa: S603 - this very file
                [*command, "--repeats", str(repeats)], capture_output=True, text=True, env=environment, check=False
            )
            if done.returncode:
                print(f"{case}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}", file=sys.stderr)
                continue
            found = json.loads(done.stdout.splitlines()[-1])
            outcomes.append(Outcome(case, found["wall"], found["cpu"], found["memory"]))
            print(f"{case}: {outcomes[-1].rate:.0f} px/s, {outcomes[-1].memory:.0f} MiB", file=sys.stderr)
    return outcomes


def tables(outcomes: list[Outcome]) -> str:
    """Markdown of the outcomes."""
    by_case = {outcome.case: outcome for outcome in outcomes}
    lines = [
        "| road | threads | image | px/s | px per CPU-second | against the chain | against the loop "
        "| peak memory (MiB) |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for outcome in outcomes:
        case = outcome.case
        if case.chunks is not None or case.road == "memory":
            continue
        slow = (by_case.get(Case(road, min(case.size, SLOW_SIZES[-1]))) for road in ("chain", "loop"))
        ratios = " | ".join("" if other is None else f"{outcome.rate / other.rate:.1f}" for other in slow)
        lines.append(
            f"| {WORDS[case.road]} | {case.threads} | {case.size} x {case.size} | {outcome.rate:.0f} "
            f"| {outcome.cpu_rate:.0f} | {ratios} | {outcome.memory:.0f} |"
        )
    lines += [
        "",
        f"| file, {IN_FILE} x {IN_FILE}, two threads | px/s | px per CPU-second | peak memory (MiB) |",
        "|---|---:|---:|---:|",
    ]
    for outcome in outcomes:
        if outcome.case.chunks is not None:
            words = f"chunks of {' x '.join(map(str, outcome.case.chunks))} pixels"
            words += ", gzip" if outcome.case.compressed else ""
            lines.append(f"| {words} | {outcome.rate:.0f} | {outcome.cpu_rate:.0f} | {outcome.memory:.0f} |")
    lines.append("")
    for threads in (1, 2):
        memory, engine = (by_case.get(Case(road, LARGEST, threads)) for road in ("memory", "engine"))
        if memory and engine:
            lines.append(
                f"Memory bandwidth, {threads} thread{'s' if threads > 1 else ''}: the counts can be summed up at "
                f"{memory.rate / 1e6:.2f} million px/s ({memory.rate * 4096 / 1e9:.1f} GB/s); eelsmap maps at "
                f"{100 * engine.rate / memory.rate:.1f} % of that.  "
            )
    one, two = (by_case.get(Case("engine", LARGEST, threads)) for threads in (1, 2))
    if one and two:
        lines.append(f"Two threads against one, {LARGEST} x {LARGEST}: {two.rate / one.rate:.2f} times.")
    return "\n".join(lines)


def draw(outcomes: list[Outcome], path: Path) -> None:
    """Draw the outcomes."""
    from matplotlib.lines import Line2D
    from matplotlib.ticker import MaxNLocator

    from eelsmap.plot.style import LINE, MUTED, ROWS, new_figure, titled_axes

    roads = (
        ("chain", 1, ROWS[1], "-"), ("loop", 1, ROWS[2], "-"), ("values", 1, ROWS[0], ":"), ("engine", 1, ROWS[0], "-"),
        ("engine", 2, ROWS[0], "--"),
    )  # fmt: skip
    legend = [
        (Line2D([], [], color=colour, linestyle=line, linewidth=1.3), WORDS[road] + (", two threads" * (threads > 1)))
        for road, threads, colour, line in roads
    ]
    figure, body = new_figure(
        10.5, 3.1,
        ["Simulated image, 2048 channels, uint16; median of the repeats, each case in a process of its own. One thread "
         "unless said. Peak memory is that of the whole process, libraries and image included."],
        legend, title="From counts to maps",
    )  # fmt: skip
    speed, memory, chunks = body.subplots(1, 3)
    in_memory = [item for item in outcomes if item.case.chunks is None]
    for road, threads, colour, line in roads:
        some = [item for item in in_memory if (item.case.road, item.case.threads) == (road, threads)]
        if not some:
            continue
        pixels = [item.case.size**2 for item in some]
        for axes, values in ((speed, [item.rate for item in some]), (memory, [item.memory for item in some])):
            axes.plot(
                pixels,
                values,
                line,
                marker="o",
                markersize=3.5,
                linewidth=1.3,
                color=colour,
            )
    for threads in (1, 2):
        for item in outcomes:
            if item.case.road == "memory" and item.case.threads == threads:
                speed.axhline(item.rate, linestyle="--" if threads > 1 else "-", linewidth=0.9, color=MUTED)
                if threads == 1:
                    speed.annotate(
                        "reading the counts", (0.02, item.rate), xycoords=("axes fraction", "data"), xytext=(0, -3),
                        textcoords="offset points", va="top", fontsize=7, color=MUTED,
                    )  # fmt: skip
    titled_axes(speed, "Pixels per second", "pixels of the image")
    titled_axes(memory, "Peak memory, MiB", "pixels of the image")
    speed.set(xscale="log", yscale="log")
    memory.set(xscale="log", yscale="log")
    for axes in (speed, memory):
        axes.tick_params(which="minor", color=LINE)
    files = [item for item in outcomes if item.case.chunks]
    names = [" x ".join(map(str, item.case.chunks or ())) + (" gzip" if item.case.compressed else "") for item in files]
    chunks.barh(names[::-1], [item.rate for item in files[::-1]], height=0.6, color=ROWS[0])
    titled_axes(chunks, "Pixels per second from a file", "two threads, by pixels of a chunk")
    chunks.xaxis.set_major_locator(MaxNLocator(4))
    chunks.spines["left"].set_color(LINE)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)


def write_docs(folder: Path, outcomes: list[Outcome]) -> None:
    """Put the tables between their marks in engine.md, and the figure beside."""
    page = folder / "engine.md"
    before, rest = page.read_text(encoding="utf-8").split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    page.write_text(f"{before}{BEGIN}\n\n{tables(outcomes)}\n\n{END}{after}", encoding="utf-8")
    draw(outcomes, folder / "images" / "engine.png")


def main() -> None:
    """Print the tables, and write them where they are wanted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--docs", type=Path, help="Folder with engine.md, whose tables and figure are renewed.")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    parser.add_argument("--write", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.write:
        write_files(arguments.folder)
        return
    if arguments.case:
        said = json.loads(arguments.case)
        case = Case(**{**said, "chunks": tuple(said["chunks"]) if said["chunks"] else None})
        outcome = run_case(case, arguments.folder, arguments.repeats)
        print(json.dumps({"wall": outcome.wall, "cpu": outcome.cpu, "memory": outcome.memory}))
        return
    outcomes = run_all(arguments.repeats)
    print(tables(outcomes))
    if arguments.docs:
        write_docs(arguments.docs, outcomes)


if __name__ == "__main__":
    main()
