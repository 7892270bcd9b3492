"""Question I.E: cells, weights and abilities of an LSTM."""

from empnet.studies.claim import Study
from empnet.studies.question_1e_lstm.claims import CLAIMS
from empnet.studies.question_1e_lstm.measured import measure
from empnet.studies.question_1e_lstm.premises import Recurrence

__all__ = ["STUDY", "Recurrence", "measure"]

STUDY = Study(
    name="lstm",
    title="Long short-term memory",
    question="A network reads strings with an LSTM. How many cells does it consist of, can it classify the strings, "
    "are the weights of its unfolded cells the same, and are there weights to be trained at all?",
    premises=Recurrence,
    measure=measure,
    claims=CLAIMS,
)
