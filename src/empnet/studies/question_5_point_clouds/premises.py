"""Premises of the study of point clouds."""

from __future__ import annotations

from dataclasses import dataclass

from empnet.studies.claim import Premises, premise

__all__ = ["GENERATED", "PointClouds"]

GENERATED = "generated"
"""Name of the clouds that the study generates."""


@dataclass(frozen=True)
class PointClouds(Premises):
    """Clouds of points with classes, and the networks that classify them."""

    data: str = premise(GENERATED, "Clouds: 'generated', or the path or name of data with a class for each cloud.")
    property: str = premise("label", "Name of the class in the data.")
    points: int = premise(128, "Points of each cloud that the networks see.", at_least=16, at_most=2048)
    network: str = premise(
        "own", "The networks that the claims name, or one in place of all.", one_of=("own", "message-passing", "dense")
    )
    symmetry: str = premise("full", "Symmetry of the network whose clouds are tilted.", one_of=("full", "vertical"))
    axis: str = premise(
        "vertical", "Axes about which clouds of the other network are turned.", one_of=("vertical", "any")
    )
