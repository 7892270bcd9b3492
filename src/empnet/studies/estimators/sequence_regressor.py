"""A regressor of strings: one-hot encoded letters, read by an LSTM."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float64
from sklearn.base import RegressorMixin

from empnet.errors import EmpnetError
from empnet.studies.estimators.sequence_estimator import SequenceEstimator, checked_strings

__all__ = ["SequenceRegressor"]


class SequenceRegressor(RegressorMixin, SequenceEstimator):
    r"""Regressor of a number for each string, such as a property of a molecule from its formula.

    .. math:: y = \bar y + s \, (w^T h_L + b)

    with the state h_L of an LSTM after the last letter, the mean and the standard deviation s of the training
    targets. The loss is the mean squared error. Like
    :class:`~empnet.studies.estimators.sequence_classifier.SequenceClassifier` it has scikit-learn's interface.

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
            regressor.
        verbose: Show a progress bar for each epoch.

    Attributes:
        encoder_: The :class:`~empnet.system.one_hot.OneHot` of the alphabet.
        network_: The trained :class:`~empnet.studies.networks.sequence_network.SequenceNetwork`.
        course_: Losses by epoch, in squared standard deviations (:class:`~empnet.training.optimiser.descent.Course`).
        mean_: Mean of the training targets.
        scale_: Their standard deviation; 1 if they are all the same.

    Example:
        >>> strings = ["a" * n + "b" * m for n in range(1, 8) for m in range(8)]
        >>> long = SequenceRegressor(width=16, epochs=60, random_state=0).fit(strings, [len(s) for s in strings])
        >>> bool(abs(long.predict(["aaabb"])[0] - 5) < 1)
        True
    """

    def fit(self, X: Any, y: Any) -> SequenceRegressor:
        """Train on strings and their numbers.

        Arguments:
            X: n strings of any lengths from 1 on.
            y: Their n numbers.

        Raises:
            EmpnetError: If a string is empty or has an unknown letter, lengths of X and y differ, a number is not
                finite, or a parameter is not valid.
        """
        strings = checked_strings(X, y, "targets")
        try:
            numbers = np.asarray(y, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise EmpnetError(f"targets are no numbers ({error})") from None
        if not np.isfinite(numbers).all():
            number = int(np.argmin(np.isfinite(numbers)))
            raise EmpnetError(f"target {number} is not finite ({numbers[number]})")
        self.mean_, self.scale_ = float(numbers.mean()), float(numbers.std()) or 1.0
        standard = torch.from_numpy((numbers - self.mean_) / self.scale_).float()
        self._learn(strings, standard[:, None], 1, torch.nn.functional.mse_loss)
        return self

    def predict(self, X: Any) -> Float64[np.ndarray, " n"]:
        """Return the predicted number of each string.

        Arguments:
            X: n strings.

        Raises:
            EmpnetError: If a string is empty or has a letter that is not in the alphabet.
        """
        return self.mean_ + self.scale_ * self._answers(X)[:, 0].double().numpy()
