"""Claims III.D: four ways to keep |a| = 1 in training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from empnet.studies.claim import Claim, Counter, Evidence, Verdict, verdict
from empnet.studies.question_3_transpose_autoencoder.figures import draw_sphere
from empnet.studies.question_3_transpose_autoencoder.measured import Measured

__all__ = ["CLAIMS"]


def _training(number: int) -> Callable[[Measured], Evidence]:
    def evidence(e: Measured) -> Evidence:
        t = e.sphere[number]
        return {
            "starts": t.n_starts,
            "best learning rate": t.rate,
            "learning rates at which a ceased to be a number": ", ".join(f"{r:g}" for r in t.failed_rates) or "none",
            "starts with a number in every step": t.finite,
            "largest distance of |a| from 1": t.norm_error if np.isfinite(t.norm_error) else "never a number",
            "starts that arrived": t.arrived,
            "median angle at the end, rad": t.last if np.isfinite(t.last) else "not a number",
        }

    return evidence


def _succeeds(number: int) -> Callable[[Measured], Verdict]:
    return lambda e: verdict(e.sphere[number].succeeds)


def _way(
    number: int, statement: str, why: str, textbook: Verdict, change: str, premises: Mapping[str, Any]
) -> Claim[Any]:
    """Return the claim that a parametrisation trains successfully and keeps |a| = 1."""
    return Claim(
        id=f"III.D.{number}",
        statement=f"{statement} keeps |a| = 1 throughout stochastic gradient descent, and trains successfully at a "
        "learning rate that fits, whatever the signs of the optimum.",
        rule="True if at one of seven learning rates, from all random starts, a is a number in every step, |a| is one "
        "to 1e-9, and a ends within 0.1 rad of the first principal component or its negative; else false.",
        decide=_succeeds(number),
        evidence=_training(number),
        why=why,
        textbook=textbook,
        counter=Counter(change, premises),
        draw=draw_sphere if number == 2 else None,
    )


CLAIMS: tuple[Claim[Measured], ...] = (
    _way(
        1,
        "Training all entries of a but the last, which is the root of what they lack to one,",
        "The last entry is never negative and the root's slope has no bound at zero; outside the unit ball, where the "
        "next step leads, it is not a number. Here the optimum has a last entry of nearly zero. Where it is far from "
        "the edge, training succeeds; but that is not known in advance.",
        "false",
        "the first principal component has positive entries only, the last as large as the others",
        {"first": "positive"},
    ),
    _way(
        2,
        "Training a free vector and dividing it by its norm",
        "Every unit vector is reached, the norm is one by construction, and the gradient is tangent to the sphere, so "
        "that the free vector only grows and a step never ends at zero, where the quotient is not a number. "
        "Only a start at zero ends badly.",
        "true",
        "all weights are zero at the start",
        {"start": "zero"},
    ),
    _way(
        3,
        "Training a free vector and taking the root of its softmax, entry by entry,",
        "The norm is one, since a softmax adds up to one, but all entries are positive: an optimum whose entries have "
        "different signs, and so its negative, too, is out of reach.",
        "false",
        "the first principal component has positive entries only",
        {"first": "positive"},
    ),
    _way(
        4,
        "Training a free vector and taking the root of the logarithm of its softmax, entry by entry,",
        "Probabilities are below one and their logarithms below zero, so the root is not a number from the first step "
        "on. No data make it work; it takes another formula, which then has the positive entries of the third way.",
        "false",
        "the root is taken of minus the logarithm and divided by its norm, which is another formula, and the first "
        "principal component has positive entries only",
        {"repair": True, "first": "positive"},
    ),
)
