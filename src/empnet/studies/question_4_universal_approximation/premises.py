"""Premises of the study of universal approximation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from empnet.errors import EmpnetError
from empnet.studies.claim import Premises, premise

__all__ = ["Approximation"]


@dataclass(frozen=True)
class Approximation(Premises):
    """Premises of the study.

    Example:
        >>> Approximation(epsilon=0.01).units
        400
    """

    epsilon: float = premise(1e-3, "Required error.", at_least=1e-8, at_most=0.25)
    units: int = premise(400, "Hidden units N of a fitted network, at most.", at_least=5, at_most=2000)
    functions: str = premise(
        "C2", "Functions of statement 1: twice differentiable, or with jumps.", one_of=("C2", "jumps")
    )
    left: float = premise(0.0, "Left end of the domain of sin(1/x); the right one is 1.", at_least=0, at_most=0.5)
    periods: int = premise(0, "Periods of sin(x) in its domain; 0: the whole real line.", at_least=0, at_most=50)
    delta: float = premise(0.01, "An error of at least 1 - delta counts as failure.", at_least=1e-6, at_most=0.5)
    degree: int = premise(6, "Highest degree of the polynomials.", at_least=1, at_most=8)
    weight: float = premise(1.0, "k of the weight exp(-k x^2); 0: no weight.", at_least=0, at_most=100)
    given: int = premise(5, "Hidden units N given to the adversary of statement 5, at most.", at_least=1, at_most=8)
    first: str = premise("units", "First choice in statement 5.", one_of=("units", "function"))
    lipschitz: float = premise(
        4.0, "Bound on the slopes of functions for which one N shall be enough; 0: no bound.", at_least=0, at_most=100
    )
    filter: str = premise("smooth", "Activations of the tabulated filters: smooth, or ReLU.", one_of=("smooth", "relu"))
    seeds: int = premise(3, "Random starts, functions and networks of each kind.", at_least=1, at_most=20)

    def only(self, *names: str, **others: Any) -> Self:
        """As in :class:`Premises`. Parts that do not depend on slopes get no bound on them, which suits any epsilon."""
        return super().only(*names, **others if "lipschitz" in names else {"lipschitz": 0.0, **others})

    def check(self) -> None:
        """Refuse values just above zero, which would need more than 2000 units to have an effect."""
        for name, least in (("left", 1e-3), ("weight", 0.05), ("lipschitz", 0.01)):
            value = getattr(self, name)
            if 0 < value < least:
                raise EmpnetError(f"--{name} {value}", wanted=f"0, or at least {least}")
        if self.lipschitz / self.epsilon > 20_000:
            raise EmpnetError(
                f"--lipschitz {self.lipschitz} with --epsilon {self.epsilon}",
                wanted="a quotient, the number of units, of at most 20000",
                remedy="lower --lipschitz",
            )
