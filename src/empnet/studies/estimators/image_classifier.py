"""A classifier of pictures with scikit-learn's interface; it reads arrays, or a folder that may exceed the memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int64
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor
from torch.nn.functional import cross_entropy

from empnet.errors import EmpnetError
from empnet.runtime.progress import track
from empnet.studies.data.images import ImageFolder
from empnet.studies.estimators.augmentation import Augment, augmentation_of
from empnet.studies.estimators.image_source import ImageArray, image_source, network_input
from empnet.studies.networks.image_network import ImageNetwork
from empnet.training.optimiser.descent import Course, epoch_batches, fit

__all__ = ["ImageClassifier"]

Images = np.ndarray | ImageFolder
Source = ImageArray | ImageFolder
T = TypeVar("T")


class ImageClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    r"""Convolutional network that classifies pictures, trained with Adam on the cross entropy of its logits.

    .. math:: L = -\frac1n \sum_i \log \mathrm{softmax}(f(x_i))_{y_i}

    The softmax is applied once: within the loss in training, in :meth:`predict_proba` afterwards. The data determine
    the size of the pictures and the classes.

    Arguments:
        convolutions: Number of output channels and kernel size of each; valid padding, then ReLU.
        pool: Window of the max pooling after each convolution; 1 for none.
        hidden: Units of the first linear layer.
        dropout: Share of the inputs of both linear layers that are zero in training.
        learning_rate: Learning rate of Adam.
        batch_size: Pictures per step, at most.
        epochs: Passes over the data, at most.
        validation_fraction: Share of each class's pictures, drawn at random, that is held out; 0 for none. Your own
            validation pictures, of other hands, days or patients, are better: see :meth:`fit`.
        patience: Stop after this number of epochs without a lower validation loss; None: never.
        augment: Changes the pictures of a batch, (n, 3, height, width) from 0 to 1; or names of
            :func:`~empnet.studies.estimators.augmentation.augmentation_of`; or None.
            Needs ``pip install 'empnet[studies]'``.
        random_state: Seed of weights, order, dropout and augmentation; it determines the network.
        after_epoch: Called with the network, in evaluation mode, after each epoch.
        quiet: Show no progress.

    Attributes:
        classes_: The classes, sorted.
        network_: The trained network, with the weights of the lowest validation loss.
        history_: Mean training loss and validation loss of each epoch, and the number of the best one.

    Example:
        >>> X = np.zeros((40, 16, 16, 3), np.uint8)
        >>> X[20:, :, :8] = 255
        >>> classifier = ImageClassifier(((4, 8), (8, 4)), hidden=16, learning_rate=1e-2, epochs=5)
        >>> classifier.fit(X, ["dark"] * 20 + ["half"] * 20).score(X, ["dark"] * 20 + ["half"] * 20)
        1.0
    """

    def __init__(
        self,
        convolutions: Sequence[tuple[int, int]] = ((64, 8), (8, 4)),
        *,
        pool: int = 1,
        hidden: int = 2048,
        dropout: float = 0.1,
        learning_rate: float = 1e-4,
        batch_size: int = 128,
        epochs: int = 100,
        validation_fraction: float = 0.1,
        patience: int | None = 10,
        augment: Augment | str | Sequence[str] | None = None,
        random_state: int = 0,
        after_epoch: Callable[[ImageNetwork], None] | None = None,
        quiet: bool = False,
    ) -> None:
        self.convolutions = convolutions
        self.pool = pool
        self.hidden = hidden
        self.dropout = dropout
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.epochs = epochs
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.augment = augment
        self.random_state = random_state
        self.after_epoch = after_epoch
        self.quiet = quiet

    def fit(self, X: Images, y: Any = None, *, validation: tuple[Any, Any] | ImageFolder | None = None) -> Any:
        """Train. Ctrl-C raises KeyboardInterrupt; ``network_`` then has the best weights so far.

        Arguments:
            X: Pictures, (n, height, width, 3), of 8 bits or floats from 0 to 1; or a folder of them.
            y: Class of each picture, of any sortable type; None for a folder.
            validation: Pictures and classes, or a folder, to validate with in place of ``validation_fraction``.

        Raises:
            EmpnetError: If pictures, classes or parameters are not valid.
        """
        self._check()
        augment = augmentation_of(self.augment)
        source, labels = _labelled(X, y)
        self.classes_, numbers = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise EmpnetError(f"all pictures are of one class ({self.classes_[0]!r})", wanted="two classes or more")
        if source.size[0] != source.size[1]:
            raise EmpnetError(f"pictures are {source.size[0]} x {source.size[1]}", wanted="as wide as high")
        training, validating = self._sides(source, numbers, validation)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.random_state)
            self.network_ = self._network(source.size[0])
            self.history_ = self._train(training, validating, augment)
        return self

    def predict_proba(self, X: Images) -> Float[np.ndarray, "n classes"]:
        """Return the probability of each class, the softmax of the logits: each row sums to one.

        Arguments:
            X: Pictures as in :meth:`fit`.
        """
        logits = torch.from_numpy(self.decision_function(X))
        probabilities: np.ndarray = torch.softmax(logits.double(), dim=1).numpy()
        return probabilities

    def decision_function(self, X: Images) -> Float[np.ndarray, "n classes"]:
        """Return the logits.

        Arguments:
            X: Pictures as in :meth:`fit`.
        """
        check_is_fitted(self)
        source, _ = image_source(X, None)
        if source.size != self._size:
            raise EmpnetError(f"pictures are {source.size[0]} x {source.size[1]}", wanted=f"{self._size[0]} x ...")
        with torch.inference_mode():
            batches = _chunks(np.arange(len(source)), self.batch_size)
            return np.concatenate([self.network_(network_input(source.pixels(each))).numpy() for each in batches])

    def predict(self, X: Images) -> np.ndarray:
        """Return the most probable class of each picture.

        Arguments:
            X: Pictures as in :meth:`fit`.
        """
        logits = self.decision_function(X)
        return np.asarray(self.classes_[logits.argmax(axis=1)])

    def score(self, X: Images, y: Any = None, sample_weight: Any = None) -> float:
        """Return the share of pictures whose class is predicted.

        Arguments:
            X: Pictures as in :meth:`fit`.
            y: Their classes; None for a folder.
            sample_weight: Weight of each picture.
        """
        labels = _labelled(X, y)[1]
        return float(np.average(self.predict(X) == labels, weights=sample_weight))

    def _check(self) -> None:
        for name in ("batch_size", "epochs"):
            if getattr(self, name) < 1:
                raise EmpnetError(f"{name}={getattr(self, name)}", wanted="at least 1")
        if not 0 <= self.validation_fraction < 1:
            raise EmpnetError(f"validation_fraction={self.validation_fraction}", wanted="at least 0 and less than 1")
        if not self.learning_rate > 0:
            raise EmpnetError(f"learning_rate={self.learning_rate}", wanted="more than 0")

    def _network(self, size: int) -> ImageNetwork:
        self._size = (size, size)
        return ImageNetwork(
            len(self.classes_),
            size=size,
            convolutions=self.convolutions,
            pool=self.pool,
            hidden=self.hidden,
            dropout=self.dropout,
        )

    def _sides(self, source: Source, numbers: Int64[np.ndarray, " n"], validation: Any) -> tuple[_Side, _Side | None]:
        """Return training and validation pictures."""
        everything = np.arange(len(source))
        if validation is not None:
            other, labels = _labelled(*(validation if isinstance(validation, tuple) else (validation, None)))
            if other.size != source.size:
                raise EmpnetError("the validation pictures have another size than those for training")
            unknown = sorted(set(labels) - set(self.classes_))
            if unknown:
                raise EmpnetError(f"class {unknown[0]!r} is in the validation pictures only")
            held = _Side(other, np.searchsorted(self.classes_, labels), np.arange(len(other)))
            return _Side(source, numbers, everything), held
        if self.validation_fraction == 0:
            return _Side(source, numbers, everything), None
        rng, out = np.random.default_rng(self.random_state), np.zeros(len(source), bool)
        for number in range(len(self.classes_)):
            own = rng.permutation(np.flatnonzero(numbers == number))
            out[own[: round(self.validation_fraction * len(own))]] = True
        if not out.any():
            remedy = "hold out a larger share, or 0"
            raise EmpnetError(f"validation_fraction={self.validation_fraction} holds out no picture", remedy=remedy)
        return _Side(source, numbers, everything[~out]), _Side(source, numbers, everything[out])

    def _train(self, training: _Side, validating: _Side | None, augment: Augment | None) -> Course:
        network = self.network_
        adam = torch.optim.Adam(network.parameters(), lr=self.learning_rate)

        def batches(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
            order = epoch_batches(training.indices, self.batch_size, seed=self.random_state, epoch=epoch)
            loaded = _ahead((training.source.pixels(each), training.numbers[each]) for each in order)
            title = f"epoch {epoch + 1} of {self.epochs}{said}"
            shown = track(loaded, title, total=len(order), quiet=self.quiet)
            # augmented here, not in the thread that loads: it draws from the same random numbers as the dropout
            return ((network_input(pixels, augment), numbers) for pixels, numbers in shown)

        def loss(batch: tuple[Tensor, Tensor]) -> Tensor:
            return cross_entropy(network(batch[0]), batch[1])

        def validate() -> float:
            assert validating is not None
            parts = _chunks(validating.indices, self.batch_size)
            total = sum(len(part) * loss(validating.batch(part)).item() for part in parts)
            return total / len(validating.indices)

        said = ""

        def show(course: Course) -> None:
            nonlocal said
            said = f", validation loss {course.validation[-1]:.3f}" if course.validation else ""
            if self.after_epoch is not None:
                self.after_epoch(network)

        held = validate if validating is not None else None
        patience = self.patience if validating is not None else None
        return fit(network, batches, loss, adam, epochs=self.epochs, validate=held, patience=patience, show=show)


class _Side:
    """Training or validation pictures of a source."""

    def __init__(self, source: Source, numbers: np.ndarray, indices: np.ndarray) -> None:
        self.source, self.numbers, self.indices = source, torch.from_numpy(numbers.astype(np.int64)), indices

    def batch(self, indices: np.ndarray) -> tuple[Tensor, Tensor]:
        return network_input(self.source.pixels(indices)), self.numbers[indices]


def _labelled(X: Images, y: Any) -> tuple[Source, np.ndarray]:
    """Return pictures and their classes; raise if classes are missing."""
    source, labels = image_source(X, y)
    if len(labels) == 0:
        raise EmpnetError("pictures without classes", wanted="y, one class per picture, or an ImageFolder")
    return source, labels


def _chunks(indices: np.ndarray, size: int) -> list[np.ndarray]:
    return [indices[start : start + size] for start in range(0, len(indices), size)]


def _ahead(items: Iterable[T]) -> Iterator[T]:
    """Yield the items, each prepared by a thread while the one before it is used."""
    todo = iter(items)
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, todo, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, todo, None)
            yield item
