"""The kind of machine, by what matters to speed; nothing that tells one machine from another of its kind."""

from __future__ import annotations

import os
import platform
from pathlib import Path

__all__ = ["describe"]

FEATURES = ("avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "asimd", "sve")


def describe() -> dict[str, object]:
    """Cores that this process may use, processor, vector units, memory and system."""
    facts = _cpu_facts()
    flags = set(facts.get("flags", facts.get("Features", "")).split())
    try:
        memory = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
    except (ValueError, OSError):
        memory = None
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "cores": cores,
        "architecture": platform.machine(),
        "features": [name for name in FEATURES if name in flags],
        "cache": facts.get("cache size", ""),
        "memory_gib": memory,
        "system": platform.system(),
    }


def _cpu_facts() -> dict[str, str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0]
    except OSError:
        return {}
    rows = (line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, value in rows}
