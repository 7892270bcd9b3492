"""Pictures in folders, one folder per class. Only their paths are in memory; pixels are decoded on request."""

from __future__ import annotations

import copy
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Int64, UInt8

from empnet.errors import EmpnetError
from empnet.runtime.progress import track
from empnet.studies.extra import library

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["ImageFolder"]

Size = tuple[int, int]
Pixels = UInt8[np.ndarray, "n height width 3"]

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm"})
MODES = {"RGB", "L", "P", "1"}
"""Pillow's modes that convert to RGB without loss: not those with transparency or 16 bits."""

FAILURES = (OSError, SyntaxError, ValueError)
"""Raised by Pillow on files that are not pictures, or are damaged; and DecompressionBombError."""


class ImageFolder:
    """Pictures by class: ``path/CLASS/picture.jpg``, all of one size.

    Grey pictures become RGB with three equal channels. Transparent pictures, whose background is unknown, and pictures
    of more than 8 bits per channel are refused.

    Arguments:
        path: The folder of the classes' folders; hidden files and folders are ignored.
        size: Required width and height in pixels; None: the most frequent size.
        bad: Treatment of pictures that cannot be read or have another size: "refuse" raises one error that names
            them all, "skip" leaves them out with a warning that names them.
        check: Decode each picture once in advance; without it a bad picture raises an error when it is read.
        threads: Number of threads that decode.
        quiet: Show no progress.

    Attributes:
        classes: Names of the classes, sorted.
        files: Path of each picture, relative to the folder: ``"3/IMG_0042.jpg"``.
        labels: Class number of each picture.
        size: Width and height in pixels.

    Raises:
        EmpnetError: If the folder does not exist, there are fewer than two classes, a class has no pictures, a file is
            not a picture, or pictures are bad.

    Example:
        >>> from empnet.studies.data.sign_digits import sign_digits
        >>> folder = sign_digits()
        >>> len(folder), folder.classes, folder.size
        (1650, ('0', '1', '2', '3', '4', '5', '6', '7'), (64, 64))
        >>> folder.pixels([0, 1649]).shape
        (2, 64, 64, 3)
    """

    def __init__(
        self,
        path: str | Path,
        *,
        size: Size | None = None,
        bad: Literal["refuse", "skip"] = "refuse",
        check: bool = True,
        threads: int = 4,
        quiet: bool = False,
    ) -> None:
        if bad not in ("refuse", "skip"):
            raise EmpnetError(f"bad='{bad}'", wanted="'refuse' or 'skip'")
        library("PIL.Image", "a folder of pictures")  # else each picture would be called unreadable
        self.path, self.threads = Path(path), threads
        self.classes, files, labels = _index(self.path)
        self.files: tuple[str, ...] = files
        self.labels: Int64[np.ndarray, " n"] = labels
        seen = self._look(quiet) if check else [_read_size(self.path / self.files[0])] * (size is None)
        self.size = size or Counter(s for s in seen if isinstance(s, tuple)).most_common(1)[0][0]
        if check:
            self._judge(seen, bad)

    def __len__(self) -> int:
        return len(self.files)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.path}: {len(self)} pictures of {len(self.classes)} classes)"

    def pixels(self, indices: Iterable[int] | np.ndarray) -> Pixels:
        """Decode some pictures.

        Arguments:
            indices: Numbers of the pictures.

        Raises:
            EmpnetError: If one cannot be read or has another size.
        """
        paths = [self.path / self.files[i] for i in indices]
        out = np.empty((len(paths), self.size[1], self.size[0], 3), np.uint8)

        def decode(k: int) -> None:
            picture = _decode(paths[k])
            if picture.size != self.size:
                raise EmpnetError(_odd(picture.size), where=paths[k], wanted=_odd(self.size))
            out[k] = np.asarray(picture)

        self._each(decode, range(len(paths)))
        return out

    def subset(self, indices: Sequence[int] | np.ndarray) -> ImageFolder:
        """Return some of the pictures, with the same classes.

        Arguments:
            indices: Numbers of the pictures.
        """
        fewer = copy.copy(self)
        fewer.files = tuple(self.files[i] for i in indices)
        fewer.labels = self.labels[np.asarray(indices, dtype=np.int64)]
        return fewer

    def _each(self, work: Callable[[int], object], numbers: Iterable[int]) -> list[object]:
        if self.threads <= 1:
            return [work(k) for k in numbers]
        with ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(work, numbers))

    def _look(self, quiet: bool) -> list[Size | str]:
        """Return the size of each picture, or its fault."""

        def look(k: int) -> Size | str:
            try:
                return _decode(self.path / self.files[k]).size
            except EmpnetError as error:
                return str(error).removeprefix(f"{self.path / self.files[k]}: ")

        seen: list[Size | str] = []
        starts = range(0, len(self), 256)  # pool.map would queue a hundred thousand at once
        for start in track(starts, f"looking at pictures in {self.path}", total=len(starts), quiet=quiet):
            seen += self._each(look, range(start, min(start + 256, len(self))))  # type: ignore[arg-type]
        if all(isinstance(what, str) for what in seen):
            raise EmpnetError(f"none of {len(self)} pictures can be read, the first: {seen[0]}", where=self.path)
        return seen

    def _judge(self, seen: Sequence[Size | str], bad: str) -> None:
        """Refuse, or leave out, pictures that are damaged or of another size."""
        faults = {k: what if isinstance(what, str) else _odd(what) for k, what in enumerate(seen) if what != self.size}
        if not faults:
            return
        listed = ", ".join(f"{self.files[k]} ({what})" for k, what in faults.items())
        if bad == "refuse":
            some = f"{len(faults)} of {len(self)} pictures are bad: {listed}"
            remedy = 'repair or remove them, or leave them out with bad="skip"'
            raise EmpnetError(some, where=self.path, wanted=f"pictures of {_odd(self.size)}", remedy=remedy)
        warnings.warn(f"{self.path}: left out {len(faults)} of {len(self)} pictures: {listed}", stacklevel=3)
        good = [k for k in range(len(self)) if k not in faults]
        kept = self.subset(good)
        self.files, self.labels = kept.files, kept.labels
        for number, name in enumerate(self.classes):
            if not (self.labels == number).any():
                raise EmpnetError("no picture of this class can be used", where=self.path / name)


