"""TorchMD-Net's graph network, which is its SchNet; it finds its pairs itself, inside the timing."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader
from torchmdnet.models.torchmd_gn import TorchMD_GN

from workers.epochs import mean_squares, timed_epochs
from workers.protocol import serve
from workers.steps import Prepared, gradient_steps, optimiser, weights
from workers.work import BASIS, BATCH, CUTOFF, LAYERS, WIDTH, Work

MOST_NEIGHBOURS = 128
"""It wants a bound on the neighbours of an atom; the driver compares numbers of pairs."""


class Network(torch.nn.Module):
    """The representation of the common sizes and SchNet's readout, summed over each system."""

    def __init__(self) -> None:
        super().__init__()
        self.representation = TorchMD_GN(
            hidden_channels=WIDTH,
            num_filters=WIDTH,
            num_layers=LAYERS,
            num_rbf=BASIS,
            rbf_type="gauss",
            trainable_rbf=False,
            activation="ssp",
            neighbor_embedding=False,
            cutoff_upper=CUTOFF,
            max_num_neighbors=MOST_NEIGHBOURS,
            aggr="add",
        )
        self.readout = torch.nn.Sequential(
            torch.nn.Linear(WIDTH, WIDTH // 2), torch.nn.Softplus(), torch.nn.Linear(WIDTH // 2, 1)
        )

    def forward(self, species: Tensor, positions: Tensor, system_of: Tensor, n_systems: int) -> Tensor:
        """Energies, shape (B,)."""
        features = self.representation(species, positions, system_of)[0]
        return positions.new_zeros(n_systems).index_add(0, system_of, self.readout(features)[:, 0])


def prepare(work: Work, form: str) -> Prepared:
    """Steps of the eager or the compiled network."""
    net = Network()
    forward = torch.compile(net, dynamic=False) if form == "compiled" else net
    steps = gradient_steps(net, lambda positions: forward(work.species, positions, work.system_of, len(work)), work)
    edges = net.representation.distance(work.positions, work.system_of)[0]
    return Prepared(steps, weights(net), edges.shape[1])


def epoch(work: Work, form: str, question: dict) -> dict:
    """A DataLoader as its data module has it, and a plain loop; pairs are found in the network."""
    net = Network()
    molecules = [Data(z=one.species, pos=one.positions, y=one.energies) for one in work.parts()]
    step = optimiser(net.parameters())

    def pass_over(batches: object) -> None:
        for batch in batches:
            step.zero_grad()
            mean_squares(net(batch.z, batch.pos, batch.batch, batch.num_graphs), batch.y).backward()
            step.step()

    loader = DataLoader(molecules, batch_size=BATCH, shuffle=True)
    ready = list(DataLoader(molecules, batch_size=BATCH))
    return timed_epochs(lambda: pass_over(loader), lambda: pass_over(ready), question["epochs"])


if __name__ == "__main__":
    serve(prepare, ("torchmd-net", "torch-geometric"), epoch)
