"""Study: Euclidean message passing: its layers, what leaves its predictions as they are, and what it cannot see."""

from __future__ import annotations

from empnet.studies.claim import Study
from empnet.studies.message_passing.contest_claims import CONTEST
from empnet.studies.message_passing.layer_claims import MESSAGE_PASSING, POINTWISE
from empnet.studies.message_passing.measured import Measured, measure
from empnet.studies.message_passing.premises import MessagePassing
from empnet.studies.message_passing.property_claims import BLIND_SPOTS, INVARIANCE

__all__ = ["STUDY"]

STUDY: Study[MessagePassing, Measured] = Study(
    name="message_passing",
    title="Euclidean message passing",
    question="Particles have positions and features. Each sums the features of all, weighted by a function of the "
    "distance; one perceptron transforms what each received; a sum over particles is the predicted property. Do the "
    "layers do what their formulas say? What may be done to a system without changing the prediction, what breaks "
    "this, and how do ordinary networks on coordinates fare? Which systems can it not tell apart?",
    premises=MessagePassing,
    measure=measure,
    claims=(*POINTWISE, *MESSAGE_PASSING, *INVARIANCE, *CONTEST, *BLIND_SPOTS),
)
