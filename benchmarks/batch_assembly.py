"""What part of a training step is spent on putting the batch together? Wanted: below 5 %.

    python benchmarks/batch_assembly.py [DATA] [--batch 32]

Prints medians over the steps of the ratio's two parts, measured in turn in the same run.
"""

import argparse
import statistics
import time

import numpy as np
import torch

from empnet.data.bundled import card as bundled_card
from empnet.data.cache import Recipe, open_dataset
from empnet.data.one_hot import OneHot
from empnet.learn.loss import loss_of
from empnet.nn.model import Architecture, PropertyModel


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
    assembling, stepping = [], []
    for _ in range(arguments.steps):
        indices = rng.choice(len(dataset), arguments.batch, replace=False)
        began = time.perf_counter()
        batch = dataset.batch(indices, encoder)
        assembled = time.perf_counter()
        optimizer.zero_grad()
        loss_of(model(batch), batch.targets, spread, "huber").backward()
        optimizer.step()
        assembling.append(assembled - began)
        stepping.append(time.perf_counter() - assembled)
    a, s = (1e3 * statistics.median(times[5:]) for times in (assembling, stepping))
    name = arguments.data if bundled_card(arguments.data) else "data"
    print(f"{name}, batches of {arguments.batch}, {torch.get_num_threads()} threads: assembling {a:.2f} ms")
    print(f"step (forward, backward, optimiser) {s:.2f} ms, share of assembling {100 * a / (a + s):.1f} %")


if __name__ == "__main__":
    main()
