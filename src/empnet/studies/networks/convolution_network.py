"""Convolution and pooling of images: the block of convolutional networks, and its output size."""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal

import torch

from empnet.errors import EmpnetError

__all__ = ["Padding", "Pooling", "convolution_block", "convolved_size", "pooled_size"]

Padding = Literal["valid", "same"]
Pooling = Literal["max", "mean", "convolution"]


def convolved_size(size: int, kernel: int, *, stride: int = 1, padding: Padding = "valid") -> int:
    r"""Return the side of an image after a convolution: the number of positions of the kernel.

    .. math:: s' = \lfloor (s - k) / t \rfloor + 1 \quad (\text{valid}), \qquad
              s' = \lceil s / t \rceil \quad (\text{same})

    Reference: Dumoulin and Visin, A guide to convolution arithmetic for deep learning, 2016.

    Arguments:
        size: Side s of the image in pixels.
        kernel: Side k of the kernel in pixels.
        stride: Step t from one place to the next in pixels.
        padding: ``"valid"``: the kernel stays within the image. ``"same"``: k - 1 rows and columns are padded.

    Raises:
        EmpnetError: If the kernel is larger than the image and padding is ``"valid"``.

    Example:
        >>> convolved_size(64, 5), convolved_size(64, 5, padding="same"), convolved_size(64, 5, stride=2)
        (60, 64, 30)
    """
    if padding == "same":
        return -(-size // stride)
    if kernel > size:
        raise EmpnetError(
            f"a kernel of {kernel} x {kernel} pixels is larger than the image, {size} x {size}",
            wanted=f"a kernel of at most {size}, or padding 'same'",
        )
    return (size - kernel) // stride + 1


def pooled_size(size: int, pool: int) -> int:
    r"""Return the side of an image after pooling in adjacent windows; pixels that do not fill a window are dropped.

    .. math:: s' = \lfloor s / p \rfloor

    Arguments:
        size: Side s of the image in pixels.
        pool: Side p of the window in pixels.

    Raises:
        EmpnetError: If the window is larger than the image.

    Example:
        >>> pooled_size(60, 2), pooled_size(7, 2)
        (30, 3)
    """
    if pool > size:
        raise EmpnetError(
            f"a pooling window of {pool} x {pool} pixels is larger than what it is laid on, {size} x {size}",
            wanted=f"a window of at most {size}",
        )
    return size // pool


def convolution_block(
    channels: int,
    filters: int,
    kernel: int,
    *,
    stride: int = 1,
    padding: Padding = "valid",
    pool: int = 1,
    pooling: Pooling = "max",
    bias: bool = True,
) -> torch.nn.Sequential:
    r"""Return a convolution of images, followed by pooling.

    .. math:: y_{f}(u, v) = b_f + \sum_{c, i, j} w_{f c i j} \, x_c(t u + i, t v + j)

    It has :math:`C F k^2` weights and F biases, whatever the size of the image.

    Arguments:
        channels: Number C of channels of the image.
        filters: Number F of filters, which are the channels of the result.
        kernel: Side k of the kernel in pixels.
        stride: Step t of the kernel in pixels.
        padding: As in :func:`convolved_size`; of an odd number of rows and columns of zeros, the odd one is put below
            and to the right, as torch does.
        pool: Side p of the pooling window in pixels; with 1 there is no pooling.
        pooling: The largest value of a window, its mean, or a learned combination: a convolution with the window as its
            stride (Springenberg et al., Striving for simplicity, 2015).
        bias: Give convolutions biases.

    Returns:
        The module: (B, C, s, s) -> (B, F, s', s'), s' as from :func:`convolved_size` and :func:`pooled_size`.

    Example:
        >>> convolution_block(3, 32, 5, pool=2)(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 32, 30, 30])
    """
    layers: OrderedDict[str, torch.nn.Module] = OrderedDict()
    if padding == "same" and kernel > 1:
        before, after = (kernel - 1) // 2, kernel // 2
        layers["padding"] = torch.nn.ZeroPad2d((before, after, before, after))
    layers["convolution"] = torch.nn.Conv2d(channels, filters, kernel, stride, bias=bias)
    if pool > 1:
        layers["pooling"] = {
            "max": lambda: torch.nn.MaxPool2d(pool),
            "mean": lambda: torch.nn.AvgPool2d(pool),
            "convolution": lambda: torch.nn.Conv2d(filters, filters, pool, pool, bias=bias),
        }[pooling]()
    return torch.nn.Sequential(layers)
