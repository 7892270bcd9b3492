"""One training of the study of regularisation, and the file of finished trainings."""

from __future__ import annotations

import dataclasses
import json
import time
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import cross_entropy

from empnet.errors import EmpnetError
from empnet.runtime.cache_entries import discard
from empnet.runtime.cache_folder import cache_folder
from empnet.runtime.durable_files import write_text
from empnet.runtime.progress import print_line, track
from empnet.studies.claim import Effort
from empnet.studies.data.sign_digits import number_blocks, sign_digits
from empnet.studies.estimators.augmentation import augmentation
from empnet.studies.estimators.image_classifier import ImageClassifier
from empnet.studies.estimators.image_source import network_input
from empnet.studies.networks.image_network import ImageNetwork
from empnet.studies.question_2b_regularisation.premises import FOLDS, Setting
from empnet.studies.run import machine

__all__ = ["FILE", "Losses", "train_all", "train_once"]

FILE = "regularisation.json"
EVERY = 2
"""Epochs between two evaluations of the losses."""


@dataclass(frozen=True, slots=True)
class Losses:
    """Cross entropies of one training, in evaluation mode (no dropout, no augmentation), after every second epoch.

    Arguments:
        training: Loss on (at most 240 of) the training pictures.
        selecting: Loss on every other one of the held-out hands.
        judging: Loss on the other half of the held-out hands.
        accuracy: Share of the held-out pictures that are classified correctly.
        seconds: CPU time of the training.
    """

    training: tuple[float, ...]
    selecting: tuple[float, ...]
    judging: tuple[float, ...]
    accuracy: tuple[float, ...]
    seconds: float = 0.0

    @property
    def validation(self) -> np.ndarray:
        """Loss on all held-out pictures: the mean of both halves."""
        return (np.array(self.selecting) + np.array(self.judging)) / 2

    @property
    def best(self) -> float:
        """Smallest validation loss."""
        return float(self.validation.min())

    @property
    def gap(self) -> float:
        """Validation minus training loss at the end."""
        return float(self.validation[-1] - self.training[-1])


