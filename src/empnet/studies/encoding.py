"""Study: how many entries of a batch of one-hot encoded strings are not zero."""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from empnet.data.errors import EmpnetError
from empnet.data.one_hot import OneHot
from empnet.learn.descent import take_step
from empnet.studies.claim import Claim, Counter, Effort, Evidence, Premises, Study, Verdict, premise, verdict

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["STUDY", "EncodedBatch", "Strings", "measure"]

MOST_ENTRIES = 100_000_000
"""Of a batch: 0.8 GB of float64."""


@dataclass(frozen=True)
class Strings(Premises):
    """Strings of letters, and how they are trained on."""

    length: int = premise(100, "Letters of a string.", at_least=0)
    letters: int = premise(26, "Letters of the alphabet.", at_least=1, at_most=1000)
    batch_size: int = premise(32, "Strings in a batch.", at_least=1)
    learning_rate: float = premise(0.001, "Of gradient descent.", at_least=0.0)
    other_rate: float = premise(0.1, "A second learning rate to compare with.", at_least=0.0)
    shorter: int = premise(0, "Letters that one of the strings lacks.", at_least=0)
    unknown: int = premise(0, "Letters of one string that are not in the alphabet.", at_least=0)
    embedding: int = premise(0, "Trained numbers that stand for a letter; 0: one-hot vectors.", at_least=0)

    def check(self) -> None:
        """Refuse what cannot be cut from a string, and what does not fit into memory."""
        for name in ("shorter", "unknown"):
            if getattr(self, name) > self.length:
                raise EmpnetError(f"--{name} {getattr(self, name)}", wanted=f"at most --length {self.length}")
        entries = self.batch_size * self.length * max(self.letters, self.embedding)
        if entries > MOST_ENTRIES:
            raise EmpnetError(f"a batch of {entries:,} entries", wanted=f"at most {MOST_ENTRIES:,}")


@dataclass(frozen=True)
class EncodedBatch:
    """What was counted.

    Arguments:
        refusal: Why the strings could not be encoded; empty if they could.
        shape: Of the batch's tensor.
        nonzero: Number of its entries that are not zero.
        least: Smallest number of nonzero entries that a string has.
        nonzero_at_other_rate: Entries that are not zero after a step at the other learning rate.
        change: Largest difference of the tensors after one step at either rate.
        weight_change: Largest difference of the trained weights after one step at either rate.
        first: The one-hot vectors of the first string, shape (L, K).
    """

    refusal: str = ""
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
        effort: Not needed: this is quick.
    """
    alphabet = letters(premises.letters)
    strings = random_strings(premises, alphabet)
    try:
        one_hot = OneHot(alphabet).encode_batch(strings, dtype=np.float32)
    except EmpnetError as error:
        return EncodedBatch(refusal=_brief(str(error)))
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
    """An alphabet: a, b, c, ..., and beyond z the letters that follow in Unicode.

    Example:
        >>> letters(4)
        'abcd'
    """
    return "".join(chr(ord("a") + k) for k in range(number))


def random_strings(premises: Strings, alphabet: str) -> list[str]:
    """A batch of strings; the last one may be shorter, and may begin with digits, which no alphabet here has."""
    rng = np.random.default_rng(0)
    batch = ["".join(rng.choice(list(alphabet), premises.length)) for _ in range(premises.batch_size)]
    last = batch[-1][premises.shorter :]
    digits = (string.digits * (premises.unknown // len(string.digits) + 1))[: premises.unknown]
    return [*batch[:-1], digits + last[premises.unknown :]]


def _after_a_step(one_hot: np.ndarray, embedding: int, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """The tensor that a network reads, and the weights that read it, after one step of SGD at a learning rate."""
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
    """The reason without the strings themselves, which may be long."""
    return re.sub(r"'(\w{8})\w{4,}'", r"'\1...'", message)


def counted(e: EncodedBatch) -> Evidence:
    """Shape, and nonzero entries, of the batch."""
    if e.refusal:
        return {"encoded": False, "refused because": e.refusal}
    shape = " x ".join(map(str, e.shape))
    share = {"share of zeros": 1 - e.nonzero / e.entries} if e.entries else {}
    return {"nonzero entries": e.nonzero, "shape (strings x letters x alphabet)": shape, "entries": e.entries, **share}


def rates(e: EncodedBatch) -> Evidence:
    """What a step at either learning rate changes."""
    if e.refusal:
        return counted(e)
    return {
        "nonzero entries at the learning rate": e.nonzero,
        "nonzero entries at the other rate": e.nonzero_at_other_rate,
        "largest difference of the batch's entries": e.change,
        "largest difference of the trained weights": e.weight_change,
    }


def unless_refused(decide: Callable[[EncodedBatch], bool | None]) -> Callable[[EncodedBatch], Verdict]:
    """A rule on the tensor: undecided if there is none."""
    return lambda e: verdict(None if e.refusal else decide(e))


def draw(figure: Figure, e: EncodedBatch) -> str:
    """One string as the network sees it."""
    axes = figure.subplots()
    if e.first is None or not e.first.size:
        return "There is nothing to be seen: no string was encoded, or the strings are empty."
    length, size = e.first.shape
    axes.plot(*np.nonzero(e.first), marker="s", linestyle="none", markersize=3)
    axes.set(xlabel="place in the string", ylabel="letter of the alphabet", xlim=(-1, length), ylim=(size - 0.5, -0.5))
    if size <= 26:
        axes.set_yticks(range(size), letters(size), fontsize=7)
    return (
        f"One string of {length} letters as its one-hot vectors: a mark is a one, all else is zero. Each place has "
        f"exactly one mark, so {length} of the string's {e.first.size:,} entries are not zero."
    )


def number_claim(option: int, number: int, answer: Verdict, counter: Counter, why: str) -> Claim[EncodedBatch]:
    """A claim that the nonzero entries are so many."""
    return Claim(
        id=f"I.A.{option}",
        statement=f"Each batch of such strings, as a one-hot tensor, has exactly {number:,} entries that are not zero.",
        rule=f"True if the entries that are not zero, counted in an encoded batch, are {number:,}; else false. "
        "Undecided if the strings cannot be encoded.",
        decide=unless_refused(lambda e: e.nonzero == number),
        evidence=counted,
        why=why,
        textbook=answer,
        counter=counter,
    )


def own_claim(letter: str, statement: str, rule: str, why: str, counter: Counter, **other: Any) -> Claim[EncodedBatch]:
    """A claim of ours, true of the question's premises."""
    return Claim(f"I.A.{letter}", statement, rule, why=why, counter=counter, **{"evidence": counted, **other})


