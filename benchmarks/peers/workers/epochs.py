"""Epochs through a data pipeline beside the same steps on batches that are ready."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch

mean_squares = torch.nn.functional.mse_loss


def timed_epochs(pipeline: Callable[[], object], bare: Callable[[], object], epochs: int) -> dict[str, Any]:
    """Seconds of each epoch, in turn with and without the pipeline; the first of each is not counted."""
    seconds: dict[str, list[float]] = {"epoch": [], "bare": []}
    for _ in range(epochs + 1):
        for name, call in (("bare", bare), ("epoch", pipeline)):
            began = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - began)
    return {name: values[1:] for name, values in seconds.items()}
