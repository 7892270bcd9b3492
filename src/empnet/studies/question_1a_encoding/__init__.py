"""Question I.A: nonzero entries of a batch of one-hot encoded strings."""

from empnet.studies.claim import Study
from empnet.studies.question_1a_encoding.claims import CLAIMS
from empnet.studies.question_1a_encoding.measurement import Strings, measure

__all__ = ["STUDY"]

STUDY = Study(
    name="encoding",
    title="One-hot encoding",
    question="Strings of 100 lower-case letters out of 26 are one-hot encoded, and a network is trained on batches of "
    "32 of them with a learning rate of 0.001. How many entries of a batch's tensor are not zero?",
    premises=Strings,
    measure=measure,
    claims=CLAIMS,
)
