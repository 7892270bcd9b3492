"""Sources of pictures, an array or a folder, and the conversion of pixels to a network's input."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from empnet.errors import EmpnetError
from empnet.studies.data.images import ImageFolder
from empnet.studies.estimators.augmentation import Augment

__all__ = ["ImageArray", "image_source", "network_input"]


class ImageArray:
    """Pictures in memory, with the interface of :class:`~empnet.studies.data.images.ImageFolder`.

    Arguments:
        array: (n, height, width, 3), of 8 bits or floats from 0 to 1.

    Raises:
        EmpnetError: If shape, type or range is another.

    Example:
        >>> ImageArray(np.zeros((5, 8, 10, 3), np.uint8)).size
        (10, 8)
    """

    def __init__(self, array: Any) -> None:
        array = np.asarray(array)
        wanted = "an array (n, height, width, 3) of 8 bits, or of floats from 0 to 1"
        if array.ndim != 4 or array.shape[3] != 3 or 0 in array.shape:
            raise EmpnetError(f"pictures of shape {array.shape}", wanted=wanted)
        if array.dtype != np.uint8:
            if array.dtype.kind != "f":
                raise EmpnetError(f"pictures of type {array.dtype}", wanted=wanted)
            low, high = array.min(), array.max()
            if not (low >= 0 and high <= 1):  # true of nan, too
                raise EmpnetError(f"pixels from {low:g} to {high:g}", wanted=wanted, remedy="divide by 255?")
        self.array = array
        self.size = (array.shape[2], array.shape[1])

    def __len__(self) -> int:
        return len(self.array)

    def pixels(self, indices: Iterable[int] | np.ndarray) -> np.ndarray:
        """Return some pictures.

        Arguments:
            indices: Numbers of the pictures.
        """
        picked: np.ndarray = self.array[np.asarray(indices, np.int64)]
        return picked


def image_source(X: Any, y: Any) -> tuple[ImageArray | ImageFolder, np.ndarray]:
    """Return pictures and their classes: the given ones, or the names of the folders.

    Arguments:
        X: An array of pictures, or a folder.
        y: The class of each; None for a folder, or where they are not needed.

    Raises:
        EmpnetError: If the array does not hold pictures, or its length differs from that of the classes.
    """
    if isinstance(X, ImageFolder):
        if y is not None:
            raise EmpnetError("classes given for a folder", remedy="leave y out: the folders' names are the classes")
        return X, np.array(X.classes)[X.labels]
    source = ImageArray(X)
    labels = np.asarray([] if y is None else y)
    if y is not None and labels.shape != (len(source),):
        raise EmpnetError(f"{len(source)} pictures, classes of shape {labels.shape}", wanted="one class per picture")
    return source, labels


def network_input(pixels: np.ndarray, augment: Augment | None = None) -> Float[Tensor, "n 3 height width"]:
    """Return the network's input: pixels from -1 to 1, channels first.

    Arguments:
        pixels: (n, height, width, 3), of 8 bits or from 0 to 1.
        augment: Changes pictures from 0 to 1.

    Example:
        >>> network_input(np.full((1, 1, 1, 3), 255, np.uint8)).flatten().tolist()
        [1.0, 1.0, 1.0]
    """
    scale = 255.0 if pixels.dtype == np.uint8 else 1.0
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format) / scale
    if augment is not None:
        x = augment(x)
    return 2 * x - 1
