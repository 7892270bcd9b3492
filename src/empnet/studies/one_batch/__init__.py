"""One batch: what does it mean when the loss of 32 samples stagnates above zero?"""

from empnet.studies.one_batch.claims import STUDY
from empnet.studies.one_batch.measurement import OneBatch, Regression

__all__ = ["STUDY", "OneBatch", "Regression"]
