"""Hidden units that say the same of all particles: parts of the network that have died."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from torch import Tensor

from empnet.apply.audit.record import AuditLine, skipped, verdict_of
from empnet.apply.audit.subject import OPERATIONS, Subject
from empnet.data.dataset import Dataset
from empnet.data.seen import Seen

__all__ = ["MOST_DEAD", "dead_units_line"]

MOST_DEAD = 0.5
"""A layer with fewer than half of its units alive would do with the next smaller width that anybody tries, half as
many: the network is not the one that was asked for. Single dead units are common and harmless."""

DONE = "Hidden units whose output is the same for all particles are counted, layer by layer."


@dataclass(slots=True)
class _Range:
    """Smallest and largest values of each column so far."""

    low: Tensor = field(default_factory=lambda: torch.tensor(torch.inf))
    high: Tensor = field(default_factory=lambda: torch.tensor(-torch.inf))

    def add(self, rows: Tensor) -> None:
        """Take further rows into account."""
        if len(rows):
            self.low = torch.minimum(self.low, rows.amin(dim=0))
            self.high = torch.maximum(self.high, rows.amax(dim=0))

    @property
    def width(self) -> Tensor:
        """Largest less smallest value of each column."""
        return self.high - self.low

    @property
    def largest(self) -> float:
        """Largest size of any value."""
        return float(torch.maximum(self.low.abs(), self.high.abs()).max())


@torch.no_grad()
def dead_units_line(subject: Subject, dataset: Dataset) -> AuditLine:
    """Count the dead units of each hidden layer, and judge the layer with the largest share of them.

    A unit is dead if its output varies over the data by less than 8 eps of what the liveliest unit of its layer does:
    that is lost when the next layer adds them up. Filters are evaluated at their knots from the shortest distance of
    the data on. A layer whose input is the same for all particles is not judged: it cannot be lively.

    Arguments:
        subject: The model under audit.
        dataset: The data, as the model takes them.
    """
    model, card = subject.predictor.model, subject.predictor.card
    knots = model.spline.knots >= Seen.of(dataset).shortest - model.spline.spacing
    seen: dict[str, tuple[_Range, _Range]] = {}
    handles = []
    for name, module in model.named_modules():
        if type(module).__module__ == torch.nn.SiLU.__module__:  # any activation of torch
            seen[name] = _Range(), _Range()
            rows = knots if ".phi." in name else slice(None)
            handles.append(module.register_forward_hook(partial(_note, ranges=seen[name], rows=rows)))
    try:
        for chunk in dataset.chunks(np.arange(len(dataset))):
            model(dataset.batch(chunk, card.encoder, card.torch_dtype))
    finally:
        for handle in handles:
            handle.remove()
    tolerance = OPERATIONS * subject.eps
    judged = {
        name: (int((out.width <= tolerance * out.width.max()).sum()), out.width.numel())
        for name, (given, out) in seen.items()
        if given.width.max() > tolerance * given.largest
    }
    if not judged:
        return skipped("dead units", DONE, "all particles of these data are alike")
    return _line(judged)


def _note(
    _: torch.nn.Module, given: tuple[Tensor, ...], out: Tensor, *, ranges: tuple[_Range, _Range], rows: Tensor | slice
) -> None:
    ranges[0].add(given[0][rows])
    ranges[1].add(out[rows])


def _line(judged: dict[str, tuple[int, int]]) -> AuditLine:
    worst = max(judged, key=lambda name: judged[name][0] / judged[name][1])
    dead, units = judged[worst]
    share = dead / units
    all_dead, everything = (sum(column) for column in zip(*judged.values(), strict=True))
    by_layer = ", ".join(f"{name.rpartition('.')[0]} {n} of {m}" for name, (n, m) in judged.items() if n)
    told = f"{all_dead} of {everything} units are dead" + (f": {by_layer}" if by_layer else "")
    return AuditLine("dead units", DONE, share, MOST_DEAD, "", verdict_of(share <= MOST_DEAD), remark=told)
