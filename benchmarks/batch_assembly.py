"""What part of a training step is spent on putting the batch together? Wanted: below 5 %.

    python benchmarks/batch_assembly.py [DATA] [--batch 32]

Prints medians over the steps of the ratio's two parts, and of assembling in plain NumPy, measured in turn in the same
run: elapsed time, and processor time, which on a busy machine with one thread is the one to look at.
"""

import argparse
import time
from unittest import mock

import numpy as np
import torch

from empnet.dataset.cache import Recipe, open_dataset
from empnet.dataset.joining import join_pairs, pair_joiner
from empnet.files.bundled import card as bundled_card
from empnet.model.architecture import Architecture
from empnet.model.property_model import PropertyModel
from empnet.system.one_hot import OneHot
from empnet.training.optimiser.loss import loss_of


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", default="qm7")
    parser.add_argument("--property", default="energy")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=60)
    arguments = parser.parse_args()
    dataset = open_dataset(arguments.data, Recipe((arguments.property,), cutoff=5.0))
    encoder = OneHot(dataset.species)
    model = PropertyModel(Architecture(n_species=len(dataset.species), pooling=("sum",)))
    optimizer = torch.optim.AdamW(model.parameters(), foreach=True)
    spread = torch.tensor(dataset.targets.std(axis=0))
    rng = np.random.default_rng(0)
    assembling, plain, stepping, pairs = [], [], [], []
    for _ in range(arguments.steps):
        indices = rng.choice(len(dataset), arguments.batch, replace=False)
        ways = [(assembling, pair_joiner()), (plain, join_pairs)]
        for kept, join in ways[:: rng.choice([-1, 1])]:  # the first one meets a cold cache
            with mock.patch("empnet.dataset.dataset.pair_joiner", lambda join=join: join):
                began = now()
                batch = dataset.batch(indices, encoder)
                kept.append(now() - began)
        began = now()
        optimizer.zero_grad()
        loss_of(model(batch), batch.targets, spread, "huber").backward()
        optimizer.step()
        stepping.append(now() - began)
        pairs.append(len(batch.pairs))
    medians = [1e3 * np.median(times[5:], axis=0) for times in (assembling, plain, stepping)]
    name = arguments.data if bundled_card(arguments.data) else "data"
    print(f"{name}, batches of {arguments.batch}, {np.median(pairs):.0f} pairs, {torch.get_num_threads()} threads")
    for k, clock in enumerate(("elapsed", "processor")):
        a, n, s = (median[k] for median in medians)
        print(f"{clock} time: assembling {a:.3f} ms (plain NumPy {n:.3f} ms), step {s:.2f} ms, ", end="")
        print(f"share of assembling {100 * a / (a + s):.1f} %")


def now() -> np.ndarray:
    """Elapsed and processor time, s."""
    return np.array([time.perf_counter(), time.process_time()])


if __name__ == "__main__":
    main()
