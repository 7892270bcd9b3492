"""A task in which only the order of letters counts, for an LSTM and for a bag of letters."""

from __future__ import annotations

import math
import string
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from empnet.model.perceptron import perceptron
from empnet.model.summary import summary
from empnet.runtime.progress import track
from empnet.studies.claim import Effort, Evidence, Verdict
from empnet.studies.estimators.sequence_classifier import SequenceClassifier
from empnet.studies.question_1e_lstm.premises import Recurrence
from empnet.training.optimiser.descent import epoch_batches, fit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "Order",
    "accuracies",
    "alphabet",
    "decide_order",
    "draw_order",
    "learn_order",
    "marked_strings",
    "weights_trained",
]

TESTED = 1000
"""Number of test strings."""

SHORTEST = 3
"""Smallest length of a string: the marked letters and another."""

HIGH = 0.95
"""Accuracies from here on count as high."""

CHANCE = 3 * math.sqrt(0.25 / TESTED)
"""Accuracies this near to one half count as chance: three standard errors of tossing a coin."""


@dataclass(frozen=True)
class Order:
    """Accuracies on the order of two marked letters.

    Arguments:
        lengths: Lengths of the strings, the premises' length first.
        lstm: Accuracy of the LSTM on held-out strings, for each length.
        logistic: Accuracy of logistic regression on the number of each letter.
        dense: Accuracy of a perceptron on the number of each letter, with about as many parameters as the LSTM.
        trained_on: Number of training strings.
        trainable: Trainable parameters of the LSTM itself, without the readout.
        formula: Their number by formula: 4 width (letters + width + 2), and 4 width (2 width + 2) for a layer on top.
        moved: Change of the LSTM's weights by training, relative to their norm.
    """

    lengths: tuple[int, ...]
    lstm: tuple[float, ...]
    logistic: tuple[float, ...]
    dense: tuple[float, ...]
    trained_on: int
    trainable: int
    formula: int
    moved: float


def alphabet(letters: int) -> str:
    """Return the first letters of the English alphabet.

    Example:
        >>> alphabet(4)
        'abcd'
    """
    return string.ascii_lowercase[:letters]


def marked_strings(n: int, length: int, letters: int, *, shuffled: bool, seed: int) -> tuple[list[str], np.ndarray]:
    """Return random strings with one a and one b among other letters, classified by their order.

    Arguments:
        n: Number of strings.
        length: Letters of each.
        letters: Letters of the alphabet, a and b included.
        shuffled: Shuffle the letters of each string after its class is set.
        seed: Seed of the random numbers.

    Returns:
        The strings, and their classes of shape (n,): 1 if a comes before b, else 0.

    Example:
        >>> marked_strings(3, 6, 5, shuffled=False, seed=0)
        (['debaee', 'ecceab', 'ccbadc'], array([0, 1, 0]))
    """
    rng = np.random.default_rng(seed)
    places = rng.permuted(np.tile(np.arange(length), (n, 1)), axis=1)[:, :2]
    rows = rng.integers(2, letters, (n, length))
    rows[np.arange(n), places[:, 0]], rows[np.arange(n), places[:, 1]] = 0, 1
    if shuffled:
        rows = rng.permuted(rows, axis=1)
    strings = ["".join(row) for row in np.array(list(alphabet(letters)))[rows]]
    return strings, (places[:, 0] < places[:, 1]).astype(np.int64)


def learn_order(p: Recurrence, effort: Effort) -> Order:
    """Train on strings of several lengths.

    Arguments:
        p: The strings, the LSTM and whether it is trained.
        effort: Quick: two lengths and few strings.
    """
    return _learn_order(replace(p, shared=True, isomers_differ=True), effort.quick, effort.quiet)


