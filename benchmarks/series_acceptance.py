"""Acceptance of time series: 20 .dm4 frames of a simulated session, mapped unattended, against the truth and kills.

A particle loses its lithium by a front that goes from the rim to the core while a region of oxygen vacancies grows; it
drifts in space and its energies drift too; one file was cut, one frame has another size, one file is a copy. Structures
that the model was not trained on, seen by the synthetic microscope: nothing here was measured on a real specimen.

1. The frames and their truth are written. 2. ``eelsmap series`` maps them in a process that nobody disturbs. 3. The
trends of four regions are compared with the truth. 4. The same command is killed (SIGKILL) again and again at random
instants, each time on what the one before has left, until it has finished; the results must be the same bytes, and what
was finished before a kill must not have been made again.

Run: ``python benchmarks/series_acceptance.py [--folder FOLDER] [--kills 20]``. Stopped, the same command goes on in the
same folder.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from eelsmap.mapping.series import MapSeries
from eelsmap.phantom.delithiation import make_delithiation, specimen_depth, write_session
from eelsmap.phantom.true_trends import true_trends
from eelsmap.properties import PROPERTIES

_SHAPE = (24, 30)
_CONDITION = "counts>50%"
_REPORT = "acceptance.json"


def main() -> None:
    """Do what is missing, and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("series_acceptance"))
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--axis-from", default="per_frame", choices=("per_frame", "shared", "tracked"))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    folder = arguments.folder.resolve()
    write_frames(folder)
    run = Run(folder, arguments.axis_from)
    took = run.undisturbed()
    series = MapSeries.load(run.folder / "undisturbed")
    print(f"{len(series.frames)} frames: {json.dumps(series.frames['status'].value_counts().to_dict())}")
    report = {"frames": report_frames(series, folder), "trends": report_trends(series, folder)}
    report["kills"] = report_kills(run, arguments.kills, took)
    (run.folder / _REPORT).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def write_frames(folder: Path) -> None:
    """Write frames, masks of the regions, and the truth, which comes last; nothing where it is there."""
    if (folder / "truth.csv").exists():
        return
    frames = make_delithiation(20, _SHAPE)
    write_session(frames, folder / "frames")
    depth, thickness = specimen_depth(_SHAPE), frames[0].phantom.truth["thickness"]
    thick = thickness > 0.3
    masks = {"core": thick & (depth > 0.9), "middle": thick & (depth <= 0.9) & (depth > 0.4),
             "rim": thick & (depth <= 0.4)}  # fmt: skip
    for name, mask in masks.items():
        np.save(folder / f"{name}.npy", mask)
    moved = [
        {"seconds": frame.seconds, "drift_y_px": frame.drift[0], "drift_x_px": frame.drift[1],
         "energy_eV": frame.phantom.microscope.axis_offset_error} for frame in frames
    ]  # fmt: skip
    pd.DataFrame(moved).to_csv(folder / "moved.csv", index=False)
    thick_of_counts = thickness > 0.5 * np.percentile(thickness, 95)
    true_trends(frames, {**masks, "thick": thick_of_counts}).to_csv(folder / "truth.csv", index=False)


