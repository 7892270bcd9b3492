"""Who is measured: the peers, the forms in which each of them can be run, and in what they differ."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CONTESTANTS", "OURS", "PEERS", "Contestant", "contestants"]


@dataclass(frozen=True, slots=True)
class Contestant:
    """One network in one form, which has a process of its own.

    Arguments:
        peer: Name of the worker script and of the pin file.
        form: What the worker calls the form.
        label: Name in tables and figures.
        same: Whether it does the same matrix products a layer as the others of the main table.
        droplet: Whether it takes part in the measurements of droplets.
        note: What differs, in a sentence.
    """

    peer: str
    form: str
    label: str
    same: bool = True
    droplet: bool = True
    note: str = ""

    @property
    def key(self) -> str:
        """Name in the raw record."""
        return f"{self.peer}/{self.form}"

    @property
    def compiled(self) -> bool:
        """Whether the network is run through a compiler of torch's."""
        return self.form in ("compiled", "script")


OURS = "empnet"
_COMPILED = "`torch.compile` of the network; graphs are made before the timing starts."
_SCRIPT = "TorchScript of the network; its profiling runs are before the timing starts."

CONTESTANTS = (
    Contestant(
        OURS,
        "matched",
        "empnet",
        note="`products=False`, 128 knots (the default), hidden width 128 in phi; inference by `frozen()`.",
    ),
    Contestant(
        OURS,
        "default",
        "empnet, with products of sums",
        note="As above with `products=True`, the package's default: nine F x F products per layer instead of three.",
    ),
    Contestant("schnetpack", "eager", "SchNetPack SchNet", note="Gets the pairs; forces by its own `Forces` module."),
    Contestant("schnetpack", "compiled", "SchNetPack SchNet, compiled", droplet=False, note=_COMPILED),
    Contestant("schnetpack", "script", "SchNetPack SchNet, TorchScript", droplet=False, note=_SCRIPT),
    Contestant("pyg", "eager", "torch-geometric SchNet", note="Gets the pairs instead of torch_cluster's graph."),
    Contestant("pyg", "compiled", "torch-geometric SchNet, compiled", note=_COMPILED),
    Contestant(
        "torchmd_net",
        "eager",
        "TorchMD-Net graph network",
        note="Finds its pairs itself, within the measured time, because it cannot accept pairs.",
    ),
    Contestant("torchmd_net", "compiled", "TorchMD-Net graph network, compiled", droplet=False, note=_COMPILED),
    Contestant("graph_pes", "eager", "graph-pes SchNet", note="Gets the pairs; forces by its own `predict`."),
    Contestant("graph_pes", "script", "graph-pes SchNet, TorchScript", droplet=False, note=_SCRIPT),
    Contestant(
        "mace",
        "near",
        "MACE, nearest",
        same=False,
        droplet=False,
        note="128x0e, max_ell = 1 (0 fails in its contraction), correlation 1, 3 layers, 50 Bessel functions, radial "
        "network 50-128: nearest to SchNet, but with its linear maps for each element.",
    ),
    Contestant(
        "mace",
        "small",
        "MACE, small",
        same=False,
        droplet=False,
        note="Its usual small network: 128x0e, max_ell = 3, correlation 3, 2 layers, 8 Bessel functions.",
    ),
    Contestant(
        "nequip",
        "l=0",
        "NequIP, l = 0",
        same=False,
        droplet=False,
        note="l_max = 0, 128 features, 3 layers, 50 Bessel functions, radial network 50-128-128, 32 features of a "
        "type: nearest to SchNet, but with a linear map of features times types.",
    ),
    Contestant(
        "nequip",
        "small",
        "NequIP, small",
        same=False,
        droplet=False,
        note="Its preset S: l_max = 1, features 128 and 64, 2 layers, 8 Bessel functions.",
    ),
)

PEERS = tuple(dict.fromkeys(contestant.peer for contestant in CONTESTANTS))
"""All peers by name, this package first."""


def contestants(peers: tuple[str, ...], eager_only: bool = False) -> tuple[Contestant, ...]:
    """Those of the named peers.

    Arguments:
        peers: Names of peers.
        eager_only: Whether to leave out compiled forms.
    """
    return tuple(one for one in CONTESTANTS if one.peer in peers and not (eager_only and one.compiled))
