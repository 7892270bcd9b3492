"""Prediction for one large cloud: empnet beside PointNet++ of torch-geometric, in turns, one thread each.

    python -m venv peer && peer/bin/pip install -r benchmarks/peers/pins/pyg.txt setuptools wheel
    peer/bin/pip install --no-build-isolation torch-cluster    # compiled from source, if there is no wheel
    python benchmarks/large_clouds.py --peer peer/bin/python [--points 10000] [--rounds 10]

Both go from positions to logits of ten classes, with fresh weights, which cost the same as trained ones. empnet keeps
all points, with about 30 neighbours each, two interactions of width 32 (its preset). PointNet++ is the classifier of
torch-geometric's examples: half of the points, with up to 64 neighbours within 0.2; a quarter of these, within 0.4;
then a maximum. The cloud is a noisy ellipsoid that fills the unit ball, as PointNet++ expects.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

NEIGHBOURS = 30


def main() -> None:
    """Run both in turns and print the times, their ratio, and the memory of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", help="Python with torch-geometric and torch-cluster; without it empnet alone")
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        _work({"empnet": _empnet, "PointNet++": _pointnet2}[options.worker](_cloud(options.points)))
        return
    pythons = {"empnet": sys.executable} | ({"PointNet++": options.peer} if options.peer else {})
    workers = {name: _started(name, python, options.points) for name, python in pythons.items()}
    rows = [{name: _asked(worker) for name, worker in workers.items()} for _ in range(options.rounds)]
    for name in workers:
        times = np.array([row[name][0] for row in rows])
        _, peak, before = rows[-1][name]
        memory = f"peak memory {peak:.0f} MB, of which {before:.0f} MB before the first cloud"
        spent = f"median {np.median(times):.3f} s, least {times.min():.3f} s"
        print(f"{name}: {spent} for {options.points:,} points; {memory}")
    if len(workers) == 2:
        ratios = [row["PointNet++"][0] / row["empnet"][0] for row in rows]
        print(f"PointNet++ takes {np.median(ratios):.2f} x the time ({min(ratios):.2f} to {max(ratios):.2f})")


def _cloud(n: int) -> np.ndarray:
    random = np.random.default_rng(0)
    x = random.normal(size=(n, 3))
    x *= [0.5, 0.9, 0.4] / np.linalg.norm(x, axis=1)[:, None]
    return np.asarray(x + 0.005 * random.normal(size=x.shape))


def _started(name: str, python: str, n: int) -> subprocess.Popen[str]:
    command = [python, __file__, "--worker", name, "--points", str(n)]
    alone = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=alone)


def _asked(worker: subprocess.Popen[str]) -> list[float]:
    assert worker.stdin is not None and worker.stdout is not None
    worker.stdin.write("go\n")
    worker.stdin.flush()
    return [float(word) for word in worker.stdout.readline().split()]


def _work(predict: Callable[[], None]) -> None:
    """Predict once for each line of the standard input; print seconds, and the peak of memory, after and before."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    predict()  # compiled loops
    for _ in sys.stdin:
        began = time.perf_counter()
        predict()
        spent, peak = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        print(spent, peak, before, flush=True)


def _empnet(x: np.ndarray) -> Callable[[], None]:
    import torch

    from empnet.dataset.crowding import usual_cutoff
    from empnet.model.architecture import Architecture
    from empnet.model.pooled_model import PooledModel
    from empnet.prediction.predictor import Predictor
    from empnet.preparation.preparation import Preparation, prepare
    from empnet.system.system import System
    from empnet.training.run.model_file import ModelCard

    torch.set_num_threads(1)
    system, preparation = System(x), Preparation(points=len(x))
    prepared = prepare(system, preparation)
    assert prepared.system.features is not None
    architecture = Architecture(
        n_species=1,
        pooling=("mean",),
        width=32,
        layers=2,
        moments=2,
        cutoff=usual_cutoff([prepared.system], NEIGHBOURS),
        readout="pooled",
        n_features=prepared.system.features.shape[1],
        n_cloud=len(prepared.row) - 1,
        classes=10,
    )
    classes = tuple("abcdefghij")
    card = ModelCard(architecture, (0,), ("label",), ("",), preparation=preparation, classes=classes)
    predictor = Predictor(PooledModel(architecture).eval(), card)
    return lambda: predictor.predict(system) and None


def _pointnet2(x: np.ndarray) -> Callable[[], None]:
    import torch
    from torch_cluster import fps, radius  # torch-geometric 2.8 has no search of its own without pyg-lib
    from torch_geometric.nn import MLP, PointNetConv, global_max_pool

    torch.set_num_threads(1)

    class Abstraction(torch.nn.Module):
        def __init__(self, ratio: float, r: float, widths: list[int]) -> None:
            super().__init__()
            self.ratio, self.r, self.convolution = ratio, r, PointNetConv(MLP(widths), add_self_loops=False)

        def forward(self, f, pos, batch):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            chosen = fps(pos, batch, ratio=self.ratio)
            row, col = radius(pos, pos[chosen], self.r, batch, batch[chosen], max_num_neighbors=64)
            edges = torch.stack([col, row], dim=0)
            f = self.convolution((f, None if f is None else f[chosen]), (pos, pos[chosen]), edges)
            return f, pos[chosen], batch[chosen]

    first = Abstraction(0.5, 0.2, [3, 64, 64, 128]).eval()
    second = Abstraction(0.25, 0.4, [128 + 3, 128, 128, 256]).eval()
    whole, head = MLP([256 + 3, 256, 512, 1024]).eval(), MLP([1024, 512, 256, 10], dropout=0.5, norm=None).eval()
    position = torch.from_numpy(x).float()

    @torch.no_grad()
    def predict() -> None:
        f, pos, batch = second(*first(None, position, torch.zeros(len(position), dtype=torch.long)))
        head(global_max_pool(whole(torch.cat([f, pos], dim=1)), batch))

    return predict


if __name__ == "__main__":
    main()
