"""Question V: layers, invariances and blind spots of Euclidean message passing networks."""

from __future__ import annotations

from empnet.studies.claim import Study
from empnet.studies.question_5_message_passing import (
    claims_5a_pointwise_layer,
    claims_5b_message_passing_layer,
    claims_5c_blind_spots,
    claims_5c_contest,
    claims_5c_invariance,
)
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
    claims=(
        *claims_5a_pointwise_layer.CLAIMS,
        *claims_5b_message_passing_layer.CLAIMS,
        *claims_5c_invariance.CLAIMS,
        *claims_5c_contest.CLAIMS,
        *claims_5c_blind_spots.CLAIMS,
    ),
)