NUMBERS = (
    number_claim(
        1,
        83_200,
        "false",
        Counter("each letter is a vector of 26 trained numbers, none of which is zero", {"embedding": 26}),
        "This is the number of all entries, 32 x 100 x 26. A one-hot vector has a single entry that is not zero.",
    ),
    number_claim(
        2,
        80_000,
        "false",
        Counter("a batch has 800 strings", {"batch_size": 800}),
        "This is the number of zeros, 32 x 100 x 25; 800 strings would have so many ones.",
    ),
    number_claim(
        3,
        3_200,
        "true",
        Counter("a batch has 64 strings", {"batch_size": 64}),
        "Each of the 32 x 100 letters is a unit vector, with a single one; the size of the alphabet does not enter.",
    ),
    number_claim(
        4,
        2_500,
        "false",
        Counter("a batch has 25 strings", {"batch_size": 25}),
        "25 is the number of zeros in the vector of a letter, not the number of strings.",
    ),
)

OWN = (
    own_claim(
        "a",
        "The learning rate plays no part: after a training step at either of two rates the batch is the same tensor.",
        "True if the largest difference of the two tensors is 0; else false. Undecided if the strings cannot be "
        "encoded, or if the rates leave the trained weights the same.",
        "The encoding has no parameters, so no step changes it, and batches are made before any gradient is taken. "
        "Where letters are trained vectors (an embedding), the step moves these, too.",
        Counter("letters are vectors of 8 trained numbers", {"embedding": 8}),
        decide=unless_refused(lambda e: e.change == 0 if e.weight_change > 0 else None),
        evidence=rates,
        textbook="true",
    ),
    own_claim(
        "b",
        "Of the entries of such a batch exactly the share 1 - 1/26 is zero.",
        "True if 26 times the number of entries that are not zero is the number of all entries; else false. Undecided "
        "if there are no entries.",
        "One entry of K = 26 is a one, whatever the letter. A tensor of K times the size holds no more than the "
        "letters' numbers do, which is why a network's first layer on it is written as a look-up.",
        Counter("the alphabet has 4 letters, as that of DNA", {"letters": 4}),
        decide=unless_refused(lambda e: 26 * e.nonzero == e.entries if e.entries else None),
        textbook="true",
        draw=draw,
    ),
    own_claim(
        "c",
        "The tensor of a batch has the shape 32 x 100 x 26: strings, letters of a string, letters of the alphabet.",
        "True if the encoded batch has this shape; else false. Undecided if the strings cannot be encoded.",
        "One axis each for which string, which place in it, and which letter stands there.",
        Counter("the alphabet has 20 letters, as that of proteins", {"letters": 20}),
        decide=unless_refused(lambda e: e.shape == (32, 100, 26)),
        textbook="true",
    ),
    own_claim(
        "d",
        "The strings fit into one tensor, since all of them are equally long.",
        "True if the batch is encoded; false if it is refused.",
        "A tensor has no ragged edge. Strings of unequal length are refused by name, not padded in silence: a padded "
        "place has a vector without a one, and whoever wants that should say so.",
        Counter("one string lacks its first letter", {"shorter": 1}),
        decide=lambda e: verdict(not e.refusal),
        textbook="true",
    ),
    own_claim(
        "e",
        "Each letter of each string has its place in the alphabet, so that nothing is refused.",
        "True if the batch is encoded; false if it is refused.",
        "A letter without a place has no unit vector; that is an error with its position and the alphabet, not a row "
        "of zeros.",
        Counter("one letter of one string is a digit", {"unknown": 1}),
        decide=lambda e: verdict(not e.refusal),
        textbook="true",
    ),
    own_claim(
        "f",
        "Every string of a batch has entries that are not zero.",
        "True if the string with the fewest entries that are not zero has one at least; else false. Undecided if the "
        "strings cannot be encoded.",
        "As many as it has letters. Empty strings encode to a tensor without entries, of shape B x 0 x K, so that a "
        "network of fixed length cannot take them for anything else.",
        Counter("the strings are empty", {"length": 0}),
        decide=unless_refused(lambda e: e.least > 0),
        textbook="true",
    ),
)

STUDY = Study(
    name="encoding",
    title="One-hot encoding",
    question="Strings of 100 lower-case letters out of 26 are one-hot encoded, and a network is trained on batches of "
    "32 of them with a learning rate of 0.001. How many entries of a batch's tensor are not zero?",
    premises=Strings,
    measure=measure,
    claims=NUMBERS + OWN,
)
