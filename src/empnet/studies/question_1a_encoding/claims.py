"""Claims I.A: nonzero entries of a batch of one-hot encoded strings."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from empnet.studies.claim import Claim, Counter, Evidence, Verdict, verdict
from empnet.studies.question_1a_encoding.measurement import EncodedBatch, letters

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["CLAIMS"]


def counted(e: EncodedBatch) -> Evidence:
    """Return shape and nonzero entries of the batch, as evidence."""
    if e.refusal:
        return {"encoded": False, "strings refused alone": e.unplaced, "refused because": e.refusal}
    shape = " x ".join(map(str, e.shape))
    share = {"share of zeros": 1 - e.nonzero / e.entries} if e.entries else {}
    return {"nonzero entries": e.nonzero, "shape (strings x letters x alphabet)": shape, "entries": e.entries, **share}


def rates(e: EncodedBatch) -> Evidence:
    """Return the changes by a training step at either learning rate, as evidence."""
    if e.refusal:
        return counted(e)
    return {
        "nonzero entries at the learning rate": e.nonzero,
        "nonzero entries at the other rate": e.nonzero_at_other_rate,
        "largest difference of the batch's entries": e.change,
        "largest difference of the trained weights": e.weight_change,
    }


def unless_refused(decide: Callable[[EncodedBatch], bool | None]) -> Callable[[EncodedBatch], Verdict]:
    """Return a rule on the tensor that is undecided if the strings were refused."""
    return lambda e: verdict(None if e.refusal else decide(e))


def draw(figure: Figure, e: EncodedBatch) -> str:
    """Draw the one-hot vectors of one string."""
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
    """Return the claim that a batch has a given number of nonzero entries."""
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
    """Return a claim of our own."""
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
        "This is the number of zeros, 32 x 100 x 25; 800 strings would have this number of ones.",
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
        "Exactly 1 - 1/26 of a batch's entries are zero.",
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
        "True if the batch is encoded or would be with an alphabet of all its letters; false if it is refused even so.",
        "A tensor has no ragged edge. Strings of unequal length are refused by name, not padded in silence: a padded "
        "place has a vector without a one, and whoever wants that should say so.",
        Counter("one string lacks its first letter", {"shorter": 1}),
        decide=lambda e: verdict(not e.ragged),
        textbook="true",
    ),
    own_claim(
        "e",
        "Each letter of each string has its place in the alphabet, so that nothing is refused.",
        "True if no string is refused when it is encoded alone; false if one is.",
        "A letter without a place has no unit vector; that is an error with its position and the alphabet, not a row "
        "of zeros.",
        Counter("one letter of one string is a digit", {"unknown": 1}),
        decide=lambda e: verdict(e.unplaced == 0),
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

CLAIMS = NUMBERS + OWN
