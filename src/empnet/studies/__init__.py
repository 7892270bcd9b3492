"""Studies: claims about neural networks, each decided by a computation.

A study measures something under premises that can be changed, and its claims are decided by rules that were written
down before. :func:`load` gives a study, :func:`~empnet.studies.run.run` runs it; on the command line: ``empnet study``.
"""

from __future__ import annotations

import importlib
from typing import Any

from empnet.errors import EmpnetError, nearest
from empnet.studies.claim import Claim, Counter, Effort, Evidence, Premises, Study, Verdict, premise, verdict

__all__ = [
    "NAMES",
    "Claim",
    "Counter",
    "Effort",
    "Evidence",
    "Premises",
    "Study",
    "Verdict",
    "load",
    "premise",
    "verdict",
]

NAMES = (
    "encoding",
    "architectures",
    "one_batch",
    "dead_relu",
    "lstm",
    "convolution",
    "image_classifier",
    "regularisation",
    "transpose_autoencoder",
    "universal_approximation",
    "message_passing",
)
"""All studies, in the order of the questions. Each is a module or package of this name with a constant ``STUDY``."""


def load(name: str) -> Study[Any, Any]:
    """A study by its name; a dash may stand for an underscore.

    Arguments:
        name: One of :data:`NAMES`.

    Raises:
        EmpnetError: If there is no such study.

    Example:
        >>> load("encodin")
        Traceback (most recent call last):
        ...
        empnet.errors.EmpnetError: there is no study 'encodin'; did you mean 'encoding'?
    """
    wanted = name.replace("-", "_")
    if wanted not in NAMES:
        remedy = nearest(wanted, NAMES) or f"studies: {', '.join(NAMES)}"
        raise EmpnetError(f"there is no study '{name}'", remedy=remedy)
    study: Study[Any, Any] = importlib.import_module(f"empnet.studies.{wanted}").STUDY
    return study
