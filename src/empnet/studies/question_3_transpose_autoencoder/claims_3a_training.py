"""Claims III.A: training of a transpose autoencoder."""

from __future__ import annotations

import math

from empnet.studies.claim import Claim, Counter, Evidence, Verdict, verdict
from empnet.studies.question_3_transpose_autoencoder.figures import draw_batches, draw_landscape, draw_race
from empnet.studies.question_3_transpose_autoencoder.measured import Measured

__all__ = ["CLAIMS"]


def _starts(e: Measured) -> Evidence:
    found = e.landscape
    return {
        "starts": found.n_starts,
        "starts that end within 1e-6 of the lowest loss": found.arrived,
        "loss of the worst end above the lowest, share of the variance": found.worst_excess,
    }


def _critical(e: Measured) -> Evidence:
    found = e.landscape
    return {
        "critical points looked at, beside the optimum": found.n_critical,
        "longest gradient at them": found.slope,
        "lowest curvature at the origin": float(found.lowest_curvatures[-1]),
        "lowest curvature at the second eigenvector": float(found.lowest_curvatures[0]),
        "largest of the lowest curvatures": float(found.lowest_curvatures.max()),
        "lowest curvature at the optimum": found.optimum_curvature,
    }


def _saddles(e: Measured) -> Verdict:
    found = e.landscape
    if found.slope > 1e-9:
        return verdict(None)
    return verdict(bool((found.lowest_curvatures < -1e-9).all()))


def _fewest(e: Measured) -> Verdict:
    passes = e.race.passes
    fewest = min(passes.values())
    if not math.isfinite(fewest):
        return verdict(None)
    return verdict(all(passes["lbfgs"] < needed for name, needed in passes.items() if name != "lbfgs"))


def _race(e: Measured) -> Evidence:
    passes = {f"passes over the data, {name}": finite_passes(needed) for name, needed in e.race.passes.items()}
    rates = {f"learning rate, {name}": rate for name, rate in e.race.rates.items() if name != "lbfgs"}
    return {**passes, **rates, **{f"time, {name}, s": taken for name, taken in e.race.seconds.items()}}


def finite_passes(passes: float) -> float | str:
    """Return a finite number of passes, or words if there is none."""
    return passes if math.isfinite(passes) else "did not arrive"


def _small_batches(e: Measured) -> Verdict:
    b = e.batches
    if b.small == len(b.sizes) - 1 or not math.isfinite(b.passes[-1]):
        return verdict(None)  # not more data than that, or all data never arrive
    if math.isfinite(b.passes[b.small]):
        return verdict(b.passes[b.small] < b.passes[-1])
    return verdict(False if b.limits[b.small] > b.passes[-1] else None)


def _batches(e: Measured) -> Evidence:
    b = e.batches
    evidence: dict[str, float | str] = {}
    for size, passes, rate, limit in zip(b.sizes, b.passes, b.rates, b.limits, strict=True):
        late = f"not within {limit:.1f}"
        evidence[f"passes over the data, batches of {size}"] = passes if math.isfinite(passes) else late
        if math.isfinite(passes):
            evidence[f"best learning rate of batches of {size}"] = rate
    return evidence


CLAIMS: tuple[Claim[Measured], ...] = (
    Claim(
        id="III.A.a",
        statement="Gradient descent with momentum on all data reaches the lowest loss there is from every random "
        "start: there is no bad minimum, so a local optimiser is all that is needed.",
        rule="True if all starts end less than 1e-6 of the total variance above the lowest loss, which is the sum of "
        "all eigenvalues of the covariance but the largest; else false.",
        decide=lambda e: verdict(e.landscape.arrived == e.landscape.n_starts),
        evidence=_starts,
        why="Critical points are the origin and the unit eigenvectors, and of these only those of the largest "
        "eigenvalue are minima; the others repel all but a set of starts of measure zero (P. Baldi and K. Hornik, "
        "Neural Networks 2 (1989) 53). The origin is such a start: there is no gradient.",
        textbook="true",
        counter=Counter("all weights are zero at the start", {"start": "zero"}),
        draw=draw_landscape,
    ),
    Claim(
        id="III.A.b",
        statement="Every critical point other than the optimum and its negative has a direction in which the loss "
        "falls: the other eigenvectors are saddles, the origin a maximum.",
        rule="True if the Hessian at the origin and at each other unit eigenvector has an eigenvalue below -1e-9 of "
        "the total variance; else false. Undecided if the gradient at one of these points is longer than 1e-9.",
        decide=_saddles,
        evidence=_critical,
        why="At the k-th eigenvector the curvature along the first is 2 (lambda_k - lambda_1), at the origin it is "
        "-4 lambda_i along the i-th. Where several of the largest variances are equal, there is a sphere of optima, "
        "and none of its points is a saddle.",
        textbook="true",
        counter=Counter("the four largest variances are equal", {"equal": 4}),
    ),
    Claim(
        id="III.A.c",
        statement="With all data in each step, L-BFGS needs fewer passes over the data to come within 1e-6 of the "
        "lowest loss than gradient descent without and with momentum and than Adam, each at its best learning rate.",
        rule="True if its median number of passes over several starts, counting all that the line search looks at, is "
        "the smallest of the four, the others at the best of five rates; else false. Undecided if none of the four "
        "arrives. 1e-6 is of the largest variance.",
        decide=_fewest,
        evidence=_race,
        why="The loss is smooth, cheap, and without noise if all data are looked at, so that an estimate of its "
        "curvature pays. With minibatches the line search and the estimate follow the noise: then plain or adaptive "
        "stochastic gradients are the choice, and the only one for data larger than memory. Where a rough answer "
        "will do, a well-chosen learning rate is as good.",
        textbook="true",
        counter=Counter(
            "each step sees 10 data points only, and 1 % above the lowest loss is near enough",
            {"batch_size": 10, "precision": 0.01},
        ),
        draw=draw_race,
    ),
    Claim(
        id="III.A.d",
        statement="Gradient descent on batches of 32 comes within 1 % of the lowest loss in fewer passes over the data "
        "than gradient descent on all data at once, each with the constant learning rate that is best for it.",
        rule="True if the median number of passes over several seeds, at the best of eight rates, is smaller for "
        "batches of 32; false if it is not, or if they have not arrived after more passes than all data need; else "
        "undecided.",
        decide=_small_batches,
        evidence=_batches,
        why="A batch has nearly the gradient of all data, at a fraction of the price. But its noise does not vanish at "
        "the optimum, so the closer one wants to come, the lower the rate that is needed, or the larger the batch.",
        textbook="true",
        counter=Counter("the loss is to come within 1e-7 of the lowest", {"accuracy": 1e-7}),
        draw=draw_batches,
    ),
)
