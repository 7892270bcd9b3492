"""Parse the comment line of extended XYZ: keys and values in every documented syntax."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from empnet.errors import EmpnetError
from empnet.system.units import ENERGY, parse_unit

__all__ = ["number", "parse_comment", "parse_logical"]

# Python's float() accepts 1_000, but in a file this is a label. Fortran writes 1.0D-3, and Mathematica 1.0*^-3.
REAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:(?:[eEdD]|\*\^)[+-]?[0-9]+)?")
NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
WHOLE = re.compile(r"[+-]?[0-9]{1,4000}")  # Python does not convert more digits
LOGICALS = {"T": True, "F": False} | {
    text: value for word, value in (("true", True), ("false", False)) for text in (word, word.title(), word.upper())
}
STRUCTURE = {"lattice": "Lattice", "properties": "Properties", "pbc": "pbc"}
"""Keys that describe a frame, by their names in lower case. GPUMD's documentation allows any case."""
RESULTS = frozenset({"energy", "free_energy", "stress", "virial", "dipole"})
"""Documented names of values. They may be in any case if a key such as ``Lattice`` is in an unusual case."""
BRACKETED = frozenset({"lattice", "cell", "pbc", "stress", "virial"})
"""Keys with lists of numbers; a list may be in both quotes and brackets."""
CLOSING = {"[": "]", "{": "}"}
BARE = re.compile(r"(?:\\.|[^\s=\\])+")
WORD = re.compile(r"(?:\\.|[^\s\\])+")
ITEM = re.compile(r"(?:\\.|[^\s,\[\]{}\"'\\])+")
ESCAPED = re.compile(r"\\(.)")
BLANKS = re.compile(r"\s*")
DEEPEST = 20  # levels of nested lists; a matrix has two


def number(text: str) -> float:
    """Return the number in a text; exponents of Fortran and Mathematica are allowed.

    Arguments:
        text: Text such as ``1.5``, ``1.0D-3`` or ``nan``.

    Raises:
        ValueError: If the text is not a number.

    Example:
        >>> number("1.0D-3"), number("-2.5*^-6")
        (0.001, -2.5e-06)
    """
    if REAL.fullmatch(text):
        return float(text.replace("*^", "e").replace("D", "e").replace("d", "e"))
    if NOT_FINITE.fullmatch(text):
        return float(text)
    raise ValueError(text)


def parse_logical(text: str) -> bool:
    """Return the truth value in a text.

    Arguments:
        text: Text such as ``T``, ``F``, ``true``, ``False`` or ``TRUE``.

    Raises:
        ValueError: If the text is not a truth value.

    Example:
        >>> parse_logical("FALSE")
        False
    """
    try:
        return LOGICALS[text]
    except KeyError:
        raise ValueError(text) from None


def parse_comment(line: str) -> dict[str, Any]:
    """Return the values of a comment line by key.

    Values are numbers, truth values, texts, or arrays: ``"1 2 3"``, ``[1, 2, 3]``, ``{1 2 3}``, ``[[1, 2], [3, 4]]``.
    Blanks around ``=`` and commas are optional. The keys ``Lattice``, ``Properties`` and ``pbc`` may have any case in
    the file. A line of words without values becomes one text, ``comment``. Nine numbers of ``stress`` or ``virial``
    become a matrix.

    Arguments:
        line: Comment line.

    Raises:
        EmpnetError: If a quote or a bracket is not closed, or if a key has two values.

    Example:
        >>> parse_comment('lattice="3 0 0 0 3 0 0 0 3" pbc=[T, T, F] name=[[1.0, 2], [3, 4]]')["pbc"]
        [True, True, False]
    """
    pairs: list[tuple[str, Any]] = []
    words: list[tuple[str, Any]] = []
    values: dict[str, Any] = {}
    last = ""
    for key, value in _pairs(line.strip()):
        if value is None and last and _is_energy(key):  # energy=-7.0 eV
            values[f"{last}_unit"] = key
        else:
            (words if value is None else pairs).append((key, value))
        last = key if value is not None and REAL.fullmatch(value[0]) else ""
    for key, (text, kind) in pairs:
        words_of_text = text.split()
        if len(words_of_text) == 2 and REAL.fullmatch(words_of_text[0]) and _is_energy(words_of_text[1]):
            text, values[f"{key}_unit"] = words_of_text  # energy="-7.0 eV"
        if key.lower() in BRACKETED and text.lstrip().startswith("["):
            kind = "["  # a list in quotes
        _put(values, key, text.strip("{}[]") if key.lower() == "properties" else _typed(text.strip(), kind))
    if words and "Properties" not in values and (len(words) > 1 or not words[0][0].isidentifier()):
        values.setdefault("comment", " ".join(word for word, _ in words))
    else:
        for word, _ in words:
            values.setdefault(word, True)
    _name_results(values, {key for key, _ in pairs})
    for key in ("stress", "virial"):
        if isinstance(array := values.get(key), np.ndarray) and array.shape == (9,):
            values[key] = array.reshape(3, 3).T  # the numbers are in ASE's order, column by column
    return values


