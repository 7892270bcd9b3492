"""Claims III.B: norm of the optimal vector of a transpose autoencoder."""

from __future__ import annotations

import numpy as np

from empnet.studies.claim import Claim, Counter, Evidence, verdict
from empnet.studies.question_3_transpose_autoencoder.measured import Measured

__all__ = ["CLAIMS"]


def _norms(e: Measured) -> Evidence:
    norms = e.landscape.norms
    each = {f"largest distance from 1, {name}": float(np.abs(n - 1).max()) for name, n in norms.items()}
    return {"data sets": len(norms), "starts": sum(map(len, norms.values())), **each}


CLAIMS: tuple[Claim[Measured], ...] = (
    Claim(
        id="III.B.a",
        statement="The optimal a has norm one, whatever the start and the data, if these are of mean zero and not all "
        "zero.",
        rule="True if |a| differs from one by less than 1e-6 at the end of each descent, from all starts on all of six "
        "data sets; else false.",
        decide=lambda e: verdict(e.landscape.norm_error < 1e-6),
        evidence=_norms,
        why="Along a fixed direction the loss is a constant plus (s^2 - 2) s times s the variance along it: "
        "V (s^4 - 2 s^2), lowest at s = 1; then encoding and decoding is the orthogonal projection. A penalty mu |a|^2 "
        "moves it to s^2 = 1 - mu / (2 lambda_1).",
        textbook="true",
        counter=Counter("training has a weight decay of 0.1 of the variance", {"weight_decay": 0.1}),
    ),
)
