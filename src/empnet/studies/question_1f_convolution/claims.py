"""Claims I.F: output shape and parameters of a convolution followed by pooling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from empnet.studies.claim import Claim, Counter, Evidence, Verdict, verdict
from empnet.studies.question_1f_convolution.figures import draw
from empnet.studies.question_1f_convolution.measurement import Convolved, Shape, product

__all__ = ["CLAIMS"]


def shapes(e: Convolved) -> Evidence:
    """Return the output's shape, by formula and of the built module, as evidence."""
    return {
        "shape of the built module's output, height x width x channels": product(e.module_shape),
        "shape by the formula": product(e.formula_shape),
        "after the convolution, pixels a side": e.images.convolved,
        "the module computed on numbers": e.computed,
    }


def parameters(e: Convolved) -> Evidence:
    """Return the parameters, by formula and of the built module, as evidence."""
    return {
        "parameters of the built module, without biases": e.module_parameters,
        "parameters by the formula, without biases": e.formula_parameters,
        "parameters of the built module, with biases": e.with_biases,
    }


def shape_claim(
    option: int, shape: Shape, answer: Verdict, counter: Counter, why: str, **other: Any
) -> Claim[Convolved]:
    """Return a claim on the output's shape."""
    return Claim(
        id=f"I.F.{option}",
        statement=f"What comes out has the shape {product(shape)}: height, width, channels.",
        rule=f"True if the output of the built module has the shape {product(shape)}; else false. Undecided if the "
        "module and the formula differ.",
        decide=lambda e: verdict(e.module_shape == shape if e.module_shape == e.formula_shape else None),
        evidence=shapes,
        why=why,
        textbook=answer,
        counter=counter,
        **other,
    )


def parameter_claim(option: int, number: int, answer: Verdict, counter: Counter, why: str) -> Claim[Convolved]:
    """Return a claim on the number of parameters."""
    return Claim(
        id=f"I.F.{option}",
        statement=f"Biases left out, the layers have {number:,} trainable parameters.",
        rule=f"True if the built module has {number:,} trainable parameters without biases; else false. Undecided if "
        "the module and the formula differ.",
        decide=agreed(lambda e: e.module_parameters == number),
        evidence=parameters,
        why=why,
        textbook=answer,
        counter=counter,
    )


def agreed(decide: Callable[[Convolved], bool]) -> Callable[[Convolved], Verdict]:
    """Return a rule on parameters that is undecided if the module and the formula differ."""
    return lambda e: verdict(decide(e) if e.module_parameters == e.formula_parameters else None)


SHAPES = (
    shape_claim(
        1,
        (60, 60, 96),
        "false",
        Counter("there are 96 filters and no pooling", {"filters": 96, "pool": 1}),
        "60 pixels a side are left by the convolution, but pooling halves them; and a filter sums over the colours, so "
        "that there are as many channels as filters, not three times as many.",
    ),
    shape_claim(
        2,
        (32, 32, 32),
        "false",
        Counter("zeros are put around the image (same padding)", {"padding": "same"}),
        "32 pixels a side are half of 64: what would be left if padding made up for the border.",
    ),
    shape_claim(
        3,
        (32, 32, 96),
        "false",
        Counter("there are 96 filters and same padding", {"filters": 96, "padding": "same"}),
        "Both mistakes: as if the border stayed, and as if each colour had its own result of each filter.",
    ),
    shape_claim(
        4,
        (30, 30, 32),
        "true",
        Counter("the kernel has 3 x 3 pixels", {"kernel": 3}),
        "A kernel of 5 fits at 64 - 5 + 1 = 60 places along a side, windows of 2 fit 30 times, and each filter makes "
        "one channel.",
        draw=draw,
    ),
)

PARAMETERS = (
    parameter_claim(
        5,
        9600,
        "false",
        Counter("there are 128 filters", {"filters": 128}),
        "This is four times what there is, as if each place of a pooling window had its own weights.",
    ),
    parameter_claim(
        6,
        2400,
        "true",
        Counter("the images are grey, with one channel", {"channels": 1}),
        "A filter has a weight for each entry of its kernel in each channel, 5 x 5 x 3 = 75, and there are 32 filters; "
        "pooling has none.",
    ),
    parameter_claim(
        7,
        800,
        "false",
        Counter("the images are grey, with one channel", {"channels": 1}),
        "This leaves the three colours out: each filter reads all of them, with a kernel for each.",
    ),
    parameter_claim(
        8,
        75,
        "false",
        Counter("there is a single filter", {"filters": 1}),
        "These are the weights of one filter out of 32.",
    ),
)

OWN = (
    Claim(
        id="I.F.a",
        statement="The number of parameters does not depend on the size of the images.",
        rule="True if a module that is built for images of twice the side has as many parameters without biases; else "
        "false. Undecided if the module and the formula differ.",
        decide=agreed(lambda e: e.at_twice_the_size == e.module_parameters),
        evidence=lambda e: {
            "parameters of the built module, without biases": e.module_parameters,
            "parameters for images of twice the side": e.at_twice_the_size,
        },
        why="The same kernel is laid on all places. A dense layer with as many outputs has a weight for each pair of "
        "an input and an output, 17 times as many for twice the side.",
        textbook="true",
        counter=Counter("a dense layer with as many outputs takes the convolution's place", {"layer": "dense"}),
    ),
    Claim(
        id="I.F.b",
        statement="None of the parameters belongs to the pooling.",
        rule="True if the built module's pooling has no trainable parameters without biases; else false. Undecided if "
        "the module and the formula differ.",
        decide=agreed(lambda e: e.in_pooling == 0),
        evidence=lambda e: {
            "parameters of the pooling": e.in_pooling,
            "parameters of the built module, without biases": e.module_parameters,
        },
        why="The largest of four numbers is found without weights. A convolution that takes windows side by side is "
        "pooling that is learned, and has them.",
        textbook="true",
        counter=Counter("the pooling is a learned one, a convolution with stride 2", {"pooling": "convolution"}),
    ),
    Claim(
        id="I.F.c",
        statement="Biases would be 32 parameters more.",
        rule="True if the built module's parameters with biases are 32 more than those without; else false. Undecided "
        "if the module and the formula differ.",
        decide=agreed(lambda e: e.with_biases - e.module_parameters == 32),
        evidence=parameters,
        why="One a filter, whatever the number of channels and the size of the kernel.",
        textbook="true",
        counter=Counter("there are 16 filters", {"filters": 16}),
    ),
)

CLAIMS = SHAPES + PARAMETERS + OWN
