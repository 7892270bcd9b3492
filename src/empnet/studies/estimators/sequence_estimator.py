"""Common base of the classifier and the regressor of strings."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from numbers import Real
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int64
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from empnet.dataset.split import split_systems
from empnet.errors import EmpnetError
from empnet.runtime.progress import track
from empnet.studies.networks.sequence_network import CELLS, SequenceNetwork
from empnet.system.one_hot import OneHot
from empnet.training.optimiser.clipping import clip_gradients
from empnet.training.optimiser.descent import epoch_batches, fit

__all__ = ["SequenceEstimator"]

MOST_LETTERS = 100_000
"""Letters in a batch of predictions, padding included: enough to be fast, few enough for any machine's memory."""


class SequenceEstimator(BaseEstimator):
    """Base of the classifier and the regressor of strings; not used by itself.

    Strings are one-hot encoded batch by batch (:class:`~empnet.system.one_hot.OneHot`). A
    :class:`~empnet.studies.networks.sequence_network.SequenceNetwork` reads them; Adam trains it.
    Gradients are clipped. Some strings are held out to stop early and to choose the best weights; equal strings are
    held out together.
    """

    # no docstring of the parameters here: those who derive have it
    def __init__(
        self,
        alphabet: Sequence[str] | None = None,
        *,
        width: int = 64,
        layers: int = 1,
        cell: Literal["lstm", "gru"] = "lstm",
        epochs: int = 100,
        learning_rate: float | int = 5e-3,
        batch_size: int = 32,
        validation: float | int = 0.1,
        patience: int | None = 10,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
    ) -> None:
        self.alphabet = alphabet
        self.width = width
        self.layers = layers
        self.cell = cell
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.validation = validation
        self.patience = patience
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        """Declare the input: a list of strings, so scikit-learn's ``check_estimator`` does not apply."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.one_d_array, tags.input_tags.string = False, True, True
        return tags

    def _learn(
        self, strings: list[str], targets: Tensor, n_outputs: int, loss: Callable[[Tensor, Tensor], Tensor]
    ) -> None:
        """Train a new network on strings and their targets."""
        self._refuse_parameters()
        self.encoder_ = OneHot(self.alphabet if self.alphabet is not None else sorted(set().union(*strings)))
        self._refuse_unknown(strings)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        train, held_out = self._sides(strings, seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = SequenceNetwork(len(self.encoder_), n_outputs, self.width, self.layers, self.cell)
        self.network_ = network

        def batches(epoch: int) -> Iterable[np.ndarray]:
            parts = epoch_batches(train, self.batch_size, seed=seed, epoch=epoch)
            title = f"epoch {epoch + 1} of {self.epochs}"
            return track(parts, title, total=len(parts)) if self.verbose else parts

        def loss_of(batch: np.ndarray) -> Tensor:
            return loss(network(*self._encoded([strings[k] for k in batch])), targets[batch])

        def validate() -> float:
            return loss(self._outputs([strings[k] for k in held_out]), targets[held_out]).item()

        self.course_ = fit(
            network,
            batches,
            loss_of,
            torch.optim.Adam(network.parameters(), lr=self.learning_rate),
            epochs=self.epochs,
            validate=validate if len(held_out) else None,
            patience=self.patience if len(held_out) else None,
            clip=_clip_at_usual(),
        )

    def _answers(self, X: Any) -> Float[Tensor, "n n_outputs"]:
        """Return the trained network's outputs for a user's strings."""
        check_is_fitted(self, "network_")
        strings = checked_strings(X)
        self._refuse_unknown(strings)
        return self._outputs(strings)

    @torch.no_grad()
    def _outputs(self, strings: list[str]) -> Float[Tensor, "n n_outputs"]:
        """Return outputs, computed in batches of similar lengths, which need little padding."""
        order = np.argsort([len(string) for string in strings], kind="stable")
        size = max(1, MOST_LETTERS // len(strings[order[-1]]))
        parts = np.split(order, range(size, len(order), size))
        outputs = torch.cat([self.network_(*self._encoded([strings[k] for k in part])) for part in parts])
        return outputs[np.argsort(order)]

    def _encoded(self, strings: list[str]) -> tuple[Float[Tensor, "B L K"], Int64[Tensor, " B"]]:
        """Return the network's input: unit vectors, padded with zeros, and the lengths."""
        lengths = [len(string) for string in strings]
        rows = torch.from_numpy(self.encoder_.encode("".join(strings), dtype=np.float32))
        return pad_sequence(rows.split(lengths), batch_first=True), torch.tensor(lengths)

    def _sides(self, strings: list[str], seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return training strings, and held-out strings that choose the best weights."""
        if not self.validation:
            return np.arange(len(strings)), np.arange(0)
        distinct, groups = np.unique(strings, return_inverse=True)
        try:
            split = split_systems(groups, validation=self.validation, test=0, seed=seed)
        except EmpnetError:
            raise EmpnetError(
                f"validation={self.validation} of {len(strings)} strings ({len(distinct)} different ones)",
                wanted="at least one different string in each set",
                remedy="validation=0 trains without",
            ) from None
        return split.train, split.validation

    def _refuse_unknown(self, strings: list[str]) -> None:
        """Raise if a letter is not in the alphabet."""
        known = set(self.encoder_.alphabet)
        if known.issuperset(set().union(*strings)):
            return
        number = next(k for k, string in enumerate(strings) if not known.issuperset(string))
        try:
            self.encoder_.indices(strings[number])
        except EmpnetError as error:
            raise EmpnetError(str(error).replace("item", "letter", 1), where=_string(number, strings[number])) from None

    def _refuse_parameters(self) -> None:
        where = type(self).__name__
        least = {"width": 1, "layers": 1, "batch_size": 1, "epochs": 0, "patience": 1}
        for name, low in least.items():
            value = getattr(self, name)
            if name == "patience" and value is None:
                continue
            if not (isinstance(value, int | np.integer) and value >= low):
                raise EmpnetError(f"{name}={value!r}", where=where, wanted=f"a whole number, at least {low}")
        if not (isinstance(self.learning_rate, Real) and 0 < self.learning_rate < math.inf):
            raise EmpnetError(f"learning_rate={self.learning_rate!r}", where=where, wanted="a number above 0")
        if self.cell not in CELLS:
            raise EmpnetError(f"cell={self.cell!r}", where=where, wanted=" or ".join(map(repr, CELLS)))


def checked_strings(X: Any, y: Any = None, called: str = "") -> list[str]:
    """Return a user's strings as a list, after checking them.

    Arguments:
        X: Strings.
        y: Targets, one for each string; None: not checked.
        called: Name of the targets in messages, in the plural.

    Raises:
        EmpnetError: If there are no strings, an item is empty or not a string, or y has another length.

    Example:
        >>> checked_strings(["CH4", ""])
        Traceback (most recent call last):
        ...
        empnet.errors.EmpnetError: string 1 is empty; wanted at least one letter
    """
    if isinstance(X, str | bytes):
        raise EmpnetError(f"X is the one string {X!r:.40}", wanted="a list of strings", remedy="put it into brackets")
    strings = list(X)
    for number, string in enumerate(strings):
        if not isinstance(string, str):
            raise EmpnetError(f"string {number} is {string!r:.40} ({type(string).__name__})", wanted="a string")
        if not string:
            raise EmpnetError(f"string {number} is empty", wanted="at least one letter")
    if not strings:
        raise EmpnetError("X holds no strings", wanted="one at least")
    if y is not None and np.shape(y) != (len(strings),):
        found = f"{len(y)} {called}" if np.ndim(y) == 1 else f"{called} of shape {np.shape(y)}"
        raise EmpnetError(f"{len(strings)} strings and {found}", wanted="one for each string")
    return strings


def _string(number: int, string: str) -> str:
    """Return a string's name in messages."""
    return f"string {number} ({string if len(string) <= 40 else string[:37] + '...'!r})"


def _clip_at_usual() -> Callable[[Iterable[Tensor]], float]:
    """Clips gradients at twice their usual norm: products over many steps sometimes explode."""
    usual: float | None = None

    def clip(parameters: Iterable[Tensor]) -> float:
        nonlocal usual
        length, usual = clip_gradients(parameters, usual)
        return length

    return clip
