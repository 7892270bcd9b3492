"""graph-pes's SchNet; neighbour lists are handed to it, as its graphs have them."""

from __future__ import annotations

import torch
from graph_pes.atomic_graph import AtomicGraph, to_batch
from graph_pes.data.loader import GraphDataLoader
from graph_pes.models import SchNet
from torch import Tensor

from workers.epochs import mean_squares, timed_epochs
from workers.protocol import serve
from workers.steps import Prepared, optimiser, weights
from workers.work import BASIS, BATCH, CUTOFF, LAYERS, WIDTH, Work


class Prediction(torch.nn.Module):
    """What TorchScript takes: a call with the properties fixed."""

    def __init__(self, net: SchNet, properties: list[str]) -> None:
        super().__init__()
        self.net = net
        self.properties = properties

    def forward(self, graph: AtomicGraph) -> dict[str, Tensor]:
        """The properties by name."""
        return self.net.predict(graph, self.properties)


def network(work: Work) -> SchNet:
    """SchNet of the common sizes, its statistics set from two systems."""
    net = SchNet(cutoff=CUTOFF, channels=WIDTH, expansion_features=BASIS, layers=LAYERS)
    net.pre_fit_all_components(graphs(work)[:2])
    return net


def graphs(work: Work) -> list[AtomicGraph]:
    """A graph for each system, with the neighbour list that is there."""
    return [
        AtomicGraph(
            Z=one.species,
            R=one.positions,
            cell=torch.zeros(3, 3),
            neighbour_list=torch.stack((one.receivers, one.senders)),
            neighbour_cell_offsets=torch.zeros(len(one.receivers), 3),
            properties={"energy": one.energies[0]},
            other={},
            cutoff=CUTOFF,
        )
        for one in work.parts()
    ]


def prepare(work: Work, form: str) -> Prepared:
    """Steps of the eager network or of TorchScript's."""
    net = network(work)
    calls = {count: Prediction(net, ["energy", "forces"][:count]) for count in (1, 2)}
    if form == "script":
        calls = {count: torch.jit.script(call) for count, call in calls.items()}
    graph, step = to_batch(graphs(work)), optimiser(net.parameters())

    def predict(training: bool, *properties: str) -> dict[str, Tensor]:
        call = calls[len(properties)]
        if call.training != training:
            for one in (net, *calls.values()):
                one.train(training)
            net.requires_grad_(training)
        return call(graph)

    def infer() -> Tensor:
        with torch.inference_mode():
            return predict(False, "energy")["energy"]

    def infer_forces() -> list[Tensor]:
        return [value.detach() for value in predict(False, "energy", "forces").values()]

    def train_energy() -> None:
        step.zero_grad()
        mean_squares(predict(True, "energy")["energy"], work.energies).backward()
        step.step()

    def train_forces() -> None:
        step.zero_grad()
        out = predict(True, "energy", "forces")
        (mean_squares(out["energy"], work.energies) + mean_squares(out["forces"], work.forces)).backward()
        step.step()

    steps = {"energy": infer, "forces": infer_forces, "train-energy": train_energy, "train-forces": train_forces}
    return Prepared(steps, weights(net), graph.neighbour_list.shape[1])


def epoch(work: Work, form: str, question: dict) -> dict:
    """Its loader over graphs in memory, and a plain loop."""
    net, molecules = network(work), graphs(work)
    step = optimiser(net.parameters())

    def pass_over(batches: object) -> None:
        for batch in batches:
            step.zero_grad()
            predicted = net.predict(batch, ["energy"])["energy"]
            mean_squares(predicted, batch.properties["energy"]).backward()
            step.step()

    loader = GraphDataLoader(molecules, batch_size=BATCH, shuffle=True)
    ready = list(GraphDataLoader(molecules, batch_size=BATCH))
    return timed_epochs(lambda: pass_over(loader), lambda: pass_over(ready), question["epochs"])


if __name__ == "__main__":
    serve(prepare, ("graph-pes",), epoch)
