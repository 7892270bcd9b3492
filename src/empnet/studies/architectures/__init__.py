"""Architectures: what a network is called, decided by its structure and by what it learns."""

from empnet.studies.architectures.claims import STUDY
from empnet.studies.architectures.measurement import Architectures, Network

__all__ = ["STUDY", "Architectures", "Network"]
