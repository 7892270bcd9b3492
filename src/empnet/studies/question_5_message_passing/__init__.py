"""Question V: layers, invariances and blind spots of Euclidean message passing networks."""

from __future__ import annotations

from empnet.studies.claim import Study
from empnet.studies.question_5_message_passing import claims_5a_pointwise_layer as pointwise
from empnet.studies.question_5_message_passing import claims_5b_message_passing_layer as message_passing
from empnet.studies.question_5_message_passing import claims_5c_blind_spots as blind_spots
from empnet.studies.question_5_message_passing import claims_5c_contest as contest
from empnet.studies.question_5_message_passing import claims_5c_invariance as invariance
from empnet.studies.question_5_message_passing.measured import Measured, measure
from empnet.studies.question_5_message_passing.premises import MessagePassing

__all__ = ["STUDY"]

STUDY: Study[MessagePassing, Measured] = Study(
    name="message_passing",
    title="Euclidean message passing",
    question="Particles have positions and features. Each sums the features of all, weighted by a function of the "
    "distance; one perceptron transforms what each received; a sum over particles is the predicted property. Do the "
    "layers do what their formulas say? What may be done to a system without changing the prediction, what breaks "
    "this, and how do ordinary networks on coordinates fare? Which systems can it not distinguish?",
    premises=MessagePassing,
    measure=measure,
    claims=pointwise.CLAIMS + message_passing.CLAIMS + invariance.CLAIMS + contest.CLAIMS + blind_spots.CLAIMS,
)
