"""Premises of the questions on LSTMs."""

from __future__ import annotations

from dataclasses import dataclass

from empnet.studies.claim import Premises, premise

__all__ = ["Recurrence"]


@dataclass(frozen=True)
class Recurrence(Premises):
    """An LSTM, the strings that it reads, and the molecules whose formulas it reads."""

    length: int = premise(24, "Letters of a string.", at_least=6, at_most=200)
    letters: int = premise(8, "Letters of the alphabet, the two marked ones included.", at_least=3, at_most=26)
    width: int = premise(32, "Size of the LSTM's state.", at_least=1, at_most=512)
    layers: int = premise(1, "Cells on top of each other.", at_least=1, at_most=8)
    shared: bool = premise(True, "All steps use the same weights; otherwise each step has its own.")
    shuffled: bool = premise(False, "Shuffle the letters of each string after its class is set.")
    trainable: bool = premise(True, "Train the weights of the LSTM; otherwise they stay random.")
    isomers_differ: bool = premise(True, "Use each molecule's energy; otherwise the mean over its isomers.")
