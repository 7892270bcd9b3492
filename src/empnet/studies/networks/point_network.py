"""PointNet: one perceptron for all points of a cloud, on their coordinates, and the maximum over the points."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from empnet.model.pointwise import check_values

__all__ = ["PointNetwork"]


class PointNetwork(torch.nn.Module):
    r"""PointNet without its networks that align clouds: classifies a cloud by the coordinates of its points.

    .. math:: y = \mathrm{mlp}\big(\max_j \, h(r_j)\big)

    h is a perceptron that all points share, with batch normalisation and ReLU. The order of the points does not change
    y. A rotation does: y is a function of coordinates.

    References:
        PointNet: deep learning on point sets for 3D classification and segmentation, Qi et al., 2017,
        https://arxiv.org/abs/1612.00593.

    Arguments:
        n_classes: Number of logits.
        widths: Output size of each layer of h.
        hidden: Units of the hidden layer behind the maximum.
        dropout: Share of the hidden units that are zero in training.

    Example:
        >>> network = PointNetwork(4).eval()
        >>> r = torch.randn(2, 50, 3)
        >>> network(r).shape, torch.allclose(network(r), network(r.flip(1)), atol=1e-5)
        (torch.Size([2, 4]), True)
    """

    def __init__(
        self, n_classes: int, *, widths: Sequence[int] = (64, 64, 128, 256), hidden: int = 128, dropout: float = 0.3
    ) -> None:
        super().__init__()
        layers: list[torch.nn.Module] = []
        for before, after in zip((3, *widths), widths, strict=False):
            layers += [torch.nn.Conv1d(before, after, 1), torch.nn.BatchNorm1d(after), torch.nn.ReLU()]
        self.shared = torch.nn.Sequential(*layers)
        self.head = torch.nn.Sequential(
            torch.nn.Linear(widths[-1], hidden),
            torch.nn.BatchNorm1d(hidden),
            torch.nn.ReLU(),
            torch.nn.Dropout(dropout),
            torch.nn.Linear(hidden, n_classes),
        )

    def forward(self, r_batch: Tensor) -> Float[Tensor, "B classes"]:
        """Return the logits.

        Arguments:
            r_batch: Coordinates of the points, best about the centre and of size one, shape (B, N, 3), in the
                parameters' dtype.

        Raises:
            ValueError: If the shape or dtype is wrong.
        """
        check_values("r_batch", r_batch, ("B", "N", 3))
        logits: Tensor = self.head(self.shared(r_batch.transpose(1, 2)).amax(dim=2))
        return logits
