"""Run libempnet on its own threads, as where torch has no OpenMP of GNU's, and from two threads of Python at once.

A program of its own, since the pool is chosen once a process; `.ci/sanitize thread` runs it, too.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from empnet.native import library

library._share_threads = lambda _: None  # before anything loads the library

from test_library import sums  # noqa: E402

from empnet.dataset.dataset import collate  # noqa: E402
from empnet.model.architecture import Architecture  # noqa: E402
from empnet.model.evaluator import Evaluator  # noqa: E402
from empnet.model.property_model import PropertyModel  # noqa: E402
from empnet.model.training_pass import trainable_prediction  # noqa: E402
from empnet.system.one_hot import OneHot  # noqa: E402
from empnet.system.system import System  # noqa: E402
from empnet.training.optimiser.muon import all_orthogonalised  # noqa: E402


def forces(evaluator: Evaluator, batch) -> list[float]:
    """Return all forces of a batch."""
    return evaluator(batch, forces=True).forces.flatten().tolist()


def gradient(model: PropertyModel, batch) -> list[float]:
    """Return the gradient of a loss of forces by all weights, and a step of the optimiser's matrices."""
    loss = trainable_prediction(model, batch, forces=True).forces.square().sum()
    found = torch.autograd.grad(loss, list(model.parameters()), allow_unused=True)
    turned = all_orthogonalised([g for g in found if g is not None and g.ndim > 1])
    return [x for g in (*found, *turned) if g is not None for x in g.flatten().tolist()]


def main() -> None:
    """Compare results of many threads with each other, and with those of one."""
    model = PropertyModel(Architecture(n_species=1, pooling=("sum",), moments=2, layers=2, width=16)).eval()
    evaluator = Evaluator(model, "native")
    positions = np.random.default_rng(0).uniform(0, 9, (90, 3))
    batch = collate([System(positions)], 3.0, OneHot([0]))
    torch.set_num_threads(3)
    several = [sums() for _ in range(20)]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: forces(evaluator, batch), range(20)))
        gradients = list(pool.map(lambda _: gradient(model, batch), range(10)))
    torch.set_num_threads(1)
    alone, alone_forces = sums(), forces(evaluator, batch)
    assert all(each == several[0] for each in several), "not the same bits"
    assert all(each == found[0] for each in found), "not the same bits of a network"
    assert all(abs(a - b) <= 1e-5 * abs(a) for a, b in zip(alone, several[0], strict=True)), "not the same sums"
    assert all(each == gradients[0] for each in gradients), "not the same bits of a gradient"
    size = max(map(abs, alone_forces))
    assert all(abs(a - b) <= 1e-4 * size for a, b in zip(alone_forces, found[0], strict=True)), "not the same forces"


if __name__ == "__main__":
    main()
