"""Question I.B: the class of an architecture, decided by its structure and by its training error."""

from empnet.studies.claim import Study
from empnet.studies.question_1b_architectures.claims import CLAIMS
from empnet.studies.question_1b_architectures.measurement import Architectures, Network, measure

__all__ = ["STUDY", "Architectures", "Network"]

STUDY: Study[Network, Architectures] = Study(
    name="architectures",
    title="What a network is called",
    question=(
        "A dense network leads from 25 nodes over hidden layers of 30, 5 and 50 back to 25; its loss is the mean "
        "squared error. Which names fit it? Here they are decided by the graph of one call, and by training it to give "
        "back its input: the eigenvalues of the Coulomb matrices of QM7's molecules, padded with zeros to 25."
    ),
    premises=Network,
    measure=measure,
    claims=CLAIMS,
)
