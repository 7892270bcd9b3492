"""MACE, as near to SchNet as it builds (``near``) and in its usual small form; pairs are handed over."""

from __future__ import annotations

import numpy as np
import torch

torch.serialization.add_safe_globals([slice])  # in the constants that this e3nn loads while it is imported
from e3nn import o3  # noqa: E402
from mace import modules  # noqa: E402
from torch import Tensor  # noqa: E402

from workers.protocol import serve  # noqa: E402
from workers.steps import Prepared, gradient_steps, weights  # noqa: E402
from workers.work import BASIS, CUTOFF, LAYERS, WIDTH, Work  # noqa: E402

FORMS = {
    "near": {"max_ell": 1, "correlation": 1, "num_interactions": LAYERS, "num_bessel": BASIS, "radial_MLP": [WIDTH]},
    "small": {"max_ell": 3, "correlation": 3, "num_interactions": 2, "num_bessel": 8, "radial_MLP": [64, 64, 64]},
}


def network(form: str, species: list[int], neighbours: float) -> torch.nn.Module:
    """MACE with 128 scalar channels."""
    return modules.MACE(
        r_max=CUTOFF,
        num_polynomial_cutoff=5,
        interaction_cls=modules.interaction_classes["RealAgnosticResidualInteractionBlock"],
        interaction_cls_first=modules.interaction_classes["RealAgnosticResidualInteractionBlock"],
        num_elements=len(species),
        hidden_irreps=o3.Irreps(f"{WIDTH}x0e"),
        MLP_irreps=o3.Irreps("64x0e"),
        atomic_energies=np.zeros(len(species)),
        avg_num_neighbors=neighbours,
        atomic_numbers=species,
        gate=torch.nn.functional.silu,
        **FORMS[form],
    )


def prepare(work: Work, form: str) -> Prepared:
    """Steps of the eager network."""
    torch.set_default_dtype(torch.float32)
    species = sorted(set(work.species.tolist()))
    net = network(form, species, len(work.receivers) / len(work.species)).float()
    one_hot = torch.nn.functional.one_hot(torch.searchsorted(torch.tensor(species), work.species), len(species))
    given = {
        "node_attrs": one_hot.float(),
        "edge_index": torch.stack((work.senders, work.receivers)),
        "shifts": torch.zeros(len(work.receivers), 3),
        "unit_shifts": torch.zeros(len(work.receivers), 3),
        "cell": torch.zeros(3 * len(work), 3),
        "batch": work.system_of,
        "ptr": torch.cat((torch.zeros(1, dtype=torch.int64), work.n_particles.cumsum(0))),
        "head": torch.zeros(len(work), dtype=torch.int64),
    }

    def energy(positions: Tensor) -> Tensor:
        return net({**given, "positions": positions}, training=net.training, compute_force=False)["energy"]

    return Prepared(gradient_steps(net, energy, work), weights(net), len(work.receivers))


if __name__ == "__main__":
    serve(prepare, ("mace-torch", "e3nn"))