def _odd(size: Size) -> str:
    return f"{size[0]} x {size[1]}"


def _index(path: Path) -> tuple[tuple[str, ...], tuple[str, ...], Int64[np.ndarray, " n"]]:
    """Return classes, pictures and the pictures' labels."""
    if not path.is_dir():
        raise EmpnetError("is not a folder", where=path, wanted="a folder with one folder for each class")
    folders = sorted(each for each in path.iterdir() if each.is_dir() and not each.name.startswith("."))
    if len(folders) < 2:
        found = f"one class only ('{folders[0].name}')" if folders else "no folders in it"
        raise EmpnetError(found, where=path, wanted="one folder for each of two classes or more")
    files: list[str] = []
    labels: list[int] = []
    for number, folder in enumerate(folders):
        own = sorted(each.name for each in folder.iterdir() if not each.name.startswith("."))
        strange = [name for name in own if Path(name).suffix.lower() not in SUFFIXES]
        if strange:
            what = (
                f"files that are not pictures ({len(strange)}): {', '.join(strange[:5])}{', ...' * (len(strange) > 5)}"
            )
            raise EmpnetError(what, where=folder, wanted=f"files {', '.join(sorted(SUFFIXES))}")
        if not own:
            raise EmpnetError("no pictures in it", where=folder, remedy="remove the folder, or put pictures there")
        files += [f"{folder.name}/{name}" for name in own]
        labels += [number] * len(own)
    return tuple(folder.name for folder in folders), tuple(files), np.array(labels, np.int64)


def _read_size(path: Path) -> Size:
    """Return width and height from the header alone."""
    with _opened(path) as picture:
        return picture.size


def _decode(path: Path) -> Image.Image:
    """Return the picture in RGB."""
    with _opened(path) as picture:
        if picture.mode not in MODES or "transparency" in picture.info:
            kind = "is transparent" if "A" in picture.mode or picture.mode in MODES else f"is {picture.mode}"
            raise EmpnetError(kind, where=path, wanted="RGB or grey of 8 bits a channel")
        return picture.convert("RGB")


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open a picture; whatever Pillow raises becomes an error that names the file."""
    image = library("PIL.Image", "a picture")
    try:
        with image.open(path) as picture:
            yield picture
    except EmpnetError:
        raise
    except (*FAILURES, image.DecompressionBombError) as error:
        raise EmpnetError(f"cannot be read ({_short(error, path)})", where=path) from error


def _short(error: Exception, path: Path) -> str:
    return str(error).replace(repr(str(path)), "it").replace(str(path), "it")
