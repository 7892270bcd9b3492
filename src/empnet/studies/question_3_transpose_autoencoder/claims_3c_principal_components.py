"""Claims III.C: the transpose autoencoder and principal component analysis."""

from __future__ import annotations

from empnet.studies.claim import Claim, Counter, Evidence, verdict
from empnet.studies.question_3_transpose_autoencoder.figures import draw_subspaces
from empnet.studies.question_3_transpose_autoencoder.measured import Measured

__all__ = ["CLAIMS"]

SMALL_ANGLE = 1e-5
"""Largest angle that counts as zero, rad. Training stops at a gradient of 1e-8 of the variance, or where the loss
rounds (some 1e-8 of it); over a curvature of twice the relative gap, a few per cent, this leaves less than 1e-6."""


def _first(e: Measured) -> Evidence:
    p = e.principal
    return {
        "starts": len(p.angles),
        "largest angle to the first principal component, rad": float(p.angles.max()),
        "angle on handwritten digits, rad": p.digits,
    }


def _errors(e: Measured) -> Evidence:
    p = e.principal
    return {
        "mean squared error, autoencoder": p.error,
        "mean squared error, PCA": p.pca_error,
        "sum of all variances but the largest": p.others,
        "relative difference": abs(p.error / p.pca_error - 1),
    }


def _several(e: Measured) -> Evidence:
    s = e.principal.several
    return {
        "latent variables": s.k,
        "largest principal angle between the subspaces, rad": s.span,
        "angle of the worst trained row to its nearest principal component, rad": s.rows,
        "angle of the worst component after the final decomposition, rad": s.rotated,
        "largest entry of A A^T - 1": s.gram,
    }


CLAIMS: tuple[Claim[Measured], ...] = (
    Claim(
        id="III.C.a",
        statement="The optimal a is the first principal component or its negative.",
        rule="True if the angle between a and scikit-learn's first component is less than 1e-5 rad from all starts, on "
        "the made data and on the handwritten digits; else false.",
        decide=lambda e: verdict(max(e.principal.angles.max(), e.principal.digits) < SMALL_ANGLE),
        evidence=_first,
        why="With |a| = 1 the loss is the total variance minus that along a. It is the second moments about the origin "
        "that count, so the mean must be taken off: else a points towards it.",
        textbook="true",
        counter=Counter("the mean is not taken off", {"centred": False}),
    ),
    Claim(
        id="III.C.b",
        statement="The trained autoencoder and one principal component reconstruct the data equally well, with an "
        "error of the sum of all variances but the largest.",
        rule="True if the two errors, and the sum, agree to 1e-8 of it, from all starts; else false.",
        decide=lambda e: verdict(
            abs(e.principal.error - e.principal.pca_error) < 1e-8 * e.principal.others
            and abs(e.principal.error - e.principal.others) < 1e-8 * e.principal.others
        ),
        evidence=_errors,
        why="Principal component analysis is the best linear reconstruction through one number, with any decoder "
        "(Eckart and Young), so nothing is lost by tying the decoder to the encoder.",
        textbook="true",
        counter=Counter("the mean is not taken off", {"centred": False}),
    ),
    Claim(
        id="III.C.c",
        statement="With several latent variables the rows of A span the same space as so many principal components.",
        rule="True if the largest principal angle between the two spaces is less than 1e-5 rad from all starts; else "
        "false.",
        decide=lambda e: verdict(e.principal.several.span < SMALL_ANGLE),
        evidence=_several,
        why="The loss is the variance outside the span of A. If the variances on both sides of the cut are equal, "
        "spans with the same loss are as many as there are choices, and each start ends in another.",
        textbook="true",
        counter=Counter("the four largest variances are equal, and three latent variables are asked for", {"equal": 4}),
        draw=draw_subspaces,
    ),
    Claim(
        id="III.C.d",
        statement="The optimal direction does not depend on the start.",
        rule="True if the directions from any two of the starts differ by less than 1e-5 rad, signs aside; else false.",
        decide=lambda e: verdict(e.principal.spread < SMALL_ANGLE),
        evidence=lambda e: {
            "starts": len(e.principal.angles),
            "largest angle between the optima of two starts, rad": e.principal.spread,
        },
        why="The largest eigenvalue has one eigenvector, up to its sign, if there is a gap below it. Without one, "
        "neither the autoencoder nor principal component analysis means anything by its direction.",
        textbook="true",
        counter=Counter("the four largest variances are equal", {"equal": 4}),
    ),
    Claim(
        id="III.C.e",
        statement="With three latent variables each row of A, as trained, is a principal component.",
        rule="True if each row is within 1e-5 rad of one of the first three components, from all starts; else false.",
        decide=lambda e: verdict(e.principal.several.rows < SMALL_ANGLE),
        evidence=_several,
        why="A rotation of the latent variables is undone by its transpose in the decoder, so the loss does not know "
        "it: rows become orthonormal, but turn freely within their span. With one there is nothing to turn.",
        textbook="false",
        counter=Counter("there is one latent variable", {"n_components": 1}),
    ),
    Claim(
        id="III.C.f",
        statement="A singular value decomposition of the trained latent variables turns them into the principal "
        "components, each in its place.",
        rule="True if each component after it is within 1e-5 rad of scikit-learn's of the same number, from all "
        "starts; else false.",
        decide=lambda e: verdict(e.principal.several.rotated < SMALL_ANGLE),
        evidence=_several,
        why="Within the span the components are the directions that leave the latent variables uncorrelated; those of "
        "equal variance stay undetermined.",
        textbook="true",
        counter=Counter("the four largest variances are equal", {"equal": 4}),
    ),
)
