"""Question IV: functions that one hidden layer of sigmoid units can approximate."""

from __future__ import annotations

from empnet.studies.claim import Study
from empnet.studies.question_4_universal_approximation.claims import CLAIMS
from empnet.studies.question_4_universal_approximation.measured import Measured, measure
from empnet.studies.question_4_universal_approximation.premises import Approximation

__all__ = ["STUDY", "Approximation", "Measured", "measure"]

STUDY: Study[Approximation, Measured] = Study(
    name="universal_approximation",
    title="Universal approximation",
    question="A dense network from the real numbers to the real numbers has one hidden layer of N sigmoid units. Which "
    "functions, on which domains and in which sense, does it come arbitrarily near to, and what may N depend on?",
    premises=Approximation,
    measure=measure,
    claims=CLAIMS,
)