@lru_cache(maxsize=16)  # the premises that play no part here are always the same
def _learn_order(p: Recurrence, quick: bool, quiet: bool) -> Order:
    n = 800 if quick else 2000
    others = (p.length // 2,) if quick else (max(SHORTEST, p.length // 4), p.length // 2, 2 * p.length)
    lengths = list(dict.fromkeys((p.length, *others)))
    rows = []
    for length in track(lengths, "strings of several lengths", total=len(lengths), quiet=quiet):
        strings, classes = marked_strings(n + TESTED, length, p.letters, shuffled=p.shuffled, seed=length)
        learner = _classifier(p, quick).fit(strings[:n], classes[:n])
        if length == p.length:
            recurrent = learner.network_.recurrent.requires_grad_(p.trainable)
            before = _classifier(p, quick).set_params(epochs=0).fit(strings[:n], classes[:n]).network_.recurrent
        counts = np.stack([learner.encoder_.encode(text).sum(axis=0) for text in strings])
        size = sum(weight.numel() for weight in learner.network_.parameters()) // (p.letters + 3)
        lstm = learner.score(strings[n:], classes[n:])
        rows.append((lstm, _logistic(counts, classes, n), _dense(counts, classes, n, size)))
    by_kind = list(zip(*rows, strict=True))
    return Order(
        lengths=tuple(lengths),
        lstm=by_kind[0],
        logistic=by_kind[1],
        dense=by_kind[2],
        trained_on=n,
        trainable=summary(recurrent, (1, p.length, p.letters)).parameters,
        formula=4 * p.width * (p.letters + p.width + 2) + (p.layers - 1) * 4 * p.width * (2 * p.width + 2),
        moved=_moved(before, recurrent),
    )


def _classifier(p: Recurrence, quick: bool) -> SequenceClassifier:
    """Return a new classifier; it stays untrained if its weights are frozen."""
    return SequenceClassifier(
        alphabet(p.letters),
        width=p.width,
        layers=p.layers,
        epochs=(8 if quick else 12) if p.trainable else 0,
        learning_rate=1e-2,
        patience=4,
        random_state=0,
    )


def _logistic(counts: np.ndarray, classes: np.ndarray, n: int) -> float:
    """Return the accuracy of logistic regression on all strings but the first n."""
    return float(LogisticRegression(max_iter=1000).fit(counts[:n], classes[:n]).score(counts[n:], classes[n:]))


def _dense(counts: np.ndarray, classes: np.ndarray, n: int, width: int) -> float:
    """Return the accuracy of a perceptron on all strings but the first n."""
    x, y = torch.from_numpy(counts).float(), torch.from_numpy(classes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = perceptron(counts.shape[1], max(1, width), 2)

    def loss(batch: np.ndarray) -> Tensor:
        return torch.nn.functional.cross_entropy(network(x[batch]), y[batch])

    adam = torch.optim.Adam(network.parameters(), lr=1e-3)
    fit(network, lambda epoch: epoch_batches(np.arange(n), 32, seed=0, epoch=epoch), loss, adam, epochs=10)
    with torch.no_grad():
        return float((network(x[n:]).argmax(dim=1) == y[n:]).double().mean())


def _moved(before: torch.nn.Module, after: torch.nn.Module) -> float:
    start, end = (torch.cat([w.detach().flatten() for w in each.parameters()]) for each in (before, after))
    return float((end - start).norm() / start.norm())


def decide_order(e: Order) -> Verdict:
    """True for high accuracy where both bags of letters are at chance; false if the LSTM is at chance, too."""
    by_chance = [abs(accuracy - 0.5) <= CHANCE for accuracy in (e.lstm[0], e.logistic[0], e.dense[0])]
    if e.lstm[0] >= HIGH and all(by_chance[1:]):
        return "true"
    return "false" if by_chance[0] else "undecided"


def accuracies(e: Order) -> Evidence:
    """Return the held-out accuracies, as evidence."""
    evidence: dict[str, float | int] = {}
    for k, length in enumerate(e.lengths):
        evidence[f"LSTM, accuracy, {length} letters"] = e.lstm[k]
        evidence[f"logistic regression on letter counts, accuracy, {length} letters"] = e.logistic[k]
        evidence[f"perceptron on letter counts, accuracy, {length} letters"] = e.dense[k]
    return {**evidence, "training strings": e.trained_on, "test strings": TESTED}


def weights_trained(e: Order) -> Evidence:
    """Return the number of trainable weights, and their change by training, as evidence."""
    return {
        "trainable parameters of the LSTM": e.trainable,
        "weights and biases by the formula": e.formula,
        "change of the weights by training, relative": e.moved,
    }


def draw_order(figure: Figure, e: Order) -> str:
    """Draw accuracy against the length of the strings."""
    axes, order = figure.subplots(), np.argsort(e.lengths)
    lengths = np.array(e.lengths)[order]
    kinds = {"LSTM": e.lstm, "logistic regression on counts": e.logistic, "perceptron on counts": e.dense}
    for marker, (name, values) in zip("osx", kinds.items(), strict=True):
        axes.plot(lengths, np.array(values)[order], marker=marker, label=name)
    axes.axhspan(0.5 - CHANCE, 0.5 + CHANCE, alpha=0.15, color="grey", linewidth=0, label="chance, three errors")
    axes.set(xlabel="letters of a string", ylabel=f"accuracy on {TESTED:,} new strings", ylim=(0.4, 1.03))
    axes.set_xticks(lengths)
    axes.legend(loc="center right")
    return (
        f"Which of two marked letters comes first, learned from {e.trained_on:,} strings: the LSTM reads them in "
        "order; the number of each letter is the same for both classes."
    )
