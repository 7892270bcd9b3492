"""Measurements of the study of LSTMs."""

from __future__ import annotations

from dataclasses import dataclass

from empnet.studies.claim import Effort
from empnet.studies.question_1e_lstm.formulas import Energies, learn_energies
from empnet.studies.question_1e_lstm.order import Order, learn_order
from empnet.studies.question_1e_lstm.premises import Recurrence
from empnet.studies.question_1e_lstm.unfolding import Unfolding, unfold

__all__ = ["Measured", "measure"]


@dataclass(frozen=True)
class Measured:
    """Everything that was measured.

    Arguments:
        unfolding: Cells, gates and gradients.
        order: The task in which only order counts.
        energies: Energies from formulas and from geometries.
    """

    unfolding: Unfolding
    order: Order
    energies: Energies


def measure(p: Recurrence, effort: Effort) -> Measured:
    """Take an LSTM apart, train it on strings whose order counts, and on chemical formulas.

    Arguments:
        p: The LSTM and its data.
        effort: How many strings and molecules.
    """
    return Measured(unfold(p), learn_order(p, effort), learn_energies(p, effort))
