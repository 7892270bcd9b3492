"""Premises and measurement: a batch of random strings, encoded and counted."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from empnet.errors import EmpnetError
from empnet.studies.claim import Effort, Premises, premise
from empnet.system.one_hot import OneHot
from empnet.training.optimiser.descent import take_step

__all__ = ["EncodedBatch", "Strings", "letters", "measure", "random_strings", "refused"]

MOST_ENTRIES = 100_000_000
"""Largest size of a batch: 0.8 GB of float64."""


@dataclass(frozen=True)
class Strings(Premises):
    """Strings of letters, and the training on them."""

    length: int = premise(100, "Letters of a string.", at_least=0)
    letters: int = premise(26, "Letters of the alphabet.", at_least=1, at_most=1000)
    batch_size: int = premise(32, "Strings in a batch.", at_least=1)
    learning_rate: float = premise(0.001, "Of gradient descent.", at_least=0.0)
    other_rate: float = premise(0.1, "A second learning rate to compare with.", at_least=0.0)
    shorter: int = premise(0, "Letters that one of the strings lacks.", at_least=0)
    unknown: int = premise(0, "Letters of one string that are not in the alphabet.", at_least=0)
    embedding: int = premise(0, "Trained numbers that stand for a letter; 0: one-hot vectors.", at_least=0)

    def check(self) -> None:
        """Refuse to remove more letters than a string has, and batches that exceed the memory."""
        for name in ("shorter", "unknown"):
            if getattr(self, name) > self.length:
                raise EmpnetError(f"--{name} {getattr(self, name)}", wanted=f"at most --length {self.length}")
        entries = self.batch_size * self.length * max(self.letters, self.embedding)
        if entries > MOST_ENTRIES:
            raise EmpnetError(f"a batch of {entries:,} entries", wanted=f"at most {MOST_ENTRIES:,}")


@dataclass(frozen=True)
class EncodedBatch:
    """Counts on an encoded batch.

    Arguments:
        refusal: Reason why the strings could not be encoded; empty if they could.
        ragged: True if they are refused even if the alphabet holds all their letters.
        unplaced: Number of strings that are refused when encoded alone.
        shape: Shape of the batch's tensor.
        nonzero: Number of its nonzero entries.
        least: Smallest number of nonzero entries of a string.
        nonzero_at_other_rate: Entries that are not zero after a step at the other learning rate.
        change: Largest difference of the tensors after one step at either rate.
        weight_change: Largest difference of the trained weights after one step at either rate.
        first: The one-hot vectors of the first string, shape (L, K).
    """

    refusal: str = ""
    ragged: bool = False
    unplaced: int = 0
    shape: tuple[int, ...] = ()
    nonzero: int = 0
    least: int = 0
    nonzero_at_other_rate: int = 0
    change: float = 0.0
    weight_change: float = 0.0
    first: np.ndarray | None = None

    @property
    def entries(self) -> int:
        """Number of all entries."""
        return int(np.prod(self.shape)) if self.shape else 0


def measure(premises: Strings, effort: Effort) -> EncodedBatch:
    """Encode a batch of random strings, count, and take a training step on it at two learning rates.

    Arguments:
        premises: Strings and rates.
        effort: Unused; the measurement is quick.
    """
    alphabet = letters(premises.letters)
    strings = random_strings(premises, alphabet)
    refusal = refused(alphabet, strings)
    if refusal:
        ragged = refused("".join(sorted(set("".join(strings)))), strings)
        unplaced = sum(bool(refused(alphabet, [each])) for each in strings)
        return EncodedBatch(_brief(refusal), bool(ragged), unplaced)
    one_hot = OneHot(alphabet).encode_batch(strings, dtype=np.float32)
    if not one_hot.size:  # empty strings: nothing to count, and no network to be trained on them
        return EncodedBatch(shape=one_hot.shape)
    given, trained = _after_a_step(one_hot, premises.embedding, premises.learning_rate)
    other, otherwise_trained = _after_a_step(one_hot, premises.embedding, premises.other_rate)
    counts = [int(np.count_nonzero(each)) for each in given]
    return EncodedBatch(
        shape=tuple(given.shape),
        nonzero=sum(counts),
        least=min(counts),
        nonzero_at_other_rate=int(np.count_nonzero(other)),
        change=float(np.abs(given - other).max()),
        weight_change=float(np.abs(trained - otherwise_trained).max()),
        first=one_hot[0],
    )


def letters(number: int) -> str:
    """Return an alphabet: a, b, c, ..., and after z the next letters of Unicode.

    Example:
        >>> letters(4)
        'abcd'
    """
    return "".join(chr(ord("a") + k) for k in range(number))


def random_strings(premises: Strings, alphabet: str) -> list[str]:
    """Return a batch of strings; the last one may be shorter, and may begin with digits, which no alphabet here has."""
    rng = np.random.default_rng(0)
    batch = ["".join(rng.choice(list(alphabet), premises.length)) for _ in range(premises.batch_size)]
    last = batch[-1][premises.shorter :]
    digits = (string.digits * (premises.unknown // len(string.digits) + 1))[: premises.unknown]
    return [*batch[:-1], digits + last[premises.unknown :]]


def refused(alphabet: str, strings: list[str]) -> str:
    """Return the reason why a batch cannot be encoded; empty if it can."""
    try:
        OneHot(alphabet).encode_batch(strings)
    except EmpnetError as error:
        return str(error)
    return ""


def _after_a_step(one_hot: np.ndarray, embedding: int, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the input tensor and the first weights after one step of SGD at a learning rate."""
    batch = torch.from_numpy(one_hot)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encode = torch.nn.Linear(batch.shape[2], embedding, bias=False) if embedding else torch.nn.Identity()
        read = torch.nn.Linear(batch.shape[1] * (embedding or batch.shape[2]), 1)
        targets = torch.randn(len(batch), 1)
    parameters = [*encode.parameters(), *read.parameters()]

    def loss() -> Tensor:
        return (read(encode(batch).flatten(1)) - targets).square().mean()

    take_step(loss(), torch.optim.SGD(parameters, lr=rate))
    with torch.no_grad():
        return encode(batch).numpy(), torch.cat([parameter.flatten() for parameter in parameters]).numpy()


def _brief(message: str) -> str:
    """Return the reason without the strings themselves, which may be long."""
    return re.sub(r"'(\w{8})\w{4,}'", r"'\1...'", message)
