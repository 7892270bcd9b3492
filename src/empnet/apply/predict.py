"""Predict a whole file of any size into a file of the same order."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from empnet.apply.predictor import Predictor, pieces
from empnet.data.deal import deal
from empnet.data.files import refuse_to_replace, replacing
from empnet.data.progress import track
from empnet.data.read import iread
from empnet.data.system import System
from empnet.data.write import write
from empnet.learn.distribution import Processes, processes

__all__ = ["predict_file"]

Item = TypeVar("Item")

WINDOW = 4
"""Pieces for each process that are dealt out at a time: enough to be shared fairly, few enough for memory."""


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
    team = processes()
    return team.together(lambda: _predict_file(predictor, data, Path(out), force, quiet or not team.first, team))


def _predict_file(predictor: Predictor, data: str | Path, out: Path, force: bool, quiet: bool, team: Processes) -> int:
    """The same; of several processes, only the first one writes."""
    if team.first:
        refuse_to_replace(out, force)
    systems = track(iread(data, length_unit=predictor.card.length_unit), f"predicting {data}", quiet=quiet)
    rows, counter = (
        _rows(predictor.stream(systems) if team.alone else _stream_together(predictor, systems, team)),
        _Counter(),
    )
    if not team.first:
        for _ in counter.count(rows):
            pass
    elif out.suffix == ".csv":
        _write_table(predictor, counter.count(rows), out)
    else:
        write(out, counter.count(_labelled(predictor, rows)), overwrite=force)
    return counter.n


def _stream_together(
    predictor: Predictor, systems: Iterable[System], team: Processes
) -> Iterator[tuple[list[System], np.ndarray, np.ndarray]]:
    """As :meth:`Predictor.stream`, in the same pieces, but each process predicts some of them and is told the others.

    All processes read all systems: only numbers need be sent. Memory holds a few pieces for each process.
    """
    waiting = pieces(systems)
    while window := list(itertools.islice(waiting, WINDOW * team.size)):
        lots = deal(np.array([sum(map(len, piece)) for piece in window]), team.size)
        mine = [window[k] for k in lots[team.rank]]
        told = team.gather(partial(_numbers, predictor, mine))
        found = dict(zip(np.concatenate(lots).tolist(), itertools.chain.from_iterable(told), strict=True))
        for k, piece in enumerate(window):
            yield piece, *found[k]


def _numbers(predictor: Predictor, mine: list[list[System]]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Predictions and baseline of each piece."""
    return [predictor.predict_piece(piece)[1:] for piece in mine]


class _Counter:
    """Counts what passes through."""

    def __init__(self) -> None:
        self.n = 0

    def count(self, items: Iterator[Item]) -> Iterator[Item]:
        """The same items, counted on their way."""
        for item in items:
            self.n += 1
            yield item


def _rows(stream: Iterator[tuple[list[System], np.ndarray, np.ndarray]]) -> Iterator[tuple[System, np.ndarray]]:
    for systems, values, _ in stream:
        yield from zip(systems, values, strict=True)


def _labelled(predictor: Predictor, rows: Iterator[tuple[System, np.ndarray]]) -> Iterator[System]:
    names = [f"empnet_{name}" for name in predictor.card.properties]
    for system, values in rows:
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