class Run:
    """The command, and what is left of it in folders.

    Parameters
    ----------
    folder
        Of the frames and regions.
    axis
        Whose correction of the axis.
    """

    def __init__(self, folder: Path, axis: str) -> None:
        self.folder = folder / axis
        self.folder.mkdir(exist_ok=True)
        regions = [f"--region={name}={folder / name}.npy" for name in ("core", "middle", "rim")]
        self._command = [
            sys.executable, "-W", "ignore", "-c", "from eelsmap.cli import main; main()", "series",
            str(folder / "frames"), *regions, f"--region=thick={_CONDITION}", "--axis-from", axis,
        ]  # fmt: skip

    def started(self, out: Path) -> subprocess.Popen[bytes]:
        """Start the command and return once it has said its first sentence, or has ended."""
        log = out / "run.log"
        before = log.stat().st_size if log.exists() else 0
        process = subprocess.Popen(  # noqa: S603 - our own command line
            [*self._command, "--out", str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while process.poll() is None and (log.stat().st_size if log.exists() else 0) == before:
            time.sleep(0.005)
        return process

    def finished(self, out: Path) -> float:
        """Run the command to its end; seconds from its first sentence on."""
        process, began = self.started(out), time.perf_counter()
        if process.wait() != 0:
            raise SystemExit(f"the command ended with code {process.returncode}; {out / 'run.log'} says how far it was")
        return time.perf_counter() - began

    def undisturbed(self) -> float:
        """Map the series once; seconds that it took."""
        known = self.folder / "undisturbed.json"
        if not known.exists():
            known.write_text(json.dumps({"seconds": self.finished(self.folder / "undisturbed")}), encoding="utf-8")
        return float(json.loads(known.read_text(encoding="utf-8"))["seconds"])


def report_frames(series: MapSeries, folder: Path) -> dict[str, float]:
    """Print and return how well drift was found."""
    table = series.frames
    found = table[table["status"] == "mapped"].merge(pd.read_csv(folder / "moved.csv"), on="seconds")
    apart = np.hypot(found["drift_y_px_x"] - found["drift_y_px_y"], found["drift_x_px_x"] - found["drift_x_px_y"])
    energy = np.abs(found["axis_offset_change_eV"] - (found["energy_eV"] - found["energy_eV"].iloc[0]))
    print(f"drift in space: largest error {apart.max():.2f} pixels, RMSE {np.sqrt(np.mean(apart**2)):.2f}")
    print(f"drift in energy: largest error {energy.max():.2f} eV, RMSE {np.sqrt(np.mean(energy**2)):.2f}")
    for _number, row in table[table["status"] != "mapped"].iterrows():
        print(f"{row['file']}: {row['status']}: {row['reason']}")
    return {"drift_px": float(apart.max()), "drift_eV": float(energy.max())}


def report_trends(series: MapSeries, folder: Path) -> list[dict[str, object]]:
    """Print truth, mean and interval of each frame, then sums; return the sums."""
    both = series.trends().merge(pd.read_csv(folder / "truth.csv"), on=["region", "property", "seconds"])
    both["inside"] = (both["lower"] <= both["truth"]) & (both["truth"] <= both["upper"])
    sums: list[dict[str, object]] = []
    for (region, name), part in both.groupby(["region", "property"], sort=False):
        print(f"\n{name} of {region}")
        print("  frame   truth    mean           interval")
        for row in part.itertuples():
            kind = "" if PROPERTIES[name].probability else "inside" if row.inside else "OUTSIDE"
            print(f"  {row.number:5d} {row.truth:7.3f} {row.mean:7.3f} {row.lower:8.3f} to {row.upper:6.3f}  {kind}")
        error = part["mean"] - part["truth"]
        follows = part["mean"].corr(part["truth"]) if np.ptp(part["truth"]) > 0 else np.nan
        sums.append({
            "region": region, "property": name, "frames": len(part), "inside": int(part["inside"].sum()),
            "rmse": float(np.sqrt(np.mean(error**2))), "change": float(part["mean"].iloc[-1] - part["mean"].iloc[0]),
            "true_change": float(part["truth"].iloc[-1] - part["truth"].iloc[0]), "correlation": float(follows),
        })  # fmt: skip
    print(f"\n{'region':8s}{'property':22s}{'inside':>10s}{'RMSE':>7s}{'change':>8s}{'in truth':>9s}{'corr.':>7s}")
    for one in sums:
        probability = PROPERTIES[str(one["property"])].probability
        inside = "-" if probability else f"{one['inside']} of {one['frames']}"
        print(
            f"{one['region']:8s}{one['property']:22s}{inside:>10s}{one['rmse']:7.3f}{one['change']:+8.3f}"
            f"{one['true_change']:+9.3f}{one['correlation']:7.2f}"
        )
    of = [one for one in sums if not PROPERTIES[str(one["property"])].probability]
    print(f"inside: {sum(int(one['inside']) for one in of)} of {sum(int(one['frames']) for one in of)} means")
    print("(a probability has no true value; beside it stands the true share of material of that kind)")
    return sums


def report_kills(run: Run, wanted: int, took: float) -> dict[str, object]:
    """Kill the command at random instants; print and return whether anything was lost."""
    known = run.folder / "kills.json"
    state = json.loads(known.read_text(encoding="utf-8")) if known.exists() else {"kills": [], "rounds": []}
    while len(state["kills"]) < wanted or unfinished(state):
        number, turn = len(state["kills"]), len(state["rounds"])
        out = run.folder / f"killed_{turn}"
        if number < wanted:
            process = run.started(out)
            # Over all of a run, so that kills hit headers, frames, the store, figure and movie; then on what is left.
            after = float(np.random.default_rng([0, number]).uniform(0.0, took))
            time.sleep(after)
            process.kill()
            if process.wait() != 0:
                state["kills"].append({"round": turn, "after_s": after, "whole": whole_frames(out)})
                known.write_text(json.dumps(state), encoding="utf-8")
                continue
        run.finished(out)
        end = whole_frames(out)
        again = sum(end.get(key) != stamp for kill in state["kills"] if kill["round"] == turn
                    for key, stamp in kill["whole"].items())  # fmt: skip
        same = results(out) == results(run.folder / "undisturbed")
        state["rounds"].append({"same_bytes": same, "files": len(results(out)), "made_again": again})
        known.write_text(json.dumps(state), encoding="utf-8")
    print(f"\n{len(state['kills'])} kills in {len(state['rounds'])} runs (one undisturbed takes {took:.1f} s)")
    for turn, one in enumerate(state["rounds"]):
        mine = [len(kill["whole"]) for kill in state["kills"] if kill["round"] == turn]
        done = ", ".join(map(str, mine)) or "no"
        print(
            f"run {turn + 1}: {len(mine)} kills, with {done} frames done; frames made again: {one['made_again']}; "
            f"{one['files']} files, the same bytes: {one['same_bytes']}"
        )
    return {"kills": len(state["kills"]), "rounds": state["rounds"], "seconds": took}


def unfinished(state: dict[str, list[dict[str, object]]]) -> bool:
    """Whether the last kill has left a run that was not finished since."""
    return bool(state["kills"]) and state["kills"][-1]["round"] == len(state["rounds"])


def whole_frames(out: Path) -> dict[str, int]:
    """Frames whose maps are whole, with the time that they were written (ns)."""
    return {path.stem: path.stat().st_mtime_ns for path in (out / "frames").glob("*.json") if path.name[0] != "."}


def results(folder: Path) -> dict[str, bytes]:
    """All files of the results but the log and what begins with a dot."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name[0] != "." and path.name != "run.log")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


if __name__ == "__main__":
    main()
