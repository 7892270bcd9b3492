"""Study: what a convolutional classifier of pictures puts out, and whether it is a fully connected perceptron."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from empnet.model.summary import summary
from empnet.pages.svg import COLOURS
from empnet.studies.claim import Claim, Counter, Effort, Evidence, Premises, Study, premise, verdict
from empnet.studies.data.sign_digits import number_blocks, sign_digits
from empnet.studies.estimators.image_classifier import ImageClassifier
from empnet.studies.networks.convolution_network import convolved_size
from empnet.studies.networks.image_network import ImageNetwork

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["STUDY", "Classifier", "Classifying", "measure", "reached"]


@dataclass(frozen=True)
class Classifier(Premises):
    """The network, as asked, and how it is reduced to be trained for a look at its output."""

    size: int = premise(64, "Height and width of the pictures in pixels.", at_least=1, at_most=128)
    channels: int = premise(64, "Output channels of the first convolution.", at_least=1, at_most=512)
    kernel: int = premise(8, "Kernel size of the first convolution.", at_least=1)
    second_channels: int = premise(8, "Output channels of the second convolution.", at_least=1, at_most=512)
    second_kernel: int = premise(4, "Kernel size of the second convolution.", at_least=1)
    linear_units: int = premise(2048, "Units of the first linear layer.", at_least=1, at_most=65536)
    output: str = premise("softmax", "What the network puts out.", one_of=("softmax", "argmax"))
    reduction: int = premise(16, "Divides channels and linear units of the network that is trained.", at_least=1)
    epochs: int = premise(30, "Passes over 1,100 pictures, with early stopping.", at_least=1)

    def check(self) -> None:
        """Refuse kernels that are larger than what they slide over."""
        convolved_size(convolved_size(self.size, self.kernel), self.second_kernel)


@dataclass(frozen=True)
class Classifying:
    """What was measured.

    Arguments:
        outputs: Output of the trained network for pictures of other hands, shape (n, 8).
        accuracy: Share of these that it classifies rightly.
        pixels: Which pixels reach the unit in the middle of the first layer, shape (size, size).
        numbers: Numbers of the input, all channels counted.
        reaching: How many of them reach a unit of the first layer: the most, over all units tried.
        units: Units of the first layer.
        weights: Weights of the first layer.
        layers: Name and number of parameters of each layer that has some, biases included.
    """

    outputs: np.ndarray
    accuracy: float
    pixels: np.ndarray
    numbers: int
    reaching: int
    units: int
    weights: int
    layers: tuple[tuple[str, int], ...]

    @property
    def parameters(self) -> int:
        """Of the whole network."""
        return sum(number for _, number in self.layers)

    @property
    def one_hot_rows(self) -> int:
        """Rows with a single one and else zeros."""
        return int(((self.outputs == 1).sum(1) + (self.outputs == 0).sum(1) == self.outputs.shape[1]).sum())


def measure(premises: Classifier, effort: Effort) -> Classifying:
    """Train a reduced network, look at what it puts out, and see which pixels reach the first layer's units.

    Arguments:
        premises: The network.
        effort: Quick: an eighth of the pictures, and two epochs.
    """
    p = premises
    outputs, accuracy = _outputs(dataclasses.replace(p, output="softmax"), effort.quick)
    if p.output == "argmax":
        outputs = np.eye(outputs.shape[1])[outputs.argmax(1)]
    convolutions = ((p.channels, p.kernel), (p.second_channels, p.second_kernel))
    with torch.device("meta"):  # counted, not put into memory
        whole = ImageNetwork(size=p.size, convolutions=convolutions, hidden=p.linear_units)
    rows = summary(whole, (1, 3, p.size, p.size)).layers
    side = convolved_size(p.size, p.kernel)
    places = sorted({(v, u) for v in (0, side // 2, side - 1) for u in (0, side // 2, side - 1)})
    masks = reached(p.size, p.kernel, places)
    return Classifying(
        outputs=outputs,
        accuracy=accuracy,
        pixels=np.asarray(masks[places.index((side // 2, side // 2))].any(0)),
        numbers=3 * p.size**2,
        reaching=max(int(mask.sum()) for mask in masks),
        units=p.channels * side**2,
        weights=next(row.parameters_without_biases for row in rows if row.kind == "Conv2d"),
        layers=tuple((row.name, row.parameters) for row in rows if row.parameters),
    )


def reached(size: int, kernel: int, places: Sequence[tuple[int, int]]) -> list[np.ndarray]:
    """Which numbers of a picture reach units of the first layer: where the unit's gradient is not zero.

    Arguments:
        size: Height and width of the picture in pixels.
        kernel: Kernel size of the convolution.
        places: Row and column of each unit.

    Returns:
        For each unit a mask of shape (3, size, size).

    Example:
        >>> reached(6, 2, [(0, 3)])[0][0].sum()
        np.int64(4)
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layer = torch.nn.Conv2d(3, 1, kernel)
        x = torch.randn(1, 3, size, size, requires_grad=True)
    units: Tensor = layer(x)
    gradients = (torch.autograd.grad(units[0, 0, v, u], x, retain_graph=True)[0] for v, u in places)
    return [(gradient[0] != 0).numpy() for gradient in gradients]


