"""Claims III.E: a loss of the encoder alone."""

from __future__ import annotations

from empnet.studies.claim import Claim, Counter, Evidence, Verdict, verdict
from empnet.studies.question_3_transpose_autoencoder.figures import draw_growth
from empnet.studies.question_3_transpose_autoencoder.measured import Measured

__all__ = ["CLAIMS"]


def _equivalence(e: Measured) -> Evidence:
    return {
        "angle between the optima of the two losses, rad": e.encoder.angle,
        "largest relative difference of the gradients along the sphere": e.encoder.gradient_difference,
        "median gradient across the sphere over that along it": e.encoder.radial,
    }


def _growth(e: Measured) -> Evidence:
    norms, losses = e.encoder.norms, e.encoder.losses
    return {
        "steps": len(norms),
        "|a| at the start": float(norms[0]),
        "|a| at the end": float(norms[-1]),
        "factor of |a| in the last step": float(norms[-1] / norms[-2]),
        "loss at the start, share of the variance": float(losses[0]),
        "loss at the end, share of the variance": float(losses[-1]),
    }


def _diverges(e: Measured) -> Verdict:
    norms, losses = e.encoder.norms, e.encoder.losses
    if norms[-1] > 1000 * norms[0] and norms[-1] > 1.001 * norms[-2] and losses[-1] < losses[-2]:
        return verdict(True)
    return verdict(False if norms.max() < 10 * norms[0] else None)


CLAIMS: tuple[Claim[Measured], ...] = (
    Claim(
        id="III.E.a",
        statement="With |a| = 1, the loss of the encoder alone with g(z, mean of z) = -(z - mean of z)^2, that is, "
        "minus the variance of z, has the same optimum as the reconstruction loss.",
        rule="True if the optima of the two differ by less than 1e-5 rad, signs aside, from all starts; else false.",
        decide=lambda e: verdict(e.encoder.angle < 1e-5),
        evidence=_equivalence,
        why="Pythagoras: |x|^2 is what is kept, z^2, plus what is lost, so on the sphere the least is lost where the "
        "most is kept. With data not of mean zero the one keeps z^2, the mean's share included, the other its "
        "variance.",
        textbook="true",
        counter=Counter("the mean is not taken off", {"centred": False}),
    ),
    Claim(
        id="III.E.b",
        statement="At every unit vector the gradients of the two losses along the sphere are the same, up to the "
        "factor (N - 1) / N, so that both are trained in the same way.",
        rule="True if they differ by less than 1e-9 of the longer one at random unit vectors; else false.",
        decide=lambda e: verdict(e.encoder.gradient_difference < 1e-9),
        evidence=_equivalence,
        why="Both are -2 P S a with P the projection on the tangent and S the covariance, which the one divides by N "
        "and the other by N - 1. Across the sphere they differ: there the encoder's loss goes on falling.",
        textbook="true",
        counter=Counter("the mean is not taken off", {"centred": False}),
    ),
    Claim(
        id="III.E.c",
        statement="Without |a| = 1 the loss of the encoder alone has no minimum: gradient descent on it drives |a| to "
        "infinity.",
        rule="True if |a| ends above 1,000 times its start, still growing by more than 0.1 % a step, with the loss "
        "still falling; false if it never reaches 10 times its start; else undecided.",
        decide=_diverges,
        evidence=_growth,
        why="Twice the weight, four times the variance. Each step multiplies a along the first component by 1 + 2 rate "
        "lambda_1: exponential growth. The estimator refuses this combination.",
        textbook="true",
        counter=Counter("|a| is held at one", {"unit": True}),
        draw=draw_growth,
    ),
)
