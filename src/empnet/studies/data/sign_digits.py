"""Bundled photographs of hands that sign digits, and blocks of pictures by the numbers in file names."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Sequence
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

import numpy as np
from filelock import FileLock
from jaxtyping import Int64

from empnet.errors import EmpnetError
from empnet.runtime.cache_entries import move_in
from empnet.runtime.cache_folder import cache_folder
from empnet.studies.data.images import ImageFolder

__all__ = ["number_blocks", "number_in_name", "sign_digits", "sign_digits_path"]

ZIP = Path(str(files("empnet.studies.data").joinpath("signdigits", "signdigits.zip")))


def sign_digits_path() -> Path:
    """Return the folder of the bundled pictures, unpacked on first use into the cache folder (``EMPNET_CACHE``).

    The folder appears atomically. If a picture is missing, damaged or foreign, all are unpacked anew.

    Example:
        >>> len(list(sign_digits_path().glob("*/*.jpg")))
        1650
    """
    key = hashlib.sha256(ZIP.read_bytes()).hexdigest()[:16]
    folder = cache_folder() / f"signdigits-{key}"
    if _is_whole(folder):
        with suppress(OSError):  # a cache that can only be read
            os.utime(folder)  # when it was last used
        return folder
    with FileLock(folder.with_name(f".{folder.name}.lock")):
        if not _is_whole(folder):
            unfinished = Path(tempfile.mkdtemp(dir=folder.parent, prefix="unfinished-"))
            try:
                with zipfile.ZipFile(ZIP) as archive:
                    archive.extractall(unfinished / "pictures")
                move_in(unfinished / "pictures", folder)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def _is_whole(folder: Path) -> bool:
    """Check that the folder holds exactly the archive's pictures, by checksum."""
    with zipfile.ZipFile(ZIP) as archive:
        wanted = {each.filename: each.CRC for each in archive.infolist() if not each.is_dir()}
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    try:
        return there == wanted.keys() and all(
            zlib.crc32((folder / name).read_bytes()) == wanted[name] for name in there
        )
    except OSError:  # one cannot be read, or has just gone
        return False


def sign_digits() -> ImageFolder:
    """Return 1,650 colour photographs, 64 x 64, of hands that sign the digits 0 to 7.

    Source: https://github.com/ardamavi/Sign-Language-Digits-Dataset, Apache License 2.0.

    Example:
        >>> np.bincount(sign_digits().labels).tolist()
        [205, 206, 206, 206, 207, 207, 207, 206]
    """
    return ImageFolder(sign_digits_path(), check=False, threads=1)


def number_in_name(name: str) -> int:
    """Return the last number in a file's name, without its suffix.

    Arguments:
        name: The file's name or path.

    Raises:
        EmpnetError: If there is no digit in it.

    Example:
        >>> number_in_name("3/IMG_0042.jpg")
        42
    """
    digits = re.findall(r"\d+", Path(name).stem)
    if not digits:
        raise EmpnetError("no number in its name", where=name, wanted="names such as IMG_0042.jpg")
    return int(digits[-1])


def number_blocks(names: Sequence[str], blocks: int, *, slack: int = 8) -> Int64[np.ndarray, " n"]:
    """Cut pictures into blocks that are contiguous in the number in their name, of nearly equal size.

    Pictures taken one after the other may show the same hand or scene; a random cut would put them on both sides of a
    split. A cut moves by up to ``slack`` pictures to the widest gap between two numbers, where a series ends.

    Arguments:
        names: Names of the files.
        blocks: Number of blocks.
        slack: Pictures by which a cut may move.

    Returns:
        The number of each picture's block, from 0.

    Raises:
        EmpnetError: If a name has no number, or there are fewer pictures than blocks.

    Example:
        >>> number_blocks([f"{n}.jpg" for n in (1, 2, 3, 7, 8, 9, 10)], 2).tolist()
        [0, 0, 0, 1, 1, 1, 1]
    """
    if not 1 <= blocks <= len(names):
        raise EmpnetError(f"{blocks} blocks of {len(names)} pictures", wanted="at least one picture per block")
    numbers = np.array([number_in_name(name) for name in names], np.int64)
    order = np.argsort(numbers, kind="stable")
    gaps = np.diff(numbers[order], prepend=numbers.min())  # before each picture
    cuts = [0]
    for block in range(1, blocks):
        ideal = round(block * len(names) / blocks)
        near = np.arange(max(ideal - slack, cuts[-1] + 1), min(ideal + slack + 1, len(names) - blocks + block + 1))
        cuts.append(int(min(near, key=lambda k: (-gaps[k], abs(k - ideal)))))
    out = np.empty(len(names), np.int64)
    out[order] = np.searchsorted(cuts, np.arange(len(names)), side="right") - 1
    return out
