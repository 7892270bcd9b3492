"""Keys of the data and the kinds of their values, counted frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from empnet.errors import nearest
from empnet.inspection.record import Finding, Key, Level
from empnet.system.system import System
from empnet.system.values import array_of

__all__ = ["Tally", "key_findings"]

FEW = 20
"""Maximum number of different values of a label; with more values, a key holds numbers or texts."""

ONE_BY_ONE = 3
"""Maximum number of keys with the same fault to report one by one."""

NUMBERS = ("number", "whole number", "label or count")
"""Kinds of keys with one number per frame."""


class _Values:
    """Values of one key, per frame or per particle."""

    __slots__ = ("frames", "high", "kinds", "low", "not_finite", "seen", "whole")

    def __init__(self) -> None:
        self.frames = 0
        self.not_finite = 0
        self.low, self.high = np.inf, -np.inf
        self.whole = True
        self.kinds: dict[str, None] = {}
        self.seen: dict[str, None] | None = {}  # None if there are too many

    def add(self, value: Any) -> None:
        """Add the value of one frame."""
        self.frames += 1
        if isinstance(value, float):
            self._add_number(value)
        elif isinstance(value, str | bool | np.bool_):
            self.kinds["text" if isinstance(value, str) else "truth value"] = None
            self._see(str(value))
        else:
            self.add_array(value)

    def _add_number(self, value: float) -> None:
        self.kinds["number"] = None
        if not np.isfinite(value):
            self.not_finite += 1
            return
        self.low, self.high = min(self.low, value), max(self.high, value)
        self.whole = self.whole and value.is_integer()
        if self.seen is not None:
            self._see(f"{value:g}")

    def add_array(self, value: Any, rows: int = 0) -> None:
        """Count an array; the first ``rows`` axes (rows per particle) are not part of its kind."""
        array = array_of(value)
        if array is None:
            self.kinds[type(value).__name__] = None
            return
        numeric = array.dtype.kind in "iuf"
        self.kinds[_kind(array.shape[rows:], array.dtype)] = None
        self.seen, self.whole = None, False  # arrays are not labels or integers
        if numeric and array.size:
            low, high = float(array.min()), float(array.max())
            if np.isfinite(low) and np.isfinite(high):
                self.low, self.high = min(self.low, low), max(self.high, high)
            else:
                self.not_finite += 1

    def _see(self, text: str) -> None:
        if self.seen is not None:
            self.seen[text] = None
            if len(self.seen) > FEW:
                self.seen = None

    def key(self, name: str, place: str) -> Key:
        """Return the record of these values."""
        kind = " or ".join(self.kinds)
        few = () if self.seen is None or len(self.seen) >= self.frames > 1 else tuple(self.seen)
        if kind == "number" and self.whole and self.high >= self.low:
            kind = "label or count" if few else "whole number"
        labels = few if kind != "number" else ()
        known = self.high >= self.low
        low, high = (self.low, self.high) if known else (None, None)
        return Key(name, place, kind, self.frames, low, high, labels, self.not_finite)


def _kind(shape: tuple[int, ...], dtype: np.dtype) -> str:
    values = (
        ""
        if dtype.kind == "f"
        else {"i": "whole numbers", "u": "whole numbers", "U": "texts"}.get(dtype.kind, str(dtype))
    )
    form = ("number", "vector")[len(shape)] if len(shape) < 2 else "tensor"
    form = {"whole numbers": "whole number", "texts": "text"}.get(values, form) if not shape else form
    size = "x".join(map(str, shape))
    return " ".join(part for part in (form, size, f"of {values}" if values and shape else "") if part)


class Tally:
    """Counter of keys and values over a stream of frames."""

    def __init__(self) -> None:
        self.frames = 0
        self._values: dict[tuple[str, str], _Values] = {}

    def add(self, system: System) -> None:
        """Count the keys and values of a frame."""
        self.frames += 1
        for name, number in system.properties.items():
            self._of(name, "per frame").add(number)
        for name, item in system.info.items():
            self._of(name, "per frame").add(item)
        for name, array in system.arrays.items():
            values = self._of(name, "per particle")
            values.frames += 1
            values.add_array(array, rows=1)

    def _of(self, name: str, place: str) -> _Values:
        return self._values.setdefault((name, place), _Values())

    def keys(self) -> tuple[Key, ...]:
        """Return the counted keys."""
        return tuple(values.key(name, place) for (name, place), values in self._values.items())


def key_findings(keys: Sequence[Key], n: int, properties: Sequence[str]) -> list[Finding]:
    """Report keys that are missing in some frames, and values that are not finite.

    Arguments:
        keys: Keys of the data.
        n: Number of frames.
        properties: Names of the targets; for targets, both faults are errors.
    """
    findings, missing = [], []
    for key in keys:
        level: Level = "error" if key.name in properties and key.place == "per frame" else "warning"
        if key.not_finite:
            text = f"nan or infinite in {key.not_finite} of {key.frames} frames"
            findings.append(Finding(level, key.name, text, "correct or remove those frames"))
        if key.frames < n:
            text = f"missing in {n - key.frames} of {n} frames"
            grave: Level = level if level == "error" or key.low is not None else "note"
            missing.append((key, Finding(grave, key.name, text, "remove those frames or add the value")))
    findings += _grouped([pair for pair in missing if not _is_word(pair[0])])
    findings += _words([key for key, _ in missing if _is_word(key)], n)
    return findings + [finding for name in properties for finding in _no_number(name, keys)]


def _grouped(missing: list[tuple[Key, Finding]]) -> list[Finding]:
    """Return one finding per missing key if they are few; otherwise one finding per level with the first keys."""
    findings = [finding for _, finding in missing if finding.level == "error"]
    levels: tuple[Level, ...] = ("warning", "note")
    for level in levels:
        alike = [finding for _, finding in missing if finding.level == level]
        if len(alike) <= ONE_BY_ONE:
            findings += alike
            continue
        first = ", ".join(f"{finding.topic} ({finding.text})" for finding in alike[:ONE_BY_ONE])
        text = f"{len(alike)} keys are missing in some frames: {first} and {len(alike) - ONE_BY_ONE} more"
        findings.append(Finding(level, "keys", text, "if they matter, remove those frames or add the values"))
    return findings


def _is_word(key: Key) -> bool:
    """Return whether a key is a bare word in a comment line; readers give such words the value True."""
    return key.place == "per frame" and key.kind == "truth value" and set(key.values) <= {"True"}


def _words(keys: list[Key], n: int) -> list[Finding]:
    """Report all bare words of comment lines in one finding; they are probably plain text."""
    if not keys:
        return []
    more = f" and {len(keys) - ONE_BY_ONE} more" if len(keys) > ONE_BY_ONE else ""
    first = ", ".join(key.name for key in keys[:ONE_BY_ONE])
    text = f"{len(keys)} bare words are in the comment lines of some of the {n} frames: {first}{more}"
    return [Finding("note", "comments", text, "they hold no values; values are written as key=value")]


def _no_number(name: str, keys: Sequence[Key]) -> list[Finding]:
    """Report a target that is not one number per system."""
    found = [key for key in keys if key.name == name]
    if any(key.place == "per frame" and key.kind.startswith(NUMBERS) for key in found):
        return []
    numbers = [key.name for key in keys if key.place == "per frame" and key.kind.startswith(NUMBERS)]
    text = f"it is {found[0].kind} {found[0].place}" if found else "there is no such key in any frame"
    remedy = nearest(name, numbers) or f"numeric properties found: {', '.join(numbers) or 'none'}"
    return [Finding("error", name, f"{text}; wanted one number for the whole system", remedy)]
