"""Premises and measurement: output of a trained classifier, and the pixels that reach its first layer."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from empnet.model.summary import summary
from empnet.studies.claim import Effort, Premises, premise
from empnet.studies.data.sign_digits import number_blocks, sign_digits
from empnet.studies.estimators.image_classifier import ImageClassifier
from empnet.studies.networks.convolution_network import convolved_size
from empnet.studies.networks.image_network import ImageNetwork

__all__ = ["Classifier", "Classifying", "measure", "reached"]


@dataclass(frozen=True)
class Classifier(Premises):
    """The question's network, and its reduction for training."""

    size: int = premise(64, "Height and width of the pictures in pixels.", at_least=1, at_most=128)
    channels: int = premise(64, "Output channels of the first convolution.", at_least=1, at_most=512)
    kernel: int = premise(8, "Kernel size of the first convolution.", at_least=1)
    second_channels: int = premise(8, "Output channels of the second convolution.", at_least=1, at_most=512)
    second_kernel: int = premise(4, "Kernel size of the second convolution.", at_least=1)
    linear_units: int = premise(2048, "Units of the first linear layer.", at_least=1, at_most=65536)
    output: str = premise("softmax", "Output of the network.", one_of=("softmax", "argmax"))
    reduction: int = premise(16, "Divides channels and linear units of the network that is trained.", at_least=1)
    epochs: int = premise(30, "Passes over 1,100 pictures, with early stopping.", at_least=1)

    def check(self) -> None:
        """Refuse kernels that are larger than their input."""
        convolved_size(convolved_size(self.size, self.kernel), self.second_kernel)


@dataclass(frozen=True)
class Classifying:
    """Output of the trained classifier, and connections of its first layer.

    Arguments:
        outputs: Output of the trained network for pictures of other hands, shape (n, 8).
        accuracy: Share of these pictures that it classifies correctly.
        pixels: Pixels that reach the unit in the middle of the first layer, shape (size, size).
        numbers: Entries of the input, over all channels.
        reaching: Largest number of entries that reach a unit of the first layer, over the tested units.
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
        """Parameters of the whole network."""
        return sum(number for _, number in self.layers)

    @property
    def one_hot_rows(self) -> int:
        """Number of one-hot rows."""
        return int(((self.outputs == 1).sum(1) + (self.outputs == 0).sum(1) == self.outputs.shape[1]).sum())


def measure(premises: Classifier, effort: Effort) -> Classifying:
    """Train a reduced network, record its output, and find the pixels that reach the first layer's units.

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
    """Find the entries of a picture that reach units of the first layer: where the unit's gradient is not zero.

    Arguments:
        size: Height and width of the picture in pixels.
        kernel: Kernel size of the convolution.
        places: Row and column of each unit.

    Returns:
        A mask of shape (3, size, size) for each unit.

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
    """Return probabilities for pictures of held-out hands, and the accuracy."""
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
