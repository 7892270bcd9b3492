"""The worker's half of the conversation: JSON lines in from standard input, until it ends, and out to a pipe.

========================================================  =======================================================
``{"do": "hello"}``                                       versions and number of threads
``{"do": "prepare", "work": FILE, "form": FORM}``         numbers of weights and pairs
``{"do": "time", "measure": M, "least": SECONDS}``        ``gauge.timed`` of the prepared step
``{"do": "memory", "measure": M, "calls": n}``            ``gauge.added_memory`` of the prepared step
``{"do": "epoch", "work": FILE, "form": FORM, ...}``      what the worker's ``epoch`` returns
========================================================  =======================================================

Answers have ``"ok": true``, or ``"ok": false`` and a ``"reason"``.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import traceback
import warnings
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import torch

from workers import gauge
from workers.steps import Prepared
from workers.work import Work

Prepare = Callable[[Work, str], Prepared]
Epoch = Callable[[Work, str, dict[str, Any]], dict[str, Any]]


def serve(prepare: Prepare, packages: tuple[str, ...], epoch: Epoch | None = None) -> None:
    """Answer the driver until it is done.

    Arguments:
        prepare: Makes the steps for some work; the form says which variant of the network.
        packages: Distributions whose versions are told.
        epoch: Times epochs through the peer's own data pipeline.
    """
    answers = os.fdopen(int(os.environ["PEERS_ANSWERS"]), "w", buffering=1)
    warnings.filterwarnings("ignore")
    gauge.volunteer()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    worker = _Worker(prepare, packages, epoch)
    for line in sys.stdin:
        answers.write(json.dumps(worker.answer(json.loads(line))) + "\n")


class _Worker:
    def __init__(self, prepare: Prepare, packages: tuple[str, ...], epoch: Epoch | None) -> None:
        self._prepare, self._packages, self._epoch = prepare, packages, epoch
        self._prepared: Prepared | None = None

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"ok": True, **getattr(self, "do_" + question["do"])(question)}
        except Exception as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            reason = f"{type(error).__name__}: {lines[0] if lines else ''}"
            traceback.print_exc()
            return {"ok": False, "reason": reason[:300]}

    def do_hello(self, question: dict[str, Any]) -> dict[str, Any]:
        versions = {name: version(name) for name in (*self._packages, "numpy")}
        versions |= {"torch": torch.__version__, "python": platform.python_version()}
        return {"versions": versions, "threads": torch.get_num_threads()}

    def do_prepare(self, question: dict[str, Any]) -> dict[str, Any]:
        torch.manual_seed(0)
        self._prepared = None  # frees what was there before
        self._prepared = self._prepare(Work.load(question["work"]), question["form"])
        return {"parameters": self._prepared.parameters, "pairs": self._prepared.pairs}

    def do_time(self, question: dict[str, Any]) -> dict[str, Any]:
        return gauge.timed(self._step(question), question["least"], question.get("warm", True))

    def do_memory(self, question: dict[str, Any]) -> dict[str, Any]:
        return gauge.added_memory(self._step(question), question["calls"])

    def do_epoch(self, question: dict[str, Any]) -> dict[str, Any]:
        if self._epoch is None:
            raise NotImplementedError("no data pipeline of its own")
        torch.manual_seed(0)
        return self._epoch(Work.load(question["work"]), question["form"], question)

    def _step(self, question: dict[str, Any]) -> Callable[[], object]:
        if self._prepared is None:
            raise RuntimeError("nothing is prepared")
        return self._prepared.steps[question["measure"]]
