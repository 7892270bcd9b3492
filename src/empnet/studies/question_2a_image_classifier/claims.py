"""Claims II.A: output of a convolutional classifier, and whether the classifier is a fully connected perceptron."""

from __future__ import annotations

import numpy as np

from empnet.studies.claim import Claim, Counter, Evidence, verdict
from empnet.studies.question_2a_image_classifier.figures import draw_outputs, draw_reached
from empnet.studies.question_2a_image_classifier.measurement import Classifying

__all__ = ["CLAIMS"]


def output_numbers(e: Classifying) -> Evidence:
    """Return numbers of the output, as evidence."""
    between = (e.outputs > 0) & (e.outputs < 1)
    return {
        "pictures": len(e.outputs),
        "rows with one one and else zeros": e.one_hot_rows,
        "largest deviation of a row's sum from one": float(np.abs(e.outputs.sum(1) - 1).max()),
        "share of entries between zero and one": float(between.mean()),
        "largest entry of a row, median": float(np.median(e.outputs.max(1))),
        "smallest entry": float(e.outputs.min()),
        "accuracy on other hands": e.accuracy,
    }


def layer_numbers(e: Classifying) -> Evidence:
    """Return the connections of the first layer and the parameters, as evidence."""
    return {
        "numbers of the input": e.numbers,
        "of them, those that reach a unit of the first layer": e.reaching,
        "weights of the first layer": e.weights,
        "weights if all were connected": e.numbers * e.units,
        "units of the first layer": e.units,
        **parameter_numbers(e),
    }


def parameter_numbers(e: Classifying) -> Evidence:
    """Return the parameters of each layer, as evidence."""
    return {f"parameters of {name}": number for name, number in e.layers} | {"parameters": e.parameters}


def most_in_linear(e: Classifying) -> bool:
    """Return True if the first linear layer has more than 99 % of the parameters."""
    return dict(e.layers)["head.linear_1"] > 0.99 * e.parameters


CLAIMS: tuple[Claim[Classifying], ...] = (
    Claim(
        "II.A.1",
        "The output of the trained network is a one-hot vector for every picture.",
        "The network is trained at reduced width and looked at on pictures of hands that it has not seen. True if "
        "every row of its output has exactly one one and else zeros; false if a row has not.",
        lambda e: verdict(e.one_hot_rows == len(e.outputs)),
        output_numbers,
        "Softmax gives numbers between zero and one that sum to one: probabilities. One-hot are the labels that "
        "they are compared with, or the output after it is hardened to its largest entry.",
        "false",
        Counter("the output is hardened by argmax", {"output": "argmax"}),
        draw=draw_outputs,
    ),
    Claim(
        "II.A.2",
        "The network is a fully connected perceptron.",
        "True if every number of the picture reaches the units of the first layer (their gradients are not zero, "
        "at corners, edges and in the middle) and that layer has a weight of its own for each pair of number and "
        "unit; else false. The layers after the convolutions are linear ones anyway.",
        lambda e: verdict(e.reaching == e.numbers and e.weights == e.numbers * e.units),
        layer_numbers,
        "A unit of a convolution sees a window, and all windows share the same weights. Only a kernel as large as "
        "the picture makes a convolution a linear layer.",
        "false",
        Counter("the first kernel is as large as the picture", {"kernel": 64, "second_kernel": 1}),
        draw=draw_reached,
    ),
    Claim(
        "II.A.a",
        "More than 99 % of the parameters belong to the first linear layer.",
        "True if its share of the parameters of the built network is more than 99 %; else false.",
        lambda e: verdict(most_in_linear(e)),
        parameter_numbers,
        "54 x 54 x 8 numbers come out of the convolutions, each with 2048 weights; the convolutions themselves "
        "have about twenty thousand.",
        "true",
        Counter("the first linear layer has one unit", {"linear_units": 1}),
    ),
)