def _is_energy(word: str) -> bool:
    """Return whether a word is the name of a unit of energy."""
    try:
        return parse_unit(word).dimension[:5] == ENERGY[:5]
    except EmpnetError:
        return False


def _put(values: dict[str, Any], key: str, value: Any) -> None:
    """Store a value; a repeated key must have the same value."""
    name = STRUCTURE.get(key.lower(), key)
    if name in values and not _same(values[name], value):
        raise EmpnetError(f"'{name}' is given twice, with different values", remedy="keep one of them")
    values[name] = value


def _same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and bool(np.array_equal(np.asarray(a), np.asarray(b)))


def _name_results(values: dict[str, Any], keys: set[str]) -> None:
    """Rename values to their documented names if a key such as ``Lattice`` is in an unusual case."""
    if all(STRUCTURE.get(key.lower(), key) == key for key in keys):
        return
    for key in [key for key in values if key.lower() in RESULTS and key.lower() != key]:
        if key.lower() not in values:
            values[key.lower()] = values.pop(key)


def _pairs(line: str) -> Iterator[tuple[str, Any]]:
    """Yield each key with the raw text and kind of its value, or with None if it has no value."""
    place = 0
    while place < len(line):
        if line[place].isspace():
            place += 1
            continue
        key, place = _key(line, place)
        after = BLANKS.match(line, place).end()  # type: ignore[union-attr]
        if line[after : after + 1] != "=":
            yield key, None
            continue
        text, kind, place = _raw_value(line, after + 1, key)
        yield key, (text, kind)


def _key(line: str, place: int) -> tuple[str, int]:
    if line[place] in "\"'":
        end = _end_of_quote(line, place)
        if end:
            return _unescaped(line[place + 1 : end - 1]), end
    match = BARE.match(line, place)
    return (_unescaped(match[0]), match.end()) if match else (line[place], place + 1)


def _raw_value(line: str, place: int, key: str) -> tuple[str, str, int]:
    """Return the text of a value, its delimiter (a quote, a bracket or none), and the place after it."""
    begin = BLANKS.match(line, place).end()  # type: ignore[union-attr]
    opening = line[begin : begin + 1]
    if opening and opening in "\"'":
        end = _end_of_quote(line, begin)
        if end:
            return _unescaped(line[begin + 1 : end - 1]), '"', end
        if opening == '"':
            raise EmpnetError(f"the quote that opens the value of '{key}' is not closed", remedy='end it with "')
    if opening and opening in CLOSING:
        end = _end_of_bracket(line, begin)
        if not end:
            raise EmpnetError(
                f"the bracket that opens the value of '{key}' is not closed", remedy=f"end it with {CLOSING[opening]}"
            )
        return line[begin:end], opening, end
    match = WORD.match(line, begin)
    if match is None or (begin > place and "=" in match[0]):  # no value; the next key follows
        return "", "", place
    return _unescaped(match[0]), "", match.end()


def _end_of_quote(line: str, begin: int) -> int:
    """Return the place after the quote that closes the quote at ``begin``; 0 if it is not closed."""
    place = begin + 1
    while place < len(line):
        if line[place] == "\\":
            place += 1
        elif line[place] == line[begin]:
            return place + 1
        place += 1
    return 0


