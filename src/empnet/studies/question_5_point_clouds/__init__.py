"""Question V, its first sentence: clouds of points require other networks than classic convolutional ones."""

from __future__ import annotations

from empnet.studies.claim import Study
from empnet.studies.question_5_point_clouds.claims import CLAIMS
from empnet.studies.question_5_point_clouds.measurement import PointCloudTrials, measure
from empnet.studies.question_5_point_clouds.premises import PointClouds

__all__ = ["STUDY"]

STUDY: Study[PointClouds, PointCloudTrials] = Study(
    name="clouds",
    title="Clouds of points",
    question="Scans of things outdoors are clouds of points, in any order and any orientation. Networks "
    "learn the class of upright clouds: from coordinates, from pictures, from invariant descriptors, by messages "
    "between points. Which of them classify the same clouds tilted, turned about the vertical, or listed in another "
    "order? What does it cost to learn all orientations instead?",
    premises=PointClouds,
    measure=measure,
    claims=CLAIMS,
)
