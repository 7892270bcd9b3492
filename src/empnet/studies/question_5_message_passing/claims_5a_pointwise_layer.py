"""Claims V.A: the point-wise layer."""

from __future__ import annotations

from empnet.studies.claim import Claim, Counter, verdict
from empnet.studies.question_5_message_passing.measured import Measured, parameters_by_size

__all__ = ["CLAIMS"]


CLAIMS: tuple[Claim[Measured], ...] = (
    Claim(
        id="V.A.a",
        statement="For all batches, the point-wise layer does the same to every particle: listing the particles in "
        "another order lists its output in that order, and changes nothing else.",
        rule="True if, for random features in float64, output of the reordered and reordered output differ by no more "
        "than rounding.",
        decide=lambda e: verdict(e.layers.pointwise_reordered <= e.layers.bound),
        evidence=lambda e: {
            "largest difference, relative": e.layers.pointwise_reordered,
            "bound on rounding, relative": e.layers.bound,
        },
        why="psi is one map, applied to each row by itself: no row knows its number or any other row.",
        textbook="true",
        counter=Counter("one dense layer takes the features of all particles at once", {"layer": "mixing"}),
    ),
    Claim(
        id="V.A.b",
        statement="It makes (B, N, F') of (B, N, F), and for every N it has (F + 1) 128 + (128 + 1) F' parameters.",
        rule="True if the built layer has that many parameters for N, 2 N and 3 N slots, and the output that shape.",
        decide=lambda e: verdict(
            set(e.layers.pointwise_parameters.values()) == {e.layers.pointwise_formula}
            and e.layers.pointwise_shape == e.layers.wanted_shape
        ),
        evidence=lambda e: {
            "shape of the output": " x ".join(map(str, e.layers.pointwise_shape)),
            "parameters by the formula": e.layers.pointwise_formula,
            **parameters_by_size(e.layers.pointwise_parameters),
        },
        why="Weights are those of one perceptron R^F -> R^F', which all particles share; N does not occur in them.",
        textbook="true",
        counter=Counter("one dense layer takes the features of all particles at once", {"layer": "mixing"}),
    ),
    Claim(
        id="V.A.c",
        statement="With the same weights, it is two convolutions of kernel size 1 along the list of particles, with "
        "softplus between them.",
        rule="True if it differs from torch's conv1d with these weights by no more than rounding, in float64.",
        decide=lambda e: verdict(e.layers.convolution <= e.layers.bound),
        evidence=lambda e: {
            "largest difference, relative": e.layers.convolution,
            "bound on rounding, relative": e.layers.bound,
        },
        why="A convolution of kernel size 1 is a linear map of the channels, the same at each place.",
        textbook="true",
        counter=Counter("the convolution is 3 particles wide", {"kernel": 3}),
    ),
    Claim(
        id="V.A.d",
        statement="Its perceptron psi has one hidden layer of 128 units with softplus.",
        rule="True if the built layer's first linear map has as many outputs as asked for and softplus follows.",
        decide=lambda e: verdict(e.layers.hidden == e.layers.asked and e.layers.activation == "Softplus"),
        evidence=lambda e: {
            "hidden units": e.layers.hidden,
            "hidden units asked for": e.layers.asked,
            "nonlinearity": e.layers.activation,
        },
        why="It is built so; the number of parameters in V.A.b says the same.",
        textbook="true",
        counter=Counter("64 hidden units are asked for", {"hidden": 64}),
    ),
)
