"""Predict a whole file of any size into a file of the same order."""

from __future__ import annotations

import csv
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from empnet.dataset.balance import balance
from empnet.errors import EmpnetError, FileError
from empnet.files.extxyz.write import frame_text
from empnet.files.source import Data, name_of
from empnet.files.write import write
from empnet.prediction.load import as_predictor
from empnet.prediction.outside import summary_outside
from empnet.prediction.pieces import pieces
from empnet.prediction.prediction import Outputs, Prediction
from empnet.prediction.predictor import Predictor
from empnet.prediction.reading import Reading
from empnet.runtime.distribution import Processes, processes
from empnet.runtime.durable_files import refuse_to_replace, replacing
from empnet.runtime.pipes import keeping_pipes
from empnet.runtime.progress import print_line, track
from empnet.system.system import System
from empnet.training.run.journal import Journal

__all__ = ["predict_file"]

Predicted = Callable[[list[System]], Prediction]
"""A function that predicts a piece."""

OUTSIDE = "empnet_outside"
"""Key of the reason why a frame is unlike the training data."""

WINDOW = 4
"""Pieces for each process in one round: enough for fair shares, few enough for memory."""


@keeping_pipes
def predict_file(
    predictor: Predictor | str | Path,
    data: Data,
    out: str | Path,
    *,
    forces: bool = False,
    stress: bool = False,
    force: bool = False,
    quiet: bool = False,
    length_unit: str | None = None,
    baseline_key: str | Sequence[str] | None = None,
) -> int:
    """Write each frame with its predicted properties, in order, in bounded memory.

    Arguments:
        predictor: The trained model, or its run folder.
        data: Path of the data, the name of bundled data, or systems or ase.Atoms.
        out: ``.csv`` for a table, else a format that empnet writes, such as ``.extxyz``. Each frame keeps its data and
            gets ``empnet_<property>``, ``empnet_<property>_std`` if the run predicts standard deviations, and
            ``empnet_outside``, the reason, if it is unlike the training data. ``-`` is standard output, as extended
            XYZ.
        forces: Also write ``empnet_forces``, in the first property's unit per angstrom.
        stress: Also write ``empnet_stress``, in the first property's unit per cubic angstrom, xx yy zz yz xz xy.
        force: Overwrite an existing file.
        quiet: Show no progress bar.
        length_unit: Unit of positions and cells in the data, if not angstrom; the output is in angstrom.
        baseline_key: Name in the data of the scalar that the model adds to, if not that of training.

    Returns:
        The number of frames.

    Raises:
        EmpnetError: If the data cannot be read or predicted; then no file is written. If forces or stress are requested
            in a table. If ``out`` is a file that is read.
        FileError: If the file cannot be written; an existing file is left unchanged.
    """
    predictor, team, wanted, path = as_predictor(predictor), processes(), Outputs(forces, stress), Path(out)
    wanted.refuse_impossible(predictor.card, predictor.run)
    if wanted and path.suffix == ".csv":
        raise EmpnetError(f"a table has no room for {wanted.named}", where=path, wanted="a file such as .extxyz")
    wanted, quiet = replace(wanted, outside=True), quiet or not team.first
    reading = Reading.of({"length_unit": length_unit, "baseline_key": baseline_key})
    return team.together(lambda: _predict_file(predictor, data, reading, path, wanted, force, quiet, team))


def _predict_file(
    predictor: Predictor,
    data: Data,
    reading: Reading,
    out: Path,
    wanted: Outputs,
    force: bool,
    quiet: bool,
    team: Processes,
) -> int:
    """Predict a file; of several processes, only the first one writes."""
    printed = str(out) == "-"
    if team.first and not printed:
        refuse_to_replace(out, force, inputs=[data, predictor.run or None])
    reading = reading.for_data(data, predictor.card)
    systems = track(reading.read(data, warn=False), f"predicting {name_of(data)}", quiet=quiet)

    def predicted(piece: list[System]) -> Prediction:
        return predictor.predict_piece([reading.in_model_terms(system, predictor.card) for system in piece], wanted)

    stream = _stream(predicted, systems) if team.alone else _stream_together(predicted, systems, team)
    labelled, counter = (row for piece, found in stream for row in _labelled(piece, found)), _Counter()
    if not team.first:
        for _ in counter.count(labelled):
            pass
    elif printed:
        _print(counter.count(labelled))
    elif out.suffix == ".csv":
        _write_table(predictor, counter.count(labelled), out)
    else:
        write(out, counter.count(labelled), overwrite=force)
    if counter.outside:
        text = summary_outside(counter.n, counter.outside)
        print_line(text, quiet=quiet) if printed else Journal(quiet).say(text)
    return counter.n


