"""Question I.C: a network that cannot memorise a single batch."""

from empnet.studies.claim import Study
from empnet.studies.question_1c_one_batch.claims import CLAIMS
from empnet.studies.question_1c_one_batch.measurement import OneBatch, Regression, measure

__all__ = ["STUDY", "OneBatch", "Regression"]

STUDY: Study[Regression, OneBatch] = Study(
    name="one_batch",
    title="A batch that is not memorised",
    question=(
        "A network is to learn a scalar property; its loss is the mean squared error. Out of 1000 data points only one "
        "batch of 32 is trained on, and the loss stops falling well above zero. What is likely the reason, and what "
        "will happen with all the data? Here the property is Friedman's function of five variables with noise, the "
        "network has one hidden layer of tanh units, and it is trained from several starts with AdamW and L-BFGS."
    ),
    premises=Regression,
    measure=measure,
    claims=CLAIMS,
)
