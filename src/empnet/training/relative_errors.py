"""Relative errors, of quantities that grow with size: a metre counts otherwise for a shed than for a hall."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

__all__ = ["NEAR", "Relative", "in_its_measure"]

NEAR = 0.1
"""Relative error up to which a prediction counts as near."""


@dataclass(frozen=True, slots=True)
class Relative:
    """Relative errors of a quantity.

    Arguments:
        median: Median of |predicted / true - 1|.
        near: Share of systems with a relative error below 0.1.
        baseline_median: Median relative error of the baseline.
        baseline_near: Share of systems near by the baseline.

    Example:
        >>> Relative.of(np.array([1.05, 4.0]), np.array([1.2, 2.0]), np.array([1.0, 2.0])).near
        0.5
    """

    median: float
    near: float
    baseline_median: float
    baseline_near: float

    @classmethod
    def of(
        cls,
        predicted: Float64[np.ndarray, " n"],
        baseline: Float64[np.ndarray, " n"],
        targets: Float64[np.ndarray, " n"],
    ) -> Relative:
        """Return the relative errors.

        Arguments:
            predicted: Predictions, above zero.
            baseline: Predictions of the baseline.
            targets: True values, above zero.
        """
        errors, beside = np.abs(predicted / targets - 1), np.abs(baseline / targets - 1)
        shares = (float((each < NEAR).mean()) for each in (errors, beside))
        return cls(float(np.median(errors)), next(shares), float(np.median(beside)), next(shares))

    def __str__(self) -> str:
        own = f"median relative error {100 * self.median:.2g} %, {100 * self.near:.0f} % of all within 10 %"
        return f"{own} (forest: {100 * self.baseline_median:.2g} %, {100 * self.baseline_near:.0f} %)"


def in_its_measure(values: Float64[np.ndarray, "*shape"], power: float | None) -> Float64[np.ndarray, "*shape"]:
    """Return values as their errors are compared: as they are, or as logarithms if they grow with size.

    Arguments:
        values: Predictions or targets.
        power: The scale power; None: errors are differences.

    Example:
        >>> in_its_measure(np.array([1.0]), 3.0)
        array([0.])
    """
    return values if power is None else np.log(values)
