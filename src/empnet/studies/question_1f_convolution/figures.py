"""Figure of an image through convolution and pooling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from empnet.studies.question_1f_convolution.measurement import Convolved, product

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw"]


def draw(figure: Figure, e: Convolved) -> str:
    """Draw the image, the convolution's output and the pooling's output, to scale."""
    figure.set_figheight(0.5 * figure.get_figwidth())
    images, axes = e.images, figure.subplots()
    if images.layer == "dense":
        first = "dense layer"
    else:
        first = f"{images.kernel} x {images.kernel} convolution, {images.padding}, stride {images.stride}"
    stages = [("image", images.size, images.channels, images.kernel)]
    stages.append((first, images.convolved, images.filters, images.pool))
    if images.pool > 1:
        name = f"{images.pool} x {images.pool} {images.pooling} pooling"
        stages.append((name, e.module_shape[0], images.filters, 0))
    left, gap = 0.0, 0.35 * images.size
    for number, (name, side, channels, window) in enumerate(stages):
        _stack(axes, left, side, channels, images.size, f"C{number}")
        if window > 1 and (number or images.layer == "convolution"):
            _square(axes, left, 0, window, "C5", alpha=0.9)
        axes.text(left, side + 0.22 * images.size, f"{name}\n{side} x {side} x {channels}", va="bottom", fontsize=8)
        left += side + gap + 0.1 * images.size
    axes.set(xlim=(-0.03 * images.size, max(left, 3.4 * images.size)), aspect="equal", ylabel="pixels, to scale")
    axes.set(ylim=(-0.05 * images.size, 1.6 * images.size), xticks=[], yticks=[0, images.size])
    axes.spines["bottom"].set_visible(False)
    axes.spines["left"].set_bounds(0, images.size)
    border = "the kernel stays within the image" if images.padding == "valid" else "zeros are put around the image"
    return (
        f"From an image of {images.size} x {images.size} pixels to {product(e.module_shape)} (height x width x "
        f"channels), drawn to scale, with at most six of the channels behind each other. Red: the window that is laid "
        f"on it next; with {images.padding} padding {border}."
    )


def _stack(axes: Axes, left: float, side: int, channels: int, unit: int, colour: str) -> None:
    """Draw overlapping squares, at most six, for the channels of an image."""
    behind = min(channels, 6)
    for depth in reversed(range(behind)):
        shift = 0.03 * unit * depth
        _square(axes, left + shift, shift, side, colour, alpha=0.2 if depth else 0.35)


def _square(axes: Axes, left: float, bottom: float, side: float, colour: str, *, alpha: float) -> None:
    x, y = (left, left + side, left + side, left), (bottom, bottom, bottom + side, bottom + side)
    axes.fill(x, y, facecolor=colour, edgecolor=colour, alpha=alpha)
