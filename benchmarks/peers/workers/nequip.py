"""NequIP, near to SchNet (``l=0``) and in its usual small form (``small``: its preset S); pairs are handed over."""

from __future__ import annotations

import torch
from ase.data import chemical_symbols
from nequip.data import AtomicDataDict
from nequip.model import NequIPGNNModel
from nequip.utils.global_state import set_global_state
from torch import Tensor

from workers.protocol import serve
from workers.steps import Prepared, gradient_steps, weights
from workers.work import BASIS, CUTOFF, LAYERS, WIDTH, Work

FORMS = {
    "l=0": {
        "l_max": 0,
        "parity": False,
        "num_layers": LAYERS,
        "num_features": WIDTH,
        "num_bessels": BASIS,
        "type_embed_num_features": 32,
        "radial_mlp_depth": 1,
        "radial_mlp_width": WIDTH,
    },
    "small": {
        "l_max": 1,
        "parity": False,
        "num_layers": 2,
        "num_features": [128, 64],
        "num_bessels": 8,
        "type_embed_num_features": 32,
        "radial_mlp_depth": 1,
        "radial_mlp_width": 128,
    },
}


def network(form: str, species: list[int], neighbours: float) -> torch.nn.Module:
    """The network for energies; forces are derived outside, as for the other peers."""
    return NequIPGNNModel(
        seed=0,
        model_dtype="float32",
        compile_mode="eager",
        do_derivatives=False,
        r_max=CUTOFF,
        type_names=[chemical_symbols[number] for number in species],
        avg_num_neighbors=neighbours,
        **FORMS[form],
    )


def prepare(work: Work, form: str) -> Prepared:
    """Steps of the eager network."""
    set_global_state()
    species = sorted(set(work.species.tolist()))
    net = network(form, species, len(work.receivers) / len(work.species))
    given = {
        AtomicDataDict.ATOM_TYPE_KEY: torch.searchsorted(torch.tensor(species), work.species),
        AtomicDataDict.EDGE_INDEX_KEY: torch.stack((work.receivers, work.senders)),
        AtomicDataDict.BATCH_KEY: work.system_of,
        AtomicDataDict.NUM_NODES_KEY: work.n_particles,
    }

    def energy(positions: Tensor) -> Tensor:
        out = net({**given, AtomicDataDict.POSITIONS_KEY: positions})
        return out[AtomicDataDict.TOTAL_ENERGY_KEY][:, 0].float()

    return Prepared(gradient_steps(net, energy, work), weights(net), len(work.receivers))


if __name__ == "__main__":
    serve(prepare, ("nequip", "e3nn"))
