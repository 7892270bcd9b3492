"""Question I.F: output shape and parameters of a convolution followed by pooling."""

from empnet.studies.claim import Study
from empnet.studies.question_1f_convolution.claims import CLAIMS
from empnet.studies.question_1f_convolution.measurement import Images, measure

__all__ = ["STUDY"]

STUDY = Study(
    name="convolution",
    title="Convolution and pooling",
    question="Colour images of 64 x 64 pixels go through a convolution with 32 filters of 5 x 5 pixels (stride 1, "
    "valid padding) and through 2 x 2 max pooling. What shape comes out, and how many parameters are trained?",
    premises=Images,
    measure=measure,
    claims=CLAIMS,
)
