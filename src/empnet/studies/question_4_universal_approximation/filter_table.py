"""Claim IV.A.a: the product's filters are such networks on [0, cutoff]; a spline table changes them very little."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import cast

import numpy as np
import torch
from jaxtyping import Float64
from matplotlib.figure import Figure
from torch import Tensor

from empnet.basis.spline import CubicSpline
from empnet.model.architecture import Architecture
from empnet.model.interaction import Interaction
from empnet.model.message_passing import MessagePassingLayer
from empnet.model.perceptron import perceptron
from empnet.model.property_model import PropertyModel
from empnet.studies.claim import Effort, Evidence, Verdict
from empnet.studies.estimators.universal_approximator import UniversalApproximator
from empnet.studies.question_4_universal_approximation.premises import Approximation

__all__ = ["FilterTables", "measure_filter_tables", "order_of", "table_error"]

Filter = Callable[[Float64[Tensor, " P"]], Float64[Tensor, "P F"]]

FLOOR = 1e-12
"""Errors below this, in units of the filter, are rounding."""

CUTOFF = 5.0
"""Cutoff of the filters in angstrom: the model's default."""

UNITS = 200
"""Units of the sigmoid network in a filter's place: enough for it to be as smooth as the filter."""


def table_error(phi: Filter, n_knots: int, cutoff: float) -> float:
    """Return the largest difference between a filter and the spline through its knots, in units of its largest value.

    Arguments:
        phi: The filter: distances in angstrom, shape (P,), float64 -> its components, shape (P, F).
        n_knots: Number of knots K.
        cutoff: The last knot, in angstrom.

    Example:
        >>> table_error(lambda d: d[:, None] ** 3, 8, 5.0) < 1e-12  # cubic polynomials are reproduced
        True
    """
    spline = CubicSpline(n_knots, cutoff)
    d = torch.linspace(0, cutoff, 8 * (n_knots - 1) + 1, dtype=torch.float64)
    q = spline.locate(d)
    w = spline.weights(d, q)
    with torch.no_grad():
        T, exact = spline.coefficients(phi(spline.knots)), phi(d)
        S = sum((w[:, b, None] * T[q + b] for b in range(4)), torch.zeros_like(exact))
        return float((S - exact).abs().max() / exact.abs().max())


def order_of(errors: dict[int, float]) -> float:
    """Return the power of the spacing with which errors fall: the slope through the last four above rounding.

    Arguments:
        errors: Errors by number of knots.

    Example:
        >>> round(order_of({k + 1: 1 / k**4 for k in (8, 16, 32, 64)}), 3)
        4.0
    """
    found = [(math.log(1 / (knots - 1)), math.log(error)) for knots, error in errors.items() if error > FLOOR][-4:]
    if len(found) < 3:
        return math.nan
    h, e = np.array(found).T
    return float(np.polyfit(h, e, 1)[0])


@dataclass(frozen=True, slots=True)
class FilterTables:
    """Measurements of claim IV.A.a.

    Arguments:
        errors: Errors by filter and number of knots, in units of the filter's largest value.
        orders: Power of the spacing by filter.
        sigmoid_error: Error of the sigmoid network fitted to the model's filter, in units of its largest value.
    """

    errors: dict[str, dict[int, float]]
    orders: dict[str, float]
    sigmoid_error: float

    def decide(self) -> Verdict:
        """True if each table's error falls with a power of 3.5 to 4.5; false if one falls with a power below 3."""
        if all(3.5 <= order <= 4.5 for order in self.orders.values()):
            return "true"
        return "false" if min(self.orders.values()) < 3 else "undecided"

    def evidence(self) -> Evidence:
        """Return the numbers behind the verdict."""
        numbers: dict[str, float | int | bool | str] = {}
        for name, errors in self.errors.items():
            numbers[f"{name}: power of the spacing with which the error falls"] = self.orders[name]
            numbers[f"{name}: error with 128 knots, relative"] = errors[128]
        numbers[f"sigmoid network of {UNITS} units: relative error as the model's filter"] = self.sigmoid_error
        return numbers

    def draw(self, figure: Figure) -> str:
        """Draw error against the number of knots, log-log."""
        axes = figure.subplots()
        for name, errors in self.errors.items():
            axes.loglog(list(errors), list(errors.values()), ".-", label=f"{name}: order {self.orders[name]:.2f}")
        knots = np.array(list(next(iter(self.errors.values()))))
        axes.loglog(knots, 1e2 * (knots - 1.0) ** -4, ":", color="gray", label="$h^4$")
        axes.axvline(128, color="gray", linewidth=0.8)
        axes.set(xlabel="knots K on [0, cutoff]", ylabel="largest relative error of the table")
        axes.legend(fontsize=8)
        return "Error of the spline table against the number of knots; grey: the model's default, 128."


def _with_relu(phi: torch.nn.Sequential) -> torch.nn.Sequential:
    """Return a new perceptron of the same sizes, with ReLU."""
    first, last = cast(torch.nn.Linear, phi[0]), cast(torch.nn.Linear, phi[-1])
    return perceptron(first.in_features, first.out_features, last.out_features, torch.nn.ReLU)


def filters(activation: str) -> tuple[dict[str, Filter], float]:
    """Return the filters of a new model and of a new layer, and a sigmoid network in place of the former."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = PropertyModel(Architecture(n_species=5, pooling=("sum",), cutoff=CUTOFF))
        layer = MessagePassingLayer(N=8, F=16)
        phi, plain = cast(Interaction, model.interactions[0]).phi, layer.phi
        if activation == "relu":
            phi, plain = _with_relu(phi), _with_relu(plain)
    phi, plain = phi.double(), plain.double()

    def of_model(d: Float64[Tensor, " P"]) -> Float64[Tensor, "P F"]:
        return phi(model.basis(d))

    d = torch.linspace(0, CUTOFF, 2001, dtype=torch.float64)
    with torch.no_grad():
        y = of_model(d)[:, 0].numpy()
    network = UniversalApproximator(UNITS).fit(d.numpy()[::2], y[::2]).network_
    error = float(abs(network.at(d.numpy()) - y).max() / abs(y).max())
    found: dict[str, Filter] = {
        "filter of PropertyModel": of_model,
        "filter of MessagePassingLayer": lambda d: plain(d[:, None]),
        "sigmoid network in its place": lambda d: network(d)[:, None],
    }
    return found, error


def measure_filter_tables(premises: Approximation, effort: Effort) -> FilterTables:
    """Tabulate each filter with increasing numbers of knots."""
    return _measured(premises.filter, effort.quick)


@cache
def _measured(activation: str, quick: bool) -> FilterTables:
    found, error = filters(activation)
    knots = [2**k for k in range(4, 10 if quick else 12)]
    errors = {name: {k: table_error(phi, k, CUTOFF) for k in knots} for name, phi in found.items()}
    return FilterTables(errors, {name: order_of(of) for name, of in errors.items()}, error)
