"""Measurements of the study of universal approximation."""

from __future__ import annotations

from dataclasses import dataclass

from empnet.studies.claim import Effort
from empnet.studies.question_4_universal_approximation.continuous import Continuous, measure_continuous
from empnet.studies.question_4_universal_approximation.filter_table import FilterTables, measure_filter_tables
from empnet.studies.question_4_universal_approximation.lipschitz import BoundedSlopes, measure_bounded_slopes
from empnet.studies.question_4_universal_approximation.premises import Approximation
from empnet.studies.question_4_universal_approximation.square_wave import SquareWaves, measure_square_waves
from empnet.studies.question_4_universal_approximation.waves import Pursuit, measure_sine, measure_sine_of_inverse
from empnet.studies.question_4_universal_approximation.weighted import Weighted, measure_weighted

__all__ = ["Measured", "measure"]


@dataclass(frozen=True, slots=True)
class Measured:
    """All measurements of the study, claim by claim."""

    continuous: Continuous
    sine_of_inverse: Pursuit
    sine: Pursuit
    weighted: Weighted
    square_waves: SquareWaves
    filter_tables: FilterTables
    bounded_slopes: BoundedSlopes


def measure(premises: Approximation, effort: Effort) -> Measured:
    """Measure for all claims; parts whose premises stay the same are measured once."""
    return Measured(
        measure_continuous(premises, effort),
        measure_sine_of_inverse(premises, effort),
        measure_sine(premises, effort),
        measure_weighted(premises, effort),
        measure_square_waves(premises, effort),
        measure_filter_tables(premises, effort),
        measure_bounded_slopes(premises, effort),
    )