def _stream(predicted: Predicted, systems: Iterable[System]) -> Iterator[tuple[list[System], Prediction]]:
    for piece in pieces(systems):
        yield piece, predicted(piece)


def _stream_together(
    predicted: Predicted, systems: Iterable[System], team: Processes
) -> Iterator[tuple[list[System], Prediction]]:
    """Yield the same as :func:`_stream`; each process predicts some pieces and receives the others.

    All processes read all systems, so only numbers are sent. Memory holds a few pieces for each process.
    """
    waiting = pieces(systems)
    while window := list(itertools.islice(waiting, WINDOW * team.size)):
        shares = balance(np.array([sum(map(len, piece)) for piece in window]), team.size)
        mine = [window[k] for k in shares[team.rank]]
        gathered = team.gather(partial(_predictions, predicted, mine))
        found = dict(zip(np.concatenate(shares).tolist(), itertools.chain.from_iterable(gathered), strict=True))
        for k, piece in enumerate(window):
            yield piece, found[k]


def _predictions(predicted: Predicted, mine: list[list[System]]) -> list[Prediction]:
    return [predicted(piece) for piece in mine]


class _Counter:
    """Counts systems of a stream."""

    def __init__(self) -> None:
        self.n = self.outside = 0

    def count(self, systems: Iterator[System]) -> Iterator[System]:
        """Yield the same systems, and count them."""
        for system in systems:
            self.n += 1
            self.outside += OUTSIDE in system.info
            yield system


def _labelled(piece: Sequence[System], found: Prediction) -> Iterator[System]:
    """Yield the systems with their predictions added."""
    names = [f"empnet_{name}" for name in found.properties]
    for k, system in enumerate(piece):
        predicted = class_values(found, k) if found.classes else dict(zip(names, found.values[k].tolist(), strict=True))
        if found.std is not None:
            predicted |= {f"{name}_std": s for name, s in zip(names, found.std[k].tolist(), strict=True)}
        arrays = {} if found.forces is None else {"empnet_forces": found.forces[k]}
        info = {key: value for key, value in system.info.items() if key != OUTSIDE}  # of an earlier prediction
        if found.classes:
            info[names[0]] = found.labels[k]
        info |= {} if found.stress is None else {"empnet_stress": found.stress[k]}
        if found.outside and found.outside[k]:
            info[OUTSIDE] = found.outside[k]
        yield replace(
            system,
            properties={**system.properties, **predicted},
            arrays={**system.arrays, **arrays},
            info=info,
        )


def class_values(found: Prediction, k: int) -> dict[str, float]:
    """Return the probabilities of a system's classes by column.

    Arguments:
        found: The prediction.
        k: Number of the system.
    """
    columns = (f"empnet_p_{name}" for name in found.classes)
    return dict(zip(columns, found.probabilities[k].tolist(), strict=True))


def _print(systems: Iterator[System]) -> None:
    """Write frames to standard output one by one, so that another program can start at once."""
    if sys.stdout is None:
        raise EmpnetError("standard output is closed", where="--out -", remedy="name a file")
    try:
        sys.stdout.flush()
        for system in systems:
            sys.stdout.buffer.write(frame_text(system).encode())
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        if isinstance(error, EmpnetError):
            raise
        raise FileError("standard output", error) from error


def _write_table(predictor: Predictor, systems: Iterator[System], out: Path) -> None:
    card = predictor.card
    names, units = [f"empnet_{name}" for name in card.properties], list(card.units)
    texts: list[str] = []
    if predictor.uncertainty is not None and not card.classes:
        names, units = [*names, *(f"{name}_std" for name in names)], 2 * units
    columns = [f"{name} [{unit}]" for name, unit in zip(names, units, strict=True)]
    if card.classes:
        texts, names = names, [f"empnet_p_{name}" for name in card.classes]
        columns = [*texts, *names]
    first = ["frame", "formula"] if card.preparation is None else ["file", "frame", "points"]
    with replacing(out) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*first, *columns, OUTSIDE])
        for system in systems:
            origin = system.origin
            where = [origin.frame, system.formula]
            if card.preparation is not None:
                where = [origin.file, "" if origin.frame is None else origin.frame, len(system)]
            values = (*(system.info[name] for name in texts), *(repr(system.properties[name]) for name in names))
            writer.writerow([*where, *values, system.info.get(OUTSIDE, "")])
