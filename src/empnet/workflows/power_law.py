"""The power law of a learning curve: error against training size."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from empnet.prediction.metrics import Metric

__all__ = ["LearningCurve", "Point"]

FLAT = -0.05
"""Slope above which more data of this kind do not help: halving the error would need a million times more systems."""


@dataclass(frozen=True, slots=True)
class Point:
    """Error at one training size.

    Arguments:
        size: Number of systems for training.
        mae: Mean absolute error on the test set, with its 95 % interval, in the property's unit.
    """

    size: int
    mae: Metric


@dataclass(frozen=True, slots=True)
class LearningCurve:
    r"""Error against training size for one property, with the power law through it.

    .. math:: \mathrm{MAE}(n) \approx a \, n^{\alpha}

    References:
        Learning curves: asymptotic values and rate of convergence, Cortes et al., 1993.

    Arguments:
        name: The property.
        unit: Its unit.
        points: The measured errors, in order of size.
        baseline: Mean absolute error of the composition baseline, fitted at the largest size.

    Example:
        >>> points = [Point(n, Metric(100 / n**0.5, 0.0, 0.0)) for n in (100, 400, 1600)]
        >>> curve = LearningCurve("energy", "eV", tuple(points), 50.0)
        >>> round(curve.slope, 6), round(curve.half_error_factor, 6)
        (-0.5, 4.0)
    """

    name: str
    unit: str
    points: tuple[Point, ...]
    baseline: float

    @property
    def _line(self) -> tuple[float, float]:
        sizes, errors = zip(*((point.size, max(point.mae.value, 1e-300)) for point in self.points), strict=True)
        slope, log_a = np.polyfit(np.log(sizes), np.log(errors), 1)
        return float(slope), float(log_a)

    @property
    def slope(self) -> float:
        """The exponent alpha, from a least-squares fit on a double logarithmic scale."""
        return self._line[0]

    @property
    def slope_error(self) -> float | None:
        """Standard error of alpha; None for two points, because they always lie on a line."""
        n = len(self.points)
        if n < 3:
            return None
        x = np.log([point.size for point in self.points])
        left = np.log([point.mae.value for point in self.points]) - np.log([self.fitted(p.size) for p in self.points])
        return float(np.sqrt(np.square(left).sum() / (n - 2) / np.square(x - x.mean()).sum()))

    @property
    def half_error_factor(self) -> float:
        """Factor in the number of systems that halves the error; infinite if more systems do not help."""
        return 2.0 ** (-1.0 / self.slope) if self.slope < FLAT else np.inf

    def fitted(self, size: int | float) -> float:
        """Return the power law's error at a training size.

        Arguments:
            size: Number of systems.
        """
        slope, log_a = self._line
        return float(np.exp(log_a + slope * np.log(size)))

    def summary(self) -> str:
        """Return the curve in words."""
        largest = self.points[-1]
        error = "" if self.slope_error is None else f" (standard error {self.slope_error:.2f})"
        line = f"{self.name}: the error falls as n^{self.slope:.2f}{error}"
        if not np.isfinite(self.half_error_factor):
            return f"{line}: more data of this kind would hardly help"
        factor, wanted = self.half_error_factor, self.half_error_factor * largest.size
        return (
            f"{line}; halving {largest.mae.value:.3g} {self.unit} would take {factor:.1f} times as many systems, "
            f"about {wanted:,.0f}, if the power law continues"
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``curve.json`` and ``--json``."""
        factor = self.half_error_factor
        return {
            "property": self.name,
            "unit": self.unit,
            "points": [asdict(point) for point in self.points],
            "baseline_mae": self.baseline,
            "slope": self.slope,
            "slope_error": self.slope_error,
            "half_error_factor": factor if np.isfinite(factor) else None,
        }
