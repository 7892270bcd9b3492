"""Optimiser of a run: orthogonalised momentum for matrices, AdamW for all other parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim.adamw import adamw

from empnet.model.network import Network

__all__ = ["Muon", "new_optimizer", "orthogonalised"]

WEIGHT_DECAY = 1e-5
BETAS = (0.9, 0.99)
"""AdamW's decay rates. With the usual second one, 0.999, an odd batch can move weights by three learning rates."""

QUINTIC = (3.4445, -4.7750, 2.0315)
"""Coefficients of x -> a x + b x^3 + c x^5, which maps all of (0, 1] near one in a few rounds."""

ROUNDS = 5
"""Rounds of the iteration. With four, networks for forces learn more slowly: weak directions count
(docs/experiments.md)."""

RMS_OF_ADAM = 0.2
"""Typical root mean square of AdamW's steps in units of the learning rate: so one learning rate serves both."""


def orthogonalised(G: Float[Tensor, "*batch m n"]) -> Float[Tensor, "*batch m n"]:
    r"""Return, approximately, the nearest matrix with orthogonal rows (or columns, if these are fewer).

    .. math:: G = U S V^T \;\to\; U \, p(S) \, V^T, \quad p(s) \in (0.7, 1.2)

    by a polynomial iteration on the Gram matrix, :math:`R = G G^T`: all is a polynomial in R times G, so only the first
    and the last product are with G itself, which is far wider than high for networks on many invariants. G is scaled
    by the root of R's norm, which is closer to its largest singular value than its own norm.

    References:
        Muon: an optimizer for hidden layers in neural networks, Jordan et al., 2024,
        https://kellerjordan.github.io/posts/muon/ (torch.optim.Muon computes it in bfloat16, which is slow on CPUs).

    Arguments:
        G: Matrices, shape (..., m, n).

    Example:
        >>> X = orthogonalised(torch.tensor([[3.0, 0.0], [0.0, 0.1]]))
        >>> bool(((X.diagonal() > 0.6) & (X.diagonal() < 1.3)).all())
        True
    """
    wide = G.shape[-2] <= G.shape[-1]
    R = G @ G.mT if wide else G.mT @ G
    size = R.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-30)
    R = R / size
    Q = P = _quintic(R)
    for _ in range(ROUNDS - 1):
        R = P @ R @ P
        P = _quintic(R)
        Q = P @ Q
    Q = Q * size.rsqrt()
    return Q @ G if wide else G @ Q


def _quintic(R: Float[Tensor, "*batch s s"]) -> Float[Tensor, "*batch s s"]:
    """Return a + b R + c R^2."""
    a, b, c = QUINTIC
    P = b * R + c * (R @ R)
    P.diagonal(dim1=-2, dim2=-1).add_(a)
    return P


class Muon(torch.optim.Optimizer):
    r"""Optimiser with steps of equal size in all directions of a matrix's momentum; AdamW for other parameters.

    .. math::
        M' = 0.95 M + 0.05 G, \qquad
        W' = W - 0.2 \, \eta \sqrt{\max(m, n)} \; \mathrm{orthogonalised}(0.95 M' + 0.05 G)

    Adam treats the entries of a matrix as independent; here its few strong directions do not outweigh the weak ones,
    and networks for forces learn in half the steps (docs/experiments.md).

    References:
        Muon: an optimizer for hidden layers in neural networks, Jordan et al., 2024,
        https://kellerjordan.github.io/posts/muon/

    Arguments:
        matrices: Parameters of two or more axes, of which the last two are rows and columns.
        others: All other parameters.
        lr: Peak learning rate of both.
        betas: AdamW's decay rates.
        weight_decay: Weight decay of AdamW.

    Example:
        >>> W = torch.nn.Parameter(torch.eye(2))
        >>> optimizer = Muon([W], [], lr=0.5)
        >>> W.square().sum().backward()
        >>> optimizer.step()
        >>> bool((W.diagonal() < 1).all())
        True
    """

    def __init__(
        self,
        matrices: Iterable[Tensor],
        others: Iterable[Tensor],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        momentum: float = 0.95,
    ) -> None:
        groups = [{"params": list(matrices), "matrices": True}, {"params": list(others), "matrices": False}]
        defaults = {"lr": lr, "betas": betas, "weight_decay": weight_decay, "momentum": momentum, "eps": 1e-8}
        super().__init__([group for group in groups if group["params"]], defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Move all parameters that have a gradient.

        Arguments:
            closure: Not used; the interface of optimisers requires it.
        """
        for group in self.param_groups:
            moving = [p for p in group["params"] if p.grad is not None]
            if group["matrices"]:
                self._turn(moving, group)
            elif moving:
                self._adapt(moving, group)

    def _turn(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        """Move matrices along their orthogonalised momentum, all matrices of one shape at once."""
        alike: dict[tuple[int, int], list[Tensor]] = {}
        for p in parameters:
            alike.setdefault((p.shape[-2], p.shape[-1]), []).append(p)
        for (m, n), members in alike.items():
            updates = torch.cat([self._momentum(p, group["momentum"]).reshape(-1, m, n) for p in members])
            size = RMS_OF_ADAM * group["lr"] * max(m, n) ** 0.5
            sizes = [p.numel() // (m * n) for p in members]
            for p, update in zip(members, orthogonalised(updates).split(sizes), strict=True):
                p.add_(update.view_as(p), alpha=-size)

    def _momentum(self, p: Tensor, memory: float) -> Tensor:
        """Update the momentum, and return it one step ahead (Nesterov)."""
        state = self.state[p]
        if not state:
            state["momentum"] = torch.zeros_like(p)
        assert p.grad is not None  # invariant: the caller passes only parameters with a gradient
        return p.grad.lerp(state["momentum"].lerp_(p.grad, 1 - memory), memory)

    def _adapt(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        """Move parameters by AdamW."""
        for p in parameters:
            if not self.state[p]:
                self.state[p] = {
                    "step": torch.zeros((), dtype=torch.float32, device=p.device),
                    "exp_avg": torch.zeros_like(p),
                    "exp_avg_sq": torch.zeros_like(p),
                }
        states = [self.state[p] for p in parameters]
        adamw(
            parameters,
            [p.grad for p in parameters],  # type: ignore[misc]
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            [state["step"] for state in states],
            fused=True,
            amsgrad=False,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
        )


def new_optimizer(model: Network, rate: float) -> Muon:
    """Return the optimiser of a run: Muon for matrices inside the network, AdamW for its ends and vectors.

    Arguments:
        model: Model whose weights it moves.
        rate: Peak learning rate.
    """
    ends = {id(model.embedding.weight), id(model.readout[-1].weight)}
    inside = [p for p in model.parameters() if p.ndim >= 2 and id(p) not in ends]
    chosen = {id(p) for p in inside}
    others = [p for p in model.parameters() if id(p) not in chosen]
    return Muon(inside, others, lr=rate, betas=BETAS, weight_decay=WEIGHT_DECAY)
