"""Networks and batches at random, for tests of libempnet against torch."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import strategies as st

from empnet import System
from empnet.dataset.dataset import collate
from empnet.model.architecture import Architecture
from empnet.model.property_model import PropertyModel
from empnet.system.one_hot import OneHot

CUTOFF = 4.0
SPECIES = [1, 6, 8]

NETWORKS_AND_LISTS = {
    "moments": st.integers(0, 3),
    "layers": st.integers(1, 3),
    "width": st.integers(1, 40),
    "sizes": st.lists(st.tuples(st.integers(1, 25), st.booleans()), min_size=1, max_size=5),
    "side": st.sampled_from([2.0, 5.0, 30.0]),
    "seed": st.integers(0, 1000),
}
"""Small cells have pairs of a particle and its own image; wide ones have no pairs."""


def a_model(moments: int, layers: int, width: int, dtype: torch.dtype, products: bool = True, seed: int = 0):
    torch.manual_seed(seed)
    sizes = {"cutoff": CUTOFF, "knots": 32, "n_basis": 8, "hidden": 24, "products": products, "n_features": 2}
    model = PropertyModel(
        Architecture(3, ("sum", "mean"), moments=moments, layers=layers, width=width, **sizes)  # type: ignore[arg-type]
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.data = parameter.data.to(dtype)
        for interaction in model.tabulated() if moments else ():
            interaction.W_l.mul_(0.3)  # products of four in three untrained interactions would overflow
        model.baseline.normal_()
        model.scale.copy_(torch.tensor([1.7, 0.3]))
    return model.eval().requires_grad_(False)


def a_batch(sizes: list[int], periodic: list[bool], dtype: torch.dtype, side: float = 6.0, seed: int = 0):
    random, systems = np.random.default_rng(seed), []
    for n, repeats in zip(sizes, periodic, strict=True):
        cell = np.diag([side, side + 1, side + 2]) + random.normal(size=(3, 3)) * 0.2 if repeats else None
        positions, features = random.uniform(0, side, (n, 3)), random.normal(size=(n, 2))
        more = {} if cell is None else {"cell": cell, "pbc": (True, True, True)}
        systems.append(System(positions, random.choice(SPECIES, n), features=features, **more))
    return collate(systems, CUTOFF, OneHot(SPECIES), dtype)


def calm(model, batch) -> None:
    """Fit the sums to the crowd: those of particles at random would overflow."""
    for interaction in model.tabulated():
        interaction.mean_neighbours.fill_(1 + (2 * len(batch.pairs) / len(batch.system_of)) ** 2)
