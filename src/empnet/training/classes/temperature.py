"""From logits to probabilities, with one temperature that is fitted on validation data."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64
from scipy.optimize import minimize_scalar

from empnet.errors import EmpnetError

__all__ = ["COLDEST", "FEW", "HOTTEST", "check_labels", "fit_temperature", "log_probabilities", "probabilities"]

COLDEST, HOTTEST = 0.2, 5.0
"""Limits of a temperature. Networks are off by a factor of 1 to 3; a fit beyond 5 is the work of a few systems."""

FEW = 20
"""Number of systems below which the temperature stays at 1: two or three errors would decide it."""

LOWEST = -1e200
"""Smallest logarithm of a probability: its sums over systems stay finite."""


def log_probabilities(logits: Float64[np.ndarray, "n K"], temperature: float = 1.0) -> Float64[np.ndarray, "n K"]:
    r"""Return the logarithms of the probabilities, finite even where a probability is zero in float64.

    .. math::
        \log p_{ic} = z_{ic} / T - \log \sum_k \exp (z_{ik} / T)

    Arguments:
        logits: z, one row for each system, shape (n, K).
        temperature: T, above zero; 1 leaves the logits unchanged.

    Returns:
        Natural logarithms, shape (n, K).

    Raises:
        EmpnetError: If there is no class, a logit is not finite, or the temperature is not a positive number.

    Example:
        >>> log_probabilities(np.array([[0.0, 1000.0]]))
        array([[-1000.,     0.]])
    """
    _check(logits, temperature)
    with np.errstate(over="ignore"):  # huge logits, or a tiny temperature: -inf is raised to LOWEST
        scaled = np.maximum((logits - logits.max(axis=1, keepdims=True)) / temperature, LOWEST)
    return np.asarray(scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True)))


def probabilities(logits: Float64[np.ndarray, "n K"], temperature: float = 1.0) -> Float64[np.ndarray, "n K"]:
    r"""Return the probability of each class.

    .. math::
        p_{ic} = \frac{\exp (z_{ic} / T)}{\sum_k \exp (z_{ik} / T)}

    Arguments:
        logits: z, one row for each system, shape (n, K).
        temperature: T, above zero: above 1 the probabilities become more equal, below 1 less.

    Returns:
        Probabilities, shape (n, K); each row sums to 1.

    Raises:
        EmpnetError: If there is no class, a logit is not finite, or the temperature is not a positive number.

    Example:
        >>> probabilities(np.array([[0.0, np.log(3.0)]])).round(2)
        array([[0.25, 0.75]])
    """
    p = np.exp(log_probabilities(logits, temperature))
    return np.asarray(p / p.sum(axis=1, keepdims=True))


def fit_temperature(logits: Float64[np.ndarray, "n K"], labels: Int64[np.ndarray, " n"]) -> float:
    r"""Return the temperature with the smallest log-loss on validation data.

    .. math::
        T = \arg \min_{0.2 \le T \le 5} \; - \frac 1n \sum_i \log p_{i y_i}(T)

    One number changes no predicted class, and cannot fit the noise of the validation set as a matrix would. With
    fewer than 20 systems it is 1. If every system is right, the log-loss falls for ever as T approaches zero; then
    each system counts as wrong with probability 1 / (n + 2), the rule of succession, and a minimum exists.

    References:
        On calibration of modern neural networks, Guo et al., 2017, https://arxiv.org/abs/1706.04599; Probabilistic
        outputs for support vector machines, Platt, 1999 (for the rule of succession)

    Arguments:
        logits: Logits of systems outside the training set, shape (n, K).
        labels: Class of each, from 0 to K - 1, shape (n,).

    Returns:
        T, without a unit; above 1 if the network is too confident.

    Raises:
        EmpnetError: If there is no class, a logit is not finite, or a label is out of range.

    Example:
        >>> logits = np.tile([[4.0, 0.0]], (40, 1))  # 98 % confident, but right in 30 of 40
        >>> round(fit_temperature(logits, np.repeat([0, 1], [30, 10])), 2)
        3.64
    """
    _check(logits, 1.0)
    check_labels(labels, *logits.shape)
    n, n_classes = logits.shape
    if n < FEW or n_classes < 2:
        return 1.0
    all_right = bool((logits.argmax(axis=1) == labels).all())
    doubt = 1 / (n + 2) if all_right else 0.0

    def loss(log_t: float) -> float:
        log_p = log_probabilities(logits, float(np.exp(log_t)))
        right = log_p[np.arange(n), labels]
        wrong = (log_p.sum(axis=1) - right) / (n_classes - 1)
        return -float(((1 - doubt) * right + doubt * wrong).mean())

    found = minimize_scalar(loss, bounds=np.log([COLDEST, HOTTEST]), method="bounded", options={"xatol": 1e-7})
    return float(np.exp(found.x)) if loss(found.x) < loss(0.0) else 1.0  # equal logits have no best temperature


def check_labels(labels: Int64[np.ndarray, " n"], n: int, n_classes: int) -> None:
    """Refuse labels that do not fit the logits.

    Arguments:
        labels: Class of each system, shape (n,).
        n: Number of rows of logits.
        n_classes: K, the number of classes.

    Raises:
        EmpnetError: If the numbers of labels and rows differ, or a label is not in 0, ..., K - 1.

    Example:
        >>> check_labels(np.array([0, 2]), 2, 2)
        Traceback (most recent call last):
        empnet.errors.EmpnetError: system 1: class 2; wanted a class from 0 to 1
    """
    if len(labels) != n:
        raise EmpnetError(f"{len(labels)} labels for {n} rows of logits", wanted="a label for each row")
    if len(unknown := np.flatnonzero((labels < 0) | (labels >= n_classes))):
        first = int(unknown[0])
        raise EmpnetError(
            f"class {labels[first]}", where=f"system {first}", wanted=f"a class from 0 to {n_classes - 1}"
        )


def _check(logits: Float64[np.ndarray, "n K"], temperature: float) -> None:
    if not (np.isfinite(temperature) and temperature > 0):
        raise EmpnetError(f"temperature {temperature}", wanted="a number above zero")
    if logits.shape[1] == 0:
        raise EmpnetError("logits of no class", wanted="at least one class")
    if len(bad := np.argwhere(~np.isfinite(logits))):
        system, which = map(int, bad[0])
        raise EmpnetError(
            f"the logit of class {which} is not finite ({logits[system, which]})", where=f"system {system}",
            remedy="train with a lower learning rate, or look for extreme values in the data",
        )  # fmt: skip
