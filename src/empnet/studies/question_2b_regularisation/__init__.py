"""Question II.B: eight remedies against overfitting.

The measurement takes about forty minutes on one core. Each finished training is kept in ``regularisation.json`` in the
folder of results, and the study continues from there; ``docs/studies/regularisation.json`` of the repository is
complete.
"""

from empnet.studies.claim import Study
from empnet.studies.question_2b_regularisation.claims import CLAIMS
from empnet.studies.question_2b_regularisation.evidence import measure
from empnet.studies.question_2b_regularisation.premises import Remedies

__all__ = ["STUDY"]

STUDY = Study(
    name="regularisation",
    title="Remedies against overfitting",
    question="A convolutional network (64 x 64 RGB, 8 x 8 x 64 and 4 x 4 x 8, 2048 units, 8 classes) is trained with "
    "Adam at 1e-4, batches of 128 and 10 % dropout; the validation loss stagnates early, while the training loss keeps "
    "falling. Which of eight remedies are promising? Measured on photographs of signing hands at a reduced width and "
    "size, with other hands held out.",
    premises=Remedies,
    measure=measure,
    claims=CLAIMS,
)
