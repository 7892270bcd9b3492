"""Question I.D: output of a ReLU network with positive weights and no biases for negative inputs."""

from empnet.studies.claim import Study
from empnet.studies.question_1d_dead_relu.claims import CLAIMS
from empnet.studies.question_1d_dead_relu.measurement import Networks, measure

__all__ = ["STUDY"]

STUDY = Study(
    name="dead_relu",
    title="A network of dead ReLUs",
    question="A dense network has 5 hidden layers with ReLU and one output; all weights are small and positive, all "
    "biases zero. All entries of its inputs are negative. What can be said of the output?",
    premises=Networks,
    measure=measure,
    claims=CLAIMS,
)
