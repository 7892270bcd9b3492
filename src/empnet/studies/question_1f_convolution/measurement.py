"""Premises and measurement: convolution and pooling, by formula and as a built module."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import torch

from empnet.errors import EmpnetError
from empnet.model.summary import Summary, summary
from empnet.studies.claim import Effort, Premises, premise
from empnet.studies.networks.convolution_network import convolution_block, convolved_size, pooled_size

__all__ = ["Convolved", "Images", "Shape", "measure", "product"]

MOST_NUMBERS = 30_000_000
"""A module with more parameters or outputs is built without memory: shapes are inferred, and nothing is computed."""

MOST_COUNTED = 10**18
"""Sizes in bytes are 64-bit integers."""

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Images(Premises):
    """Square images, and the layers that process them."""

    size: int = premise(64, "Side of the square image in pixels.", at_least=1)
    channels: int = premise(3, "Channels of the image: 3 for colours.", at_least=1)
    kernel: int = premise(5, "Side of the kernel in pixels.", at_least=1)
    filters: int = premise(32, "Filters of the convolution.", at_least=1)
    pool: int = premise(2, "Side of the pooling window in pixels; 1: no pooling.", at_least=1)
    stride: int = premise(1, "Step of the kernel in pixels.", at_least=1)
    padding: str = premise("valid", "Padding of the image by zeros.", one_of=("valid", "same"))
    pooling: str = premise("max", "Pooling of a window.", one_of=("max", "mean", "convolution"))
    layer: str = premise("convolution", "First layer.", one_of=("convolution", "dense"))

    def check(self) -> None:
        """Refuse a kernel or window larger than its input, and sizes that torch cannot represent."""
        pooled_size(self.convolved, self.pool)
        if max(_numbers(self, 2 * self.size)) > MOST_COUNTED:
            raise EmpnetError("images and layers are too large", wanted=f"at most {MOST_COUNTED:.0e} numbers in each")

    @property
    def convolved(self) -> int:
        """Side of the image after the convolution in pixels."""
        return self.convolved_from(self.size)

    def convolved_from(self, size: int) -> int:
        """Return the side after the convolution for an image of another size.

        Arguments:
            size: Side of the image in pixels.
        """
        return convolved_size(size, self.kernel, stride=self.stride, padding=self.padding)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Convolved:
    """Shapes and parameters by formula and of the built module.

    Arguments:
        images: Images and layers.
        formula_shape: Height, width and channels of the output, by formula.
        module_shape: Height, width and channels of the built module's output.
        formula_parameters: Trainable parameters without biases, by formula.
        module_parameters: Trainable parameters of the built module without biases.
        with_biases: Parameters of the built module, biases included.
        at_twice_the_size: Parameters, without biases, of a module built for images of twice the side.
        in_pooling: Parameters, without biases, of the pooling alone.
        computed: True if the module was run; false if it was too large and its shapes were inferred.
    """

    images: Images
    formula_shape: Shape
    module_shape: Shape
    formula_parameters: int
    module_parameters: int
    with_biases: int
    at_twice_the_size: int
    in_pooling: int
    computed: bool


def measure(premises: Images, effort: Effort) -> Convolved:
    """Compute shape and parameters by formula, and read them off a module that is built and called.

    Arguments:
        premises: Images and layers.
        effort: Unused; the measurement is quick.
    """
    side = pooled_size(premises.convolved, premises.pool)
    table, computed = built(premises, premises.size)
    out = next(layer.output_shape for layer in table.layers if not layer.name)
    if out is None or len(out) != 4:
        raise EmpnetError(f"the module returned {out}", wanted="images")
    learned = [layer.parameters_without_biases for layer in table.layers if layer.name == "pooling"]
    return Convolved(
        premises,
        formula_shape=(side, side, premises.filters),
        module_shape=(out[2], out[3], out[1]),
        formula_parameters=weights(premises),
        module_parameters=table.parameters_without_biases,
        with_biases=table.parameters,
        at_twice_the_size=built(premises, 2 * premises.size)[0].parameters_without_biases,
        in_pooling=sum(learned),
        computed=computed,
    )


def weights(images: Images) -> int:
    """Return the number of weights by formula: one for each entry of each kernel, whatever the size of the image."""
    return sum(_numbers(images, images.size)[2:])


def built(images: Images, size: int) -> tuple[Summary, bool]:
    """Return the summary of the module for images of some size, and whether the module was run."""
    inputs, outputs, *_ = numbers = _numbers(images, size)
    computed, side = max(numbers) <= MOST_NUMBERS, images.convolved_from(size)
    with torch.random.fork_rng(devices=[]), torch.device("cpu" if computed else "meta"):
        torch.manual_seed(0)
        model = convolution_block(
            images.channels,
            images.filters,
            images.kernel,
            stride=images.stride,
            padding=images.padding,  # type: ignore[arg-type]
            pool=images.pool,
            pooling=images.pooling,  # type: ignore[arg-type]
        )
        if images.layer == "dense":  # as many outputs as the convolution has, each of which sees all of the image
            layers: OrderedDict[str, torch.nn.Module] = OrderedDict(
                flatten=torch.nn.Flatten(),
                dense=torch.nn.Linear(inputs, outputs),
                images=torch.nn.Unflatten(1, (images.filters, side, side)),
            )
            layers.update((name, layer) for name, layer in model.named_children() if name == "pooling")
            model = torch.nn.Sequential(layers)
        return summary(model, (1, images.channels, size, size)), computed


def _numbers(images: Images, size: int) -> tuple[int, int, int, int]:
    """Return inputs, outputs and weights of the first layer for an image of some size, and the pooling's weights."""
    inputs, outputs = images.channels * size**2, images.filters * images.convolved_from(size) ** 2
    dense, learned = images.layer == "dense", images.pooling == "convolution" and images.pool > 1
    first = inputs * outputs if dense else images.channels * images.filters * images.kernel**2
    return inputs, outputs, first, images.filters**2 * images.pool**2 if learned else 0


def product(shape: tuple[int, ...]) -> str:
    """Format a shape for people.

    Example:
        >>> product((30, 30, 32))
        '30 x 30 x 32'
    """
    return " x ".join(map(str, shape))