def _end_of_bracket(line: str, begin: int) -> int:
    """Return the place after the bracket that closes the bracket at ``begin``; 0 if it is not closed."""
    depth, place = 0, begin
    opening, closing = line[begin], CLOSING[line[begin]]
    while place < len(line):
        character = line[place]
        if character == "\\":
            place += 1
        elif character == '"':
            place = (_end_of_quote(line, place) or place + 1) - 1
        elif character == opening:
            depth += 1
        elif character == closing:
            depth -= 1
            if not depth:
                return place + 1
        place += 1
    return 0


def _unescaped(text: str) -> str:
    return ESCAPED.sub(lambda match: "\n" if match[1] == "n" else match[1], text) if "\\" in text else text


def _typed(text: str, kind: str) -> Any:
    """Return a value as numbers if possible, else as truth values, else from JSON, else as text."""
    if kind and kind in CLOSING:
        return _bracketed(text)
    parts = text.replace(",", " ").split()
    values = _plain_values(parts) if parts else None
    if values is not None:
        return values[0] if len(values) == 1 else values
    if text.startswith("_JSON "):
        return _from_json(text.removeprefix("_JSON "), text)
    return text


def _bracketed(text: str) -> Any:
    """Return numbers or truth values in brackets; a list of words loses its brackets, and other texts do not."""
    try:
        values = _nested(_tokens(text))
    except (ValueError, RecursionError):
        return _from_json(text, text) if text.startswith("{") else text
    rows = values if values and all(isinstance(row, list) for row in values) else [values]
    if not all(isinstance(item, str) for row in rows for item in row) or len({len(row) for row in rows}) != 1:
        return text
    flat = [item for row in rows for item in row]
    typed = _plain_values(flat)
    if rows is not values:
        if typed is None:
            return text[1:-1].strip()
        return typed[0] if len(typed) == 1 else typed
    if isinstance(typed, np.ndarray):
        return typed.reshape(len(rows), -1)
    return text


def _plain_values(parts: list[str]) -> np.ndarray | list[bool] | None:
    """Return texts as whole numbers if possible, else as numbers, else as truth values; None for other texts."""
    if not parts:
        return None
    try:
        if all(map(WHOLE.fullmatch, parts)):
            return np.array([int(part) for part in parts], dtype=np.int64)
    except OverflowError:
        pass
    try:
        return np.array([number(part) for part in parts])
    except ValueError:
        pass
    try:
        return [parse_logical(part) for part in parts]
    except ValueError:
        return None


def _tokens(text: str) -> Iterator[str]:
    """Yield brackets and items, including quotes; commas and blanks separate items."""
    place = 0
    while place < len(text):
        character = text[place]
        if character.isspace() or character == ",":
            place += 1
        elif character in "[]{}":
            yield character
            place += 1
        elif character in "\"'" and (end := _end_of_quote(text, place)):
            yield text[place:end]
            place = end
        else:
            match = ITEM.match(text, place)
            if match is None:
                raise ValueError(text)
            yield match[0]
            place = match.end()


def _nested(tokens: Iterator[str]) -> list[Any]:
    """Return nested lists of texts; raise an error if the brackets do not match."""
    root: list[Any] = []
    open_lists = [root]
    for token in tokens:
        if token in CLOSING:
            if len(open_lists) > DEEPEST:
                raise ValueError("too deep")
            inner: list[Any] = []
            open_lists[-1].append(inner)
            open_lists.append(inner)
        elif token in ("]", "}"):
            open_lists.pop()
            if not open_lists:
                raise ValueError("not balanced")
        else:
            open_lists[-1].append(_unescaped(token[1:-1]) if token[0] in "\"'" and len(token) > 1 else token)
    if len(open_lists) != 1 or len(root) != 1:
        raise ValueError("not one list")
    return root[0]


def _from_json(text: str, otherwise: str) -> Any:
    try:
        value = json.loads(text)
        array = np.array(value)
    except (ValueError, RecursionError, OverflowError):
        return otherwise
    return array if array.dtype.kind in "ifb" else value
