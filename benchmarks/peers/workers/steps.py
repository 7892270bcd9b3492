"""The four measures of any network whose energy autograd can differentiate."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from workers.work import Work

Step = Callable[[], object]
Energy = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Prepared:
    """What a worker has ready for some work.

    Arguments:
        steps: A function to be timed for each measure: ``energy``, ``forces``, ``train-energy``, ``train-forces``.
        parameters: Number of weights.
        pairs: Number of pairs the network sees; the driver compares it with its own.
    """

    steps: dict[str, Step]
    parameters: int
    pairs: int


def optimiser(parameters: Iterable[Tensor]) -> torch.optim.AdamW:
    """The optimiser of all peers: AdamW in its fastest form on a CPU."""
    return torch.optim.AdamW(parameters, lr=1e-4, fused=True)


def weights(network: torch.nn.Module) -> int:
    """How many numbers the network learns."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def gradient_steps(network: torch.nn.Module, energy: Energy, work: Work) -> dict[str, Step]:
    """The measures of a network; in inference its weights ask for no gradient.

    Arguments:
        network: Whose weights are trained.
        energy: Energies of the systems as a function of positions, shape (N, 3) to (B,).
        work: Positions and targets.
    """
    step = optimiser(network.parameters())
    mse = torch.nn.functional.mse_loss

    def mode(training: bool) -> None:
        if network.training != training:
            network.train(training)
            network.requires_grad_(training)

    def infer() -> Tensor:
        mode(False)
        with torch.inference_mode():
            return energy(work.positions)

    def infer_forces() -> tuple[Tensor, Tensor]:
        mode(False)
        positions = work.positions.clone().requires_grad_(True)
        energies = energy(positions)
        return energies.detach(), -torch.autograd.grad(energies.sum(), positions)[0]

    def train_energy() -> None:
        mode(True)
        step.zero_grad()
        mse(energy(work.positions), work.energies).backward()
        step.step()

    def train_forces() -> None:
        mode(True)
        step.zero_grad()
        positions = work.positions.clone().requires_grad_(True)
        energies = energy(positions)
        forces = -torch.autograd.grad(energies.sum(), positions, create_graph=True)[0]
        (mse(energies, work.energies) + mse(forces, work.forces)).backward()
        step.step()

    return {"energy": infer, "forces": infer_forces, "train-energy": train_energy, "train-forces": train_forces}
