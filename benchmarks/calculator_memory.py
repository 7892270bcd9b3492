"""Memory of a process that calls a calculator very often: python benchmarks/calculator_memory.py [calls].

Water moves a little before each call. Peak memory after each tenth of the calls; it must not rise.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np
from ase.build import molecule

from empnet.model.architecture import Architecture
from empnet.prediction.calculator import EMPNetCalculator
from empnet.prediction.predictor import Predictor
from empnet.training.run.model_file import ModelCard


def main(calls: int) -> None:
    """Call and print."""
    card = ModelCard(Architecture(2, ("sum",), width=16, layers=1), (1, 8), ("energy",), ("eV",))
    atoms = molecule("H2O")
    atoms.calc = EMPNetCalculator(Predictor(card.build().eval(), card))
    began = time.perf_counter()
    for k in range(calls):
        atoms.positions[0, 0] = 0.01 * np.sin(k)
        atoms.get_forces()
        if (k + 1) % (calls // 10) == 0:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"{k + 1:7d} calls  {peak:8.1f} MiB  {time.perf_counter() - began:6.0f} s", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
