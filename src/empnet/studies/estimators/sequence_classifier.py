"""A classifier of strings: one-hot encoded letters, read by an LSTM."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from sklearn.base import ClassifierMixin

from empnet.errors import EmpnetError
from empnet.studies.estimators.sequence_estimator import SequenceEstimator, checked_strings

__all__ = ["SequenceClassifier"]


class SequenceClassifier(ClassifierMixin, SequenceEstimator):
    r"""Classifier of strings in which the order of the letters counts.

    .. math:: p(k \,|\, \mathrm{string}) = \mathrm{softmax}_k (W h_L + b)

    with the state h_L of an LSTM after the last letter. The loss is the cross-entropy on W h_L + b, so that the
    softmax is applied once. It has scikit-learn's interface (``clone``, ``cross_val_score``, ``GridSearchCV``, ...);
    ``check_estimator`` does not apply, since it gives tables of numbers and this takes strings.

    References:
        Long short-term memory, Hochreiter and Schmidhuber, 1997, https://doi.org/10.1162/neco.1997.9.8.1735.

    Arguments:
        alphabet: The letters that can occur, as a string or a list. Default: the letters of the training strings.
        width: Size of the LSTM's state.
        layers: Number of LSTM cells on top of each other.
        cell: ``"lstm"`` or ``"gru"``.
        epochs: Passes over the training strings, at most; 0 leaves the network untrained.
        learning_rate: Learning rate of Adam.
        batch_size: Strings in a step.
        validation: Strings held out to stop early and to choose the best weights: a share (below 1) or a number; 0
            for none. Equal strings are held out together.
        patience: Stop after this number of epochs without a lower validation loss; None: never.
        random_state: Seed of the initial weights, the held-out strings and the order of strings; it determines the
            classifier.
        verbose: Show a progress bar for each epoch.

    Attributes:
        classes_: The classes, sorted.
        encoder_: The :class:`~empnet.system.one_hot.OneHot` of the alphabet.
        network_: The trained :class:`~empnet.studies.networks.sequence_network.SequenceNetwork`.
        course_: Losses by epoch (:class:`~empnet.training.optimiser.descent.Course`).

    Example:
        >>> strings = ["ab" * n for n in range(1, 20)] + ["ba" * n for n in range(1, 20)]
        >>> first = SequenceClassifier(width=8, epochs=20, random_state=0).fit(strings, [s[0] for s in strings])
        >>> first.predict(["abb", "baaa"])
        array(['a', 'b'], dtype='<U1')
        >>> first.predict_proba(["abb"]).shape
        (1, 2)
        >>> first.predict(["abc"])
        Traceback (most recent call last):
        ...
        empnet.errors.EmpnetError: string 0 ('abc'): letter 2 is 'c'; wanted one of the alphabet: 'a', 'b'
    """

    def fit(self, X: Any, y: Any) -> SequenceClassifier:
        """Train on strings and their classes.

        Arguments:
            X: n strings of any lengths from 1 on.
            y: Their n classes: numbers or strings, at least two different ones.

        Raises:
            EmpnetError: If a string is empty or has an unknown letter, lengths of X and y differ, there is one class
                only, or a parameter is not valid.
        """
        strings = checked_strings(X, y, "classes")
        self.classes_, numbers = np.unique(np.asarray(y), return_inverse=True)
        if len(self.classes_) < 2:
            raise EmpnetError(f"all strings have class {self.classes_[0]!s}", wanted="two classes at least")
        self._learn(strings, torch.from_numpy(numbers), len(self.classes_), torch.nn.functional.cross_entropy)
        return self

    def predict_proba(self, X: Any) -> Float[np.ndarray, "n classes"]:
        """Return the probability of each class, in the order of ``classes_``.

        Arguments:
            X: n strings.

        Raises:
            EmpnetError: If a string is empty or has a letter that is not in the alphabet.
        """
        return self._answers(X).double().softmax(dim=1).numpy()

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each string.

        Arguments:
            X: n strings.

        Raises:
            EmpnetError: As in :meth:`predict_proba`.
        """
        probabilities = self.predict_proba(X)  # first, since it complains if nothing has been learned
        return self.classes_[probabilities.argmax(axis=1)]
