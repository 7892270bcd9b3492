"""Convolutions on pictures, then two linear layers that output the logits of classes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from empnet.errors import EmpnetError
from empnet.studies.networks.convolution_network import convolved_size, pooled_size

__all__ = ["ImageNetwork"]


class ImageNetwork(torch.nn.Module):
    r"""A convolutional network from pictures to one logit per class, without the softmax, which belongs to the loss.

    Convolutions with valid padding, each followed by ReLU (and by max pooling, if wanted), are flattened; then come a
    linear layer, ReLU and a linear layer:

    .. math:: (n, 3, s, s) \to (n, C, s', s') \to (n, C s'^2) \to (n, \mathtt{hidden}) \to (n, \mathtt{n\_classes})

    Dropout acts on the inputs of both linear layers, and nowhere else.

    Arguments:
        n_classes: Number of logits.
        size: Height and width of the pictures in pixels.
        convolutions: Number of output channels and kernel size of each; may be empty.
        pool: Window and stride of the max pooling after each convolution's ReLU; 1 for none.
        hidden: Outputs of the first linear layer.
        dropout: Share of a linear layer's inputs that are set to zero in training.

    Raises:
        EmpnetError: If a number is not valid, or a kernel or window is larger than its input.

    Example:
        >>> network = ImageNetwork(size=32, convolutions=((8, 8), (8, 4)), hidden=256)
        >>> network(torch.zeros(5, 3, 32, 32)).shape
        torch.Size([5, 8])
    """

    def __init__(
        self,
        n_classes: int = 8,
        *,
        size: int = 64,
        convolutions: Sequence[tuple[int, int]] = ((64, 8), (8, 4)),
        pool: int = 1,
        hidden: int = 2048,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        _check(n_classes, size, pool, hidden, dropout)
        layers: list[tuple[str, torch.nn.Module]] = []
        channels = 3
        for number, (wider, kernel) in enumerate(convolutions, start=1):
            if wider < 1 or kernel < 1:
                raise EmpnetError(f"convolution {number} has {wider} channels, kernel {kernel}", wanted="at least 1")
            layers += [(f"convolution_{number}", torch.nn.Conv2d(channels, wider, kernel))]
            layers += [(f"relu_{number}", torch.nn.ReLU())]
            channels, size = wider, pooled_size(convolved_size(size, kernel), pool)
            if pool > 1:
                layers += [(f"pool_{number}", torch.nn.MaxPool2d(pool))]
        self.features = torch.nn.Sequential(OrderedDict([*layers, ("flatten", torch.nn.Flatten())]))
        head = OrderedDict(
            dropout_1=torch.nn.Dropout(dropout),
            linear_1=torch.nn.Linear(channels * size**2, hidden),
            relu=torch.nn.ReLU(),
            dropout_2=torch.nn.Dropout(dropout),
            linear_2=torch.nn.Linear(hidden, n_classes),
        )
        self.head = torch.nn.Sequential(head)

    def forward(self, x: Float[Tensor, "n 3 size size"]) -> Float[Tensor, "n classes"]:
        """Return the logits of pictures.

        Arguments:
            x: Pictures, channels first, usually from -1 to 1.
        """
        logits: Tensor = self.head(self.features(x))
        return logits


def _check(n_classes: int, size: int, pool: int, hidden: int, dropout: float) -> None:
    for name, value in {"n_classes": n_classes, "size": size, "pool": pool, "hidden": hidden}.items():
        if value < 1:
            raise EmpnetError(f"{name}={value}", wanted="at least 1")
    if not 0 <= dropout < 1:
        raise EmpnetError(f"dropout={dropout}", wanted="at least 0 and less than 1")
