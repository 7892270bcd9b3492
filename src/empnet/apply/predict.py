"""Predict a whole file of any size into a file of the same order."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from empnet.apply.predictor import Predictor
from empnet.data.files import refuse_to_replace, replacing
from empnet.data.progress import track
from empnet.data.read import iread
from empnet.data.system import System
from empnet.data.write import write

__all__ = ["predict_file"]

Item = TypeVar("Item")


def predict_file(
    predictor: Predictor, data: str | Path, out: str | Path, *, force: bool = False, quiet: bool = False
) -> int:
    """Write each frame with its predicted properties, in order, in bounded memory.

    Arguments:
        predictor: The trained model.
        data: Path of the data, or the name of bundled data.
        out: ``.csv`` for a table, else a format that empnet writes, such as ``.extxyz``: every frame as it was, with
            ``empnet_<property>``.
        force: Replace a file that is there.
        quiet: No progress bar.

    Returns:
        The number of frames.

    Raises:
        EmpnetError: If the data cannot be read or predicted; then no file is written.
    """
    out = Path(out)
    refuse_to_replace(out, force)
    systems = iread(data, length_unit=predictor.card.length_unit)
    pieces = predictor.stream(track(systems, f"predicting {data}", quiet=quiet))
    counter = _Counter()
    if out.suffix == ".csv":
        _write_table(predictor, counter.count(_rows(pieces)), out)
    else:
        write(out, counter.count(_labelled(predictor, pieces)), overwrite=force)
    return counter.n


class _Counter:
    """Counts what passes through."""

    def __init__(self) -> None:
        self.n = 0

    def count(self, items: Iterator[Item]) -> Iterator[Item]:
        """The same items, counted on their way."""
        for item in items:
            self.n += 1
            yield item


def _rows(pieces: Iterator[tuple[list[System], np.ndarray, np.ndarray]]) -> Iterator[tuple[System, np.ndarray]]:
    for systems, values, _ in pieces:
        yield from zip(systems, values, strict=True)


def _labelled(predictor: Predictor, pieces: Iterator[tuple[list[System], np.ndarray, np.ndarray]]) -> Iterator[System]:
    names = [f"empnet_{name}" for name in predictor.card.properties]
    for system, values in _rows(pieces):
        predicted = dict(zip(names, values.tolist(), strict=True))
        yield replace(system, properties={**system.properties, **predicted})


def _write_table(predictor: Predictor, rows: Iterator[tuple[System, np.ndarray]], out: Path) -> None:
    card = predictor.card
    columns = [f"empnet_{name} [{unit}]" for name, unit in zip(card.properties, card.units, strict=True)]
    with replacing(out) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["frame", "formula", *columns])
        for system, values in rows:
            writer.writerow([system.origin.frame, system.formula, *(repr(float(value)) for value in values)])
