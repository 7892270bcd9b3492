"""torch-geometric's SchNet; its edges are handed to it, because torch_cluster, which finds them, has no wheel here."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader
from torch_geometric.nn import SchNet

from workers.epochs import mean_squares, timed_epochs
from workers.protocol import serve
from workers.steps import Prepared, gradient_steps, optimiser, weights
from workers.work import BASIS, BATCH, CUTOFF, LAYERS, WIDTH, Work


class GivenEdges(torch.nn.Module):
    """In place of ``RadiusInteractionGraph``: the edges that are there, and their lengths."""

    edges: Tensor

    def forward(self, positions: Tensor, system_of: Tensor) -> tuple[Tensor, Tensor]:
        """Edges, sender first, shape (2, P), and lengths, shape (P,)."""
        return self.edges, (positions[self.edges[0]] - positions[self.edges[1]]).norm(dim=-1)


def network() -> tuple[SchNet, GivenEdges]:
    """SchNet of the common sizes, and where it gets its edges from."""
    graph = GivenEdges()
    net = SchNet(
        hidden_channels=WIDTH,
        num_filters=WIDTH,
        num_interactions=LAYERS,
        num_gaussians=BASIS,
        cutoff=CUTOFF,
        interaction_graph=graph,
    )
    return net, graph


def prepare(work: Work, form: str) -> Prepared:
    """Steps of the eager or the compiled network."""
    net, graph = network()
    graph.edges = torch.stack((work.senders, work.receivers))
    forward = torch.compile(net, dynamic=False) if form == "compiled" else net
    steps = gradient_steps(net, lambda positions: forward(work.species, positions, work.system_of)[:, 0], work)
    return Prepared(steps, weights(net), graph.edges.shape[1])


def epoch(work: Work, form: str, question: dict) -> dict:
    """Its DataLoader over molecules whose edges are stored, and a plain loop."""
    net, graph = network()
    molecules = [
        Data(z=one.species, pos=one.positions, edge_index=torch.stack((one.senders, one.receivers)), y=one.energies)
        for one in work.parts()
    ]
    step = optimiser(net.parameters())

    def pass_over(batches: object) -> None:
        for batch in batches:
            graph.edges = batch.edge_index
            step.zero_grad()
            mean_squares(net(batch.z, batch.pos, batch.batch)[:, 0], batch.y).backward()
            step.step()

    loader = DataLoader(molecules, batch_size=BATCH, shuffle=True)
    ready = list(DataLoader(molecules, batch_size=BATCH))
    return timed_epochs(lambda: pass_over(loader), lambda: pass_over(ready), question["epochs"])


if __name__ == "__main__":
    serve(prepare, ("torch_geometric",), epoch)
