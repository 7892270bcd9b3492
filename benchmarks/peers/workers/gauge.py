"""Time and memory of a call, on Linux by what the kernel counts."""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

STATUS, CLEAR, STAT = Path("/proc/self/status"), Path("/proc/self/clear_refs"), Path("/proc/stat")


def timed(call: Callable[[], object], least: float, warm: bool = True) -> dict[str, float]:
    """Seconds of one call, averaged over as many as fit into a window; one more before it is not counted.

    Arguments:
        call: What is timed.
        least: Length of the window in seconds.
        warm: Whether to call once before, so that caches are full of this process's data.

    Returns:
        Wall and processor seconds of one call, the number of calls, and how many processors others kept busy.
    """
    if warm:
        call()
    busy, own, began, calls = _busy(), time.process_time(), time.perf_counter(), 0
    while True:
        call()
        calls += 1
        wall = time.perf_counter() - began
        if wall >= least:
            break
    own = time.process_time() - own
    others = max(0.0, _busy() - busy - own) / wall
    return {"seconds": wall / calls, "cpu": own / calls, "calls": calls, "others": round(others, 2)}


def added_memory(call: Callable[[], object], calls: int) -> dict[str, object]:
    """How far the process's resident memory rises above where it was, in MiB, and each call's seconds.

    Freed memory is handed back first, and the kernel's high-water mark set to where it is.
    """
    gc.collect()
    _trim()
    exact = _reset_peak()
    before = _resident("VmRSS") if exact else _peak()
    seconds = []
    for _ in range(calls):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    after = _resident("VmHWM") if exact else _peak()
    return {"added": after - before, "before": before, "seconds": seconds}


def volunteer() -> None:
    """If memory runs out the kernel is to end this process, not another's."""
    try:
        Path("/proc/self/oom_score_adj").write_text("1000")
    except OSError:
        return


def _busy() -> float:
    """Processor seconds that the whole machine has spent."""
    try:
        fields = STAT.read_text().split("\n", 1)[0].split()[1:9]
    except OSError:
        return 0.0
    return sum(int(fields[i]) for i in (0, 1, 2, 5, 6, 7)) / os.sysconf("SC_CLK_TCK")


def _trim() -> None:
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    except (OSError, AttributeError):
        return


def _reset_peak() -> bool:
    try:
        CLEAR.write_text("5")
    except OSError:
        return False
    return STATUS.exists()


def _resident(key: str) -> float:
    for line in STATUS.read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no {key} in {STATUS}")


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