@lru_cache(maxsize=16)
def _outputs(p: Classifier, quick: bool) -> tuple[np.ndarray, float]:
    """Probabilities for pictures of other hands than those of training, and the accuracy."""
    folder = sign_digits()
    side = number_blocks(folder.files, 3)
    pixels, labels = folder.pixels(range(len(folder))), folder.labels
    if p.size != pixels.shape[1]:
        x = torch.from_numpy(pixels).permute(0, 3, 1, 2).double()
        scaled = torch.nn.functional.interpolate(x, (p.size, p.size), mode="area")
        pixels = scaled.round().byte().permute(0, 2, 3, 1).numpy()
    step = 8 if quick else 1
    train = np.flatnonzero(side != 2)[::step]
    held = np.flatnonzero(side == 2)[::step]
    first, second = max(1, p.channels // p.reduction), p.second_channels
    classifier = ImageClassifier(
        ((first, p.kernel), (second, p.second_kernel)),
        hidden=max(1, p.linear_units // p.reduction),
        learning_rate=1e-3,  # a narrower network takes a larger rate
        epochs=min(p.epochs, 2) if quick else p.epochs,
        quiet=True,
    ).fit(pixels[train], labels[train], validation=(pixels[held], labels[held]))
    return classifier.predict_proba(pixels[held]), classifier.score(pixels[held], labels[held])


def output_numbers(e: Classifying) -> Evidence:
    """The numbers on the output."""
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
    """The numbers on what reaches the first layer, and on the parameters."""
    return {
        "numbers of the input": e.numbers,
        "of them, those that reach a unit of the first layer": e.reaching,
        "weights of the first layer": e.weights,
        "weights if all were connected": e.numbers * e.units,
        "units of the first layer": e.units,
        **parameter_numbers(e),
    }


def parameter_numbers(e: Classifying) -> Evidence:
    """Parameters of each layer."""
    return {f"parameters of {name}": number for name, number in e.layers} | {"parameters": e.parameters}


def draw_reached(figure: Figure, e: Classifying) -> str:
    """The pixels that reach a unit of the first layer."""
    from matplotlib.colors import ListedColormap

    axes = figure.subplots()
    size = len(e.pixels)
    shown = np.where(e.pixels, 1.0, np.nan)  # the others stay empty
    axes.imshow(shown, cmap=ListedColormap([COLOURS[0]]), interpolation="none")
    axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), xlabel="column (pixels)", ylabel="row (pixels)")
    return (
        f"Pixels that reach the unit in the middle of the first layer, found by its gradient: {e.pixels.sum():,} of "
        f"{e.pixels.size:,}. From all others it gets nothing."
    )


def draw_outputs(figure: Figure, e: Classifying) -> str:
    """How sure the network is."""
    axes = figure.subplots()
    axes.hist(e.outputs.max(1), bins=np.linspace(0, 1, 41).tolist())
    axes.set(xlabel="largest entry of the output", ylabel="pictures", xlim=(0, 1.01))
    return f"The largest of the eight outputs for {len(e.outputs):,} pictures of other hands than those of training."


def most_in_linear(e: Classifying) -> bool:
    """Whether the first linear layer has more than 99 % of the parameters."""
    return dict(e.layers)["head.linear_1"] > 0.99 * e.parameters


STUDY = Study(
    name="image_classifier",
    title="A classifier of pictures",
    question="A network classifies pictures of 64 x 64 pixels and 3 colours into 8 classes: a convolution 8 x 8 with "
    "64 channels, a convolution 4 x 4 with 8 channels, both without padding and followed by ReLU, a linear layer with "
    "2048 units, ReLU, a linear layer with 8 units, softmax. What is its output, and is it a fully connected "
    "perceptron?",
    premises=Classifier,
    measure=measure,
    claims=(
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
    ),
)
