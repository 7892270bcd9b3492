"""Figure of the differences of inputs, layer by layer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from empnet.studies.question_1d_dead_relu.measurement import Signal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw"]


def draw(figure: Figure, e: Signal) -> str:
    """Draw the signal through the layers, and that of other networks.

    Arguments:
        figure: Figure to draw on.
        e: Measurement.
    """
    axes = figure.subplots()
    seen = [value for spread in e.spreads.values() for value in spread if value > 0]
    lowest, highest = (math.floor(math.log10(extreme(seen))) for extreme in (min, max))
    step = max(1, math.ceil((highest - lowest) / 6))
    zero = 10.0 ** (lowest - 2 * step)  # a logarithm has no place for it, so it is put well below all else
    for number, (name, spread) in enumerate(e.spreads.items()):
        own = {"color": "C5", "linewidth": 4} if number == 0 else {"color": f"C{number - 1}", "linestyle": "--"}
        axes.plot(range(len(spread)), np.where(spread > 0, spread, zero), marker="o", markersize=4, label=name, **own)
    places = ["input", *map(str, range(1, len(e.alive) + 1)), "output"]
    ticks = range(highest, lowest - 1, -step)
    axes.set(yscale="log", xlabel="hidden layer", ylabel="largest difference of two inputs")
    axes.set_yticks([zero, *(10.0**tick for tick in ticks)], ["0", *(f"$10^{{{tick}}}$" for tick in ticks)])
    axes.minorticks_off()
    axes.set_xticks(range(len(places)), places)
    figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    return (
        "The largest difference that any two of the inputs make to a number at the input, to a unit of each hidden "
        "layer and to the output: mean over random networks. Thick and red: the networks of this study; dashed: one "
        "thing is changed. Where the line is at 0, no later layer can distinguish inputs."
    )
