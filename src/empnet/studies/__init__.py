"""Studies: claims about neural networks, each decided by a computation.

A study measures under premises that can be changed, and decides its claims by rules that were written down before.
:func:`load` gives a study, :func:`~empnet.studies.run.run` runs it; on the command line: ``empnet study``.
"""

from __future__ import annotations

import importlib
from typing import Any

from empnet.errors import EmpnetError, nearest
from empnet.studies.claim import Claim, Counter, Effort, Evidence, Premises, Study, Verdict, premise, verdict
from empnet.studies.extra import check_libraries

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

_PACKAGES = {
    "encoding": "question_1a_encoding",
    "architectures": "question_1b_architectures",
    "one_batch": "question_1c_one_batch",
    "dead_relu": "question_1d_dead_relu",
    "lstm": "question_1e_lstm",
    "convolution": "question_1f_convolution",
    "image_classifier": "question_2a_image_classifier",
    "regularisation": "question_2b_regularisation",
    "transpose_autoencoder": "question_3_transpose_autoencoder",
    "universal_approximation": "question_4_universal_approximation",
    "clouds": "question_5_point_clouds",
    "message_passing": "question_5_message_passing",
}
"""Package of each study, which defines ``STUDY``."""

NAMES = tuple(_PACKAGES)
"""All studies, in the order of the questions."""


def load(name: str) -> Study[Any, Any]:
    """Return a study by its name; a dash may stand for an underscore.

    Arguments:
        name: One of :data:`NAMES`.

    Raises:
        EmpnetError: If there is no such study, or a library of the extra ``empnet[studies]`` is not installed.

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
    check_libraries()  # now, rather than after an hour of measuring
    study: Study[Any, Any] = importlib.import_module(f"empnet.studies.{_PACKAGES[wanted]}").STUDY
    return study
