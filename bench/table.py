"""The table that ``make bench`` prints and docs/performance.md repeats."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import Any

Run = dict[str, Any]

MIB = 1024 * 1024
LABEL, COLUMN = 44, 26


def told(results: dict[str, Any]) -> str:
    """The results as people read them: medians, and the lowest and highest where the runs differ."""
    alone, kinds = results["simulator_alone"], results["kinds"]
    size = alone["bytes"] // alone["legs"]
    lines = [
        f"{alone['legs']:,} recordings of {size:,} bytes, {results['threads']} threads, {results['machine']['cores']} "
        f"cores, Python {results['machine']['python']}; medians of {len(kinds[0]['nights'])} (lowest to highest)",
        "",
        _line("", [kind["name"] for kind in kinds]),
    ]
    lines += [_line(label, [figures(kind) for kind in kinds]) for label, figures in ROWS]
    lines += ["", f"The phone system alone, asked by a loop that keeps nothing: {alone['legs_a_second']:.0f} legs/s."]
    return "\n".join(line.rstrip() for line in lines)


def _line(label: str, cells: Sequence[str]) -> str:
    return label.ljust(LABEL) + "".join(cell.rjust(COLUMN) for cell in cells)


def _spread(numbers: Sequence[float], form: str) -> str:
    if not numbers:
        return "-"
    low, middle, high = (format(number, form) for number in (min(numbers), median(numbers), max(numbers)))
    return middle if low == high else f"{middle} ({low} to {high})"


Cell = Callable[[dict[str, Any]], str]


def _of(runs: str, figure: Callable[[Run], float], form: str) -> Cell:
    return lambda kind: _spread([figure(run) for run in kind[runs]], form)


def _ratio(loops: str) -> Cell:
    def cell(kind: dict[str, Any]) -> str:
        rounds = zip(kind["nights"], kind[loops], strict=False)
        return _spread([night["legs_a_second"] / loop["legs_a_second"] for night, loop in rounds], ".2f")

    return cell


def _a_leg(name: str, scale: float = 1.0) -> Callable[[Run], float]:
    return lambda run: run[name] * scale / run["legs"]


def _others(*names: str) -> Callable[[Run], float]:
    return lambda run: 1000 * sum(run["cpu_seconds_of_others"].get(name, 0.0) for name in names) / run["legs"]


def _cpu_of(stage: str) -> Callable[[Run], float]:
    return lambda run: 1000 * run["cpu_seconds_of_stages"][stage] / run["legs"]


def _seconds_of(stage: str) -> Callable[[Run], float]:
    return lambda run: run["seconds_of_stages"][stage]


def _rows() -> Iterator[tuple[str, Cell]]:
    yield "legs a second: pipeline", _of("nights", lambda run: run["legs_a_second"], ".0f")
    yield "  bare loop", _of("loops", lambda run: run["legs_a_second"], ".0f")
    yield "  bare loop with one fsync a file", _of("loops_with_fsync", lambda run: run["legs_a_second"], ".0f")
    yield "pipeline / bare loop", _ratio("loops")
    yield "pipeline / bare loop with fsync", _ratio("loops_with_fsync")
    yield "CPU, ms a leg: pipeline", _of("nights", _a_leg("cpu_seconds", 1000), ".2f")
    for stage in ("fetching", "checking", "storing", "recording"):
        yield f"    of it {stage}", _of("nights", _cpu_of(stage), ".2f")
    yield "  bare loop", _of("loops", _a_leg("cpu_seconds", 1000), ".2f")
    yield "  beside the pipeline: phone system", _of("nights", _others("simulator"), ".2f")
    yield "  beside the pipeline: store, database", _of("nights", _others("weed", "postgres"), ".2f")
    yield "peak memory, MiB: pipeline", _of("nights", lambda run: run["peak_bytes"] / MIB, ".0f")
    yield "  bare loop", _of("loops", lambda run: run["peak_bytes"] / MIB, ".0f")
    yield "requests to the phone system, a leg", _of("nights", _a_leg("requests"), ".3f")
    yield "calls of the store, a leg", _of("nights", lambda run: sum(run["store_calls"].values()) / run["legs"], ".3f")
    yield "time that the workers are busy, %", _of("nights", lambda run: 100 * run["workers_busy"], ".1f")
    yield "Prefect: task runs", _of("nights", lambda run: run["task_runs"], ".0f")
    yield "  start, s", _of("nights", lambda run: run["prefect_start_seconds"], ".1f")
    yield "  CPU of its server, s", _of("nights", lambda run: run["prefect_cpu_seconds"], ".1f")
    for stage in ("discovery", "reconciling", "publishing"):
        yield f"{stage}, s", _of("nights", _seconds_of(stage), ".1f")
    yield "load of the machine at the end of a run", _of("nights", lambda run: run["load_average"], ".1f")


ROWS = tuple(_rows())
