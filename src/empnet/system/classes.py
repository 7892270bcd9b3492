"""Classes of systems: their names in data, in arrays, and in order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from empnet.errors import EmpnetError, nearest
from empnet.system.system import System

__all__ = ["LONGEST", "class_names", "class_of", "encoded", "look_like_classes", "numbered"]

FEW_VALUES = 20
"""Largest number of different whole numbers that look like classes."""

LONGEST = 64
"""Largest number of bytes in the name of a class."""


def class_of(system: System, name: str) -> str:
    """Return the class of a system: a text of ``info``, or a whole number of ``properties``, as text.

    Arguments:
        system: The system.
        name: Name of the property.

    Raises:
        EmpnetError: If it is absent, is neither a text nor a whole number, or is longer than 64 bytes.

    Example:
        >>> class_of(System([[0, 0, 0]], info={"label": "tree"}), "label")
        'tree'
    """
    value = system.info[name] if name in system.info else system.properties.get(name)
    if value is None:
        texts = [key for key, item in system.info.items() if isinstance(item, str | np.str_)]
        there = sorted({*texts, *system.properties})
        raise EmpnetError(
            f"no property '{name}'; texts and numbers found: {', '.join(there) or 'none'}",
            where=system.origin,
            remedy=nearest(name, there),
        )
    if not isinstance(value, str | np.str_):
        number = np.asarray(value)
        if number.ndim or number.dtype.kind not in "biuf" or float(number) != round(float(number)):
            found = f"'{name}' is {value!r}" if number.ndim == 0 else f"'{name}' is an array of shape {number.shape}"
            raise EmpnetError(found, where=system.origin, wanted="a class: a text, or a whole number")
        value = str(round(float(number)))
    text = str(value).strip()
    if not text or len(text.encode()) > LONGEST:
        found = f"class '{text[:40]}...' is too long" if text else f"'{name}' is empty"
        raise EmpnetError(found, where=system.origin, wanted=f"the name of a class, at most {LONGEST} bytes")
    return text


def look_like_classes(values: Float64[np.ndarray, " n"]) -> int:
    """Return the number of different values if these are few whole numbers, each three times in the mean; else 0.

    Arguments:
        values: Values of a property.

    Example:
        >>> look_like_classes(np.array([1.0, 2.0] * 3)), look_like_classes(np.array([0.5] * 9))
        (2, 0)
    """
    different = np.unique(values)
    few = len(different) <= FEW_VALUES and len(values) >= 3 * len(different)
    return len(different) if few and bool((different == np.round(different)).all()) else 0


def encoded(name: str) -> UInt8[np.ndarray, "64"]:
    """Return the name of a class as bytes, filled up with zeros.

    Example:
        >>> encoded("tree")[:5].tolist()
        [116, 114, 101, 101, 0]
    """
    return np.frombuffer(name.encode().ljust(LONGEST, b"\0"), dtype=np.uint8)


def _decoded(rows: UInt8[np.ndarray, "n 64"]) -> list[str]:
    return [row.tobytes().rstrip(b"\0").decode() for row in rows]


def class_names(labels: UInt8[np.ndarray, "n 64"]) -> tuple[str, ...]:
    """Return the different classes in order: numbers by their size, texts by the alphabet.

    Arguments:
        labels: Names as bytes, one row a system.

    Example:
        >>> class_names(np.array([encoded("10"), encoded("9"), encoded("9")]))
        ('9', '10')
    """
    names = _decoded(np.unique(labels, axis=0))
    numbers = all(name.lstrip("-").isdecimal() for name in names)
    return tuple(sorted(names, key=int) if numbers else sorted(names))


def numbered(labels: UInt8[np.ndarray, "n 64"], classes: Sequence[str]) -> Int64[np.ndarray, " n"]:
    """Return the number of each label among the classes; -1 if it is not among them.

    Arguments:
        labels: Names as bytes, one row a system.
        classes: Names of the classes.

    Example:
        >>> numbered(np.array([encoded("car"), encoded("bus")]), ["bus"]).tolist()
        [-1, 0]
    """
    distinct, inverse = np.unique(labels, axis=0, return_inverse=True)
    places = {name: k for k, name in enumerate(classes)}
    return _places(_decoded(distinct), places)[inverse.reshape(-1)]


def _places(names: Iterable[str], places: dict[str, int]) -> Int64[np.ndarray, " n"]:
    return np.array([places.get(name, -1) for name in names], dtype=np.int64)
