"""Optimiser of a run: orthogonalised momentum for matrices, AdamW for all other parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim.adamw import adamw

from empnet.kernels import choose, reference
from empnet.model.network import Network
from empnet.native.library import native_of, threads

__all__ = ["Muon", "all_orthogonalised", "new_optimizer", "orthogonalised"]

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


def all_orthogonalised(matrices: list[Tensor]) -> list[Tensor]:
    """Return :func:`orthogonalised` of many stacks of matrices: in libempnet in one call, where it serves them.

    Arguments:
        matrices: Stacks of matrices, each of shape (..., m, n), of one dtype and device.

    Example:
        >>> torch.manual_seed(0)  # doctest: +ELLIPSIS
        <torch._C.Generator object at ...>
        >>> G = [torch.randn(3, 4), torch.randn(2, 8, 5)]
        >>> [torch.allclose(X, orthogonalised(Y), atol=1e-5) for X, Y in zip(all_orthogonalised(G), G)]
        [True, True]
    """
    dtype = matrices[0].dtype
    if choose(matrices[0].device, dtype) is reference:
        return _by_torch(matrices)
    given = [G.contiguous() for G in matrices]
    found = [torch.empty_like(G) for G in given]
    single, results = ([x for stack in stacks for x in stack.view(-1, *stack.shape[-2:])] for stacks in (given, found))
    numbers = zip(*((*x.shape, x.data_ptr(), y.data_ptr()) for x, y in zip(single, results, strict=True)), strict=True)
    columns = (np.array(column, dtype=np.int64) for column in numbers)
    native_of("orthogonalise", dtype)(len(single), *columns, np.array(QUINTIC), ROUNDS, threads())
    return found


def _by_torch(matrices: list[Tensor]) -> list[Tensor]:
    """Orthogonalise all matrices of one shape at once."""
    alike: dict[tuple[int, int], list[int]] = {}
    for i, G in enumerate(matrices):
        alike.setdefault((G.shape[-2], G.shape[-1]), []).append(i)
    found = list(matrices)
    for (m, n), members in alike.items():
        stacks = [matrices[i].reshape(-1, m, n) for i in members]
        turned = orthogonalised(torch.cat(stacks)).split([len(stack) for stack in stacks])
        for i, part in zip(members, turned, strict=True):
            found[i] = part.view_as(matrices[i])
    return found


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
        """Move matrices along their orthogonalised momentum."""
        if not parameters:
            return
        updates = self._momenta(parameters, group["momentum"])
        alike: dict[float, tuple[list[Tensor], list[Tensor]]] = {}
        for p, turned in zip(parameters, all_orthogonalised(updates), strict=True):
            size = RMS_OF_ADAM * group["lr"] * max(p.shape[-2:]) ** 0.5
            moved, by = alike.setdefault(size, ([], []))
            moved.append(p)
            by.append(turned)
        for size, (moved, by) in alike.items():
            torch._foreach_add_(moved, by, alpha=-size)

    def _momenta(self, parameters: list[Tensor], memory: float) -> list[Tensor]:
        """Update the momenta, and return them one step ahead (Nesterov)."""
        for p in parameters:
            if not self.state[p]:
                self.state[p]["momentum"] = torch.zeros_like(p)
        momenta = [self.state[p]["momentum"] for p in parameters]
        gradients: list[Tensor] = [p.grad for p in parameters]  # type: ignore[misc]
        torch._foreach_lerp_(momenta, gradients, 1 - memory)
        return list(torch._foreach_lerp(gradients, momenta, memory))

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
