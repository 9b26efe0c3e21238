"""How many cores this process may use."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")


def usable_cores() -> int:
    """At least 1. A container's or service's limit on CPU time (Linux, cgroup v2) counts, rounded up to whole cores."""
    on_linux = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if on_linux else os.cpu_count() or 1
    return max(1, min([cores, *map(math.ceil, _limits())]))


def _limits() -> Iterator[float]:
    """The limits of this process's control group and of those above it, in cores."""
    group = CGROUPS
    with suppress(OSError):
        for line in OWN.read_text().splitlines():
            if line.startswith("0::/"):
                group = CGROUPS / line.removeprefix("0::/")
    for one in {CGROUPS, *(above for above in (group, *group.parents) if above.is_relative_to(CGROUPS))}:
        with suppress(OSError, ValueError):  # no such group as a container sees it, or no limit: the word max
            quota, period = map(int, (one / "cpu.max").read_text().split())
            if period > 0:
                yield quota / period
