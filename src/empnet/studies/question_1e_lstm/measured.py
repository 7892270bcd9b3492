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
    """All measurements of the study.

    Arguments:
        unfolding: Cells, gates and gradients.
        order: The task in which only the order of letters counts.
        energies: Energies from formulas and from geometries.
    """

    unfolding: Unfolding
    order: Order
    energies: Energies


def measure(p: Recurrence, effort: Effort) -> Measured:
    """Unfold an LSTM, and train it on strings whose order counts, and on chemical formulas.

    Arguments:
        p: The LSTM and its data.
        effort: Determines the number of strings and molecules.
    """
    return Measured(unfold(p), learn_order(p, effort), learn_energies(p, effort))
