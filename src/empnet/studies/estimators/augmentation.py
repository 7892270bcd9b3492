"""Random changes of pictures that keep their class, by kornia."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jaxtyping import Float
from torch import Tensor

from empnet.errors import EmpnetError, nearest
from empnet.studies.extra import library

__all__ = ["NAMES", "augmentation", "augmentation_of"]

Augment = Callable[[Float[Tensor, "n 3 height width"]], Float[Tensor, "n 3 height width"]]

NAMES = {"rotation": 15.0, "crop": 0.7, "flip": 0.5, "blur": 1.0, "noise": 0.05}
"""Changes that :func:`augmentation` knows, and their default strengths."""


def augmentation(
    *, rotation: float = 0.0, crop: float = 1.0, flip: float = 0.0, blur: float = 0.0, noise: float = 0.0
) -> Augment:
    """Return random changes of pictures, drawn anew for each picture and call, in the order of the arguments.

    Arguments:
        rotation: Largest angle in degrees, either way; corners are filled with the picture's edge.
        crop: Smallest share of the area that is cut out, and scaled to the whole size.
        flip: Probability of exchanging left and right.
        blur: Largest standard deviation of the Gaussian blur in pixels.
        noise: Standard deviation of the Gaussian noise; pixels are from 0 to 1, and are clipped to that.

    Returns:
        Pictures from 0 to 1, channels first -> changed pictures. It draws from torch's global generator.

    Raises:
        EmpnetError: If kornia is not installed, or a number is not valid.

    Example:
        >>> augmentation(flip=1.0)(torch.arange(3.0).expand(1, 3, 3, 3) / 2)[0, 0, 0].tolist()
        [1.0, 0.5, 0.0]
    """
    limits = {"rotation": (0, 180), "crop": (1e-3, 1), "flip": (0, 1), "blur": (0, 100), "noise": (0, 100)}
    given = {"rotation": rotation, "crop": crop, "flip": flip, "blur": blur, "noise": noise}
    for name, (low, high) in limits.items():
        if not low <= given[name] <= high:
            raise EmpnetError(f"{name}={given[name]}", wanted=f"{low} to {high}")
    kornia = library("kornia.augmentation", "augmentation")
    changes: list[Augment] = []
    if rotation:
        changes.append(kornia.RandomAffine(degrees=rotation, padding_mode="border", p=1.0))
    if crop < 1:
        changes.append(lambda x: kornia.RandomResizedCrop(tuple(x.shape[-2:]), (crop, 1.0), (0.9, 1.1), p=1.0)(x))
    if flip:
        changes.append(kornia.RandomHorizontalFlip(p=flip))
    if blur:
        window = 2 * round(2 * blur) + 3  # two standard deviations to either side
        changes.append(kornia.RandomGaussianBlur((window, window), (0.1, max(0.1, blur)), p=1.0))
    if noise:
        changes.append(kornia.RandomGaussianNoise(std=noise, p=1.0))

    def change(x: Tensor) -> Tensor:
        for each in changes:
            x = each(x)
        return x.clamp(0, 1)

    return change


def augmentation_of(what: Augment | str | Sequence[str] | None) -> Augment | None:
    """Return an augmentation by names, of the default strengths.

    Arguments:
        what: A callable, which is returned as it is; one or several of :data:`NAMES`; or None.

    Raises:
        EmpnetError: If a name is unknown.

    Example:
        >>> augmentation_of("flipp")
        Traceback (most recent call last):
        ...
        empnet.errors.EmpnetError: there is no augmentation 'flipp'; did you mean 'flip'?
    """
    if what is None or callable(what):
        return what
    names = [what] if isinstance(what, str) else list(what)
    for name in names:
        if name not in NAMES:
            remedy = nearest(str(name), NAMES) or f"choose from {', '.join(NAMES)}"
            raise EmpnetError(f"there is no augmentation '{name}'", remedy=remedy)
    return augmentation(**{name: NAMES[name] for name in names}) if names else None