@cache
def _data(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return pixels, labels, blocks, and each picture's half of its block."""
    folder = sign_digits()
    pixels = folder.pixels(range(len(folder)))
    if size != folder.size[0]:
        scaled = (Image.fromarray(each).resize((size, size), Image.Resampling.BOX) for each in pixels)
        pixels = np.stack([np.asarray(each) for each in scaled])
    hands = number_blocks(folder.files, len(folder) // len(folder.classes))
    return pixels, folder.labels, number_blocks(folder.files, FOLDS), hands % 2


def sides(setting: Setting) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the numbers of the pictures for training, for selecting and for judging.

    No hand is both trained on and held out; of 206 hands, two are in both selecting and judging.
    """
    _, _, blocks, half = _data(setting.size)
    rest = np.flatnonzero(blocks != setting.fold)
    training = np.sort(np.random.default_rng(setting.fold).permutation(rest)[: setting.pictures])
    held = blocks == setting.fold
    return training, np.flatnonzero(held & (half == 0)), np.flatnonzero(held & (half == 1))


def train_once(setting: Setting) -> Losses:
    """Train with a setting and record the losses.

    Arguments:
        setting: Settings of the training.
    """
    began = time.process_time()
    pixels, labels, _, _ = _data(setting.size)
    training, selecting, judging = sides(setting)
    if len(set(labels[training])) < len(set(labels)):
        raise EmpnetError(f"--pictures {setting.pictures}: they are not of all classes", remedy="take more")
    watched = [training[:: -(-len(training) // 240)], selecting, judging]
    inputs = [network_input(pixels[each]) for each in watched]
    if setting.held_noise:
        noise = torch.Generator().manual_seed(setting.fold)
        spread = 2 * setting.held_noise  # inputs are from -1 to 1
        inputs[1:] = [(x + spread * torch.randn(x.shape, generator=noise)).clamp(-1, 1) for x in inputs[1:]]
    wanted = [torch.from_numpy(labels[each]) for each in watched]
    rows: list[list[float]] = []
    epoch = 0

    def note(network: ImageNetwork) -> None:
        nonlocal epoch
        epoch += 1
        if epoch % EVERY and epoch != setting.epochs:
            return
        with torch.inference_mode():
            logits = [network(x) for x in inputs]
            losses = [cross_entropy(z, y).item() for z, y in zip(logits, wanted, strict=True)]
            right = torch.cat([z.argmax(1) == y for z, y in zip(logits[1:], wanted[1:], strict=True)])
        rows.append([*losses, right.double().mean().item()])

    augment = augmentation(**dict(setting.augment)) if setting.augment else None
    ImageClassifier(
        setting.convolutions,
        pool=setting.pool,
        hidden=setting.hidden,
        dropout=setting.dropout,
        learning_rate=setting.rate,
        batch_size=setting.batch_size,
        epochs=setting.epochs,
        validation_fraction=0.0,
        augment=augment,
        random_state=setting.seed,
        after_epoch=note,
        quiet=True,
    ).fit(pixels[training], labels[training])
    columns = [tuple(float(f"{value:.4g}") for value in column) for column in zip(*rows, strict=True)]
    training_loss, selecting_loss, judging_loss, accuracy = columns
    return Losses(training_loss, selecting_loss, judging_loss, accuracy, round(time.process_time() - began, 1))


remembered = lru_cache(maxsize=4096)(train_once)


def train_all(settings: Iterable[Setting], effort: Effort) -> Mapping[Setting, Losses]:
    """Train with all settings that the file does not have yet, and write each result at once.

    Ctrl-C loses only the training that is running: the same call continues from there.

    Arguments:
        settings: Settings of the trainings, in this order.
        effort: Its folder, or else the cache folder, holds the file ``regularisation.json``. A quick run keeps no
            file.

    Raises:
        EmpnetError: If the file was not written by this study.
    """
    todo = list(dict.fromkeys(settings))
    path = None if effort.quick else (effort.folder or cache_folder()) / FILE
    known = {} if path is None else _read(path, ours=effort.folder is None)
    missing = [setting for setting in todo if setting.key not in known]
    done = {setting: known[setting.key] for setting in todo if setting.key in known}
    for setting in track(missing, "regularisation: trainings", total=len(missing), quiet=effort.quiet):
        done[setting] = known[setting.key] = remembered(setting) if path is None else train_once(setting)
        if path is not None:
            _write(path, known)
    return done


def _read(path: Path, ours: bool) -> dict[str, Losses]:
    """Read finished trainings. A damaged file counts as empty in our own cache, and is an error in a user's folder."""
    if not path.exists():
        return {}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record.get("crc32", _checksum(record["runs"])) != _checksum(record["runs"]):
            raise ValueError("the checksum differs")
        return {json.dumps(run.pop("setting")): _losses(**run) for run in record["runs"]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if ours:
            print_line(f"{path}: is damaged ({error}); its trainings are done again")
            discard(path)
            return {}
        raise EmpnetError(
            "is no results of this study", where=path, remedy="move it away, or name another folder"
        ) from error


def _losses(seconds: float, **columns: list[float]) -> Losses:
    return Losses(**{name: tuple(values) for name, values in columns.items()}, seconds=seconds)


def _write(path: Path, known: Mapping[str, Losses]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.dumps({"setting": json.loads(key), **dataclasses.asdict(known[key])}) for key in known]
    lines = ",\n".join(rows)
    date = time.strftime("%Y-%m-%d")
    crc32 = _checksum(json.loads(f"[{lines}]"))
    head = f'"date": "{date}", "machine": {json.dumps(machine())}, "crc32": {crc32}'
    write_text(path, f'{{{head}, "runs": [\n{lines}\n]}}\n')


def _checksum(runs: list) -> int:
    return zlib.crc32(json.dumps(runs).encode())
