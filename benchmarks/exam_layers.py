"""MessagePassingLayer with a table against its formula written out with torch.cdist. Wanted: ten times as fast.

    python benchmarks/exam_layers.py [--knots 128] [--rounds 40] [--threads 1 2]

B = 32 clouds of N = 23 particles within 2.5 angstrom of their middle, F = 64 features, float32. Rounds take turns, the
number is the median; ratios are medians over the rounds, so that what else the machine does is on both sides.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from empnet.model.message_passing import MessagePassingLayer

B, N, F, R_MAX = 32, 23, 64, 5.0


def literal(layer: MessagePassingLayer, r: Tensor, f: Tensor) -> Tensor:
    """f_bar_jk = softplus(sum_i phi(d_ji)_k f_ik), with phi on all B N N distances."""
    d = torch.cdist(r, r)
    return torch.nn.functional.softplus(torch.einsum("bjik,bik->bjk", layer.phi(d[..., None]), f))


def tasks(knots: int) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    """By name: the literal form and the layer, with the same parameters and the same work."""
    torch.manual_seed(0)
    table = MessagePassingLayer(N, F, knots=knots, r_max=R_MAX)
    direction = torch.nn.functional.normalize(torch.randn(B, N, 3, dtype=torch.float64), dim=-1)
    r = R_MAX / 2 * torch.rand(B, N, 1, dtype=torch.float64) ** (1 / 3) * direction
    f = torch.randn(B, N, F)
    forms = (lambda r, f: literal(table, r.float(), f)), table
    wanted = literal(table.double(), r, f.double())
    error, deviation = table.table_error(), (table(r, f) - wanted).abs().max().item()
    print(f"{knots} knots on {R_MAX} angstrom: the table differs from phi by at most {error:.1e};")
    table.float()
    deviation_float = (table(r, f) - wanted).abs().max().item()
    print(f"f_bar from the formula in float64 by {deviation:.1e}, in float32 by {deviation_float:.1e}")

    def forward(form: Callable[[Tensor, Tensor], Tensor]) -> Callable[[], object]:
        return torch.no_grad()(lambda: form(r, f))

    def both(form: Callable[[Tensor, Tensor], Tensor], of_inputs: bool) -> Callable[[], object]:
        def step() -> None:
            inputs = [x.clone().requires_grad_(of_inputs) for x in (r, f)]
            form(*inputs).square().sum().backward()

        return step

    return {
        "forward": (forward(forms[0]), forward(forms[1])),
        "forward, backward: parameters": (both(forms[0], False), both(forms[1], False)),
        "forward, backward: parameters, r and f": (both(forms[0], True), both(forms[1], True)),
    }


def seconds(act: Callable[[], object], clock: Callable[[], float], times: int = 5) -> float:
    """How long it takes, the mean of a few in a row: the layers' own caches, as in training, and not the other's."""
    began = clock()
    for _ in range(times):
        act()
    return (clock() - began) / times


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--knots", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--cpu-time", action="store_true", help="processor time, for machines that are not quiet")
    arguments = parser.parse_args()
    clock = time.process_time if arguments.cpu_time else time.perf_counter
    work = tasks(arguments.knots)
    print(f"B = {B}, N = {N}, F = {F}; ms, medians of {arguments.rounds} rounds in turn\n")
    print(
        "| threads | work | formula with torch.cdist | MessagePassingLayer with knots | ratio |\n|---|---|---|---|---|"
    )
    for threads in arguments.threads:
        torch.set_num_threads(threads)
        for name, forms in work.items():
            rounds = [[seconds(form, clock) for form in forms] for _ in range(arguments.rounds + 3)][3:]
            plain, ours = (1e3 * statistics.median(column) for column in zip(*rounds, strict=True))
            ratio = statistics.median(a / b for a, b in rounds)
            print(f"| {threads} | {name} | {plain:.2f} | {ours:.2f} | {ratio:.1f} |")


if __name__ == "__main__":
    main()
