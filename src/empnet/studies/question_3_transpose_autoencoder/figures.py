"""Figures of the study of the transpose autoencoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter

from empnet.pages.svg import COLOURS
from empnet.studies.question_3_transpose_autoencoder.measured import Measured

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_batches", "draw_growth", "draw_landscape", "draw_race", "draw_sphere", "draw_subspaces"]

OPTIMISER_NAMES = {"lbfgs": "L-BFGS", "sgd": "gradient descent", "momentum": "with momentum", "adam": "Adam"}


def draw_landscape(figure: Figure, e: Measured) -> str:
    """Draw the loss over the plane of two weights, with critical points and descents."""
    axes = figure.subplots()
    found = e.landscape
    grid = np.linspace(-1.6, 1.6, 161)
    a = np.stack(np.meshgrid(grid, grid), axis=-1)
    kept = np.einsum("xyi,ij,xyj->xy", a, found.moments, a)
    loss = 1 + ((a**2).sum(-1) - 2) * kept
    levels = np.quantile(loss, np.linspace(0, 0.8, 14))
    axes.contour(grid, grid, loss, levels=np.unique(levels), colors="grey", linewidths=0.6, alpha=0.7)
    for number in range(found.paths.shape[1]):
        path = found.paths[:, number]
        axes.plot(path[:, 0], path[:, 1], color=COLOURS[0], linewidth=1.3, label=None if number else "descents")
        axes.plot(*path[0], "o", color=COLOURS[0], markersize=3)
    _, vectors = np.linalg.eigh(found.moments)
    for vector, mark, colour, name in ((vectors[:, 1], "*", 2, "optima"), (vectors[:, 0], "X", 1, "saddles")):
        both = np.stack([vector, -vector])
        axes.plot(both[:, 0], both[:, 1], mark, color=COLOURS[colour], markersize=11, linestyle="none", label=name)
    axes.plot(0, 0, "s", color=COLOURS[5], label="maximum", linestyle="none")
    axes.set(xlabel="first weight", ylabel="second weight", aspect="equal")
    axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5))
    return (
        "The reconstruction loss of two features (lines of equal loss), with paths of gradient descent: two minima of "
        "the same depth, two saddles and a maximum at the origin. No path ends elsewhere than in a minimum."
    )


def draw_race(figure: Figure, e: Measured) -> str:
    """Draw the loss above the optimum's against passes."""
    axes = figure.subplots()
    for name, (passes, above) in e.race.curves.items():
        axes.plot(passes, above, label=OPTIMISER_NAMES[name])
    axes.set(
        yscale="log",
        xlabel="passes over the data",
        ylabel="loss above the lowest, share of largest variance",
    )
    axes.legend()
    return (
        "The four optimisers from the same start, each at its best learning rate until its loss has arrived. L-BFGS "
        "looks at the data several times in a step, which is counted."
    )


def draw_batches(figure: Figure, e: Measured) -> str:
    """Draw passes and steps against batch size."""
    left, right = figure.subplots(1, 2)
    b = e.batches
    sizes, passes = np.array(b.sizes), np.array(b.passes)
    arrived = np.isfinite(passes)
    steps = passes * np.ceil(sizes[-1] / sizes)
    left.plot(sizes[arrived], passes[arrived], "o-")
    right.plot(sizes[arrived], steps[arrived], "o-", color=COLOURS[1])
    for axes, name in ((left, "passes over the data"), (right, "steps")):
        axes.set(xscale="log", yscale="log", xlabel="data points in a batch", ylabel=f"{name} until arrival")
        for axis, ticks in ((axes.xaxis, (1,)), (axes.yaxis, (1, 2, 5))):
            axis.set_major_locator(LogLocator(subs=ticks))
            axis.set_major_formatter("{x:g}")
            axis.set_minor_formatter(NullFormatter())
    if not arrived.all():
        late = ", ".join(map(str, sizes[~arrived]))
        return f"Passes and steps until the loss has arrived. Batches of {late} did not, within the time they had."
    return (
        "Small batches need fewer passes over the data (left), large ones fewer steps (right), each at its best "
        "learning rate. The choice lies between: as many as the machine computes in the time of one."
    )


def draw_subspaces(figure: Figure, e: Measured) -> str:
    """Draw angles to the principal components by number of latent variables."""
    axes = figure.subplots()
    spaces = list(e.principal.subspaces.values())
    ks = [space.k for space in spaces]
    floor = 1e-16
    axes.plot(ks, [max(space.rows, floor) for space in spaces], "o--", label="rows as trained")
    axes.plot(ks, [max(space.rotated, floor) for space in spaces], "s-", label="components after the final SVD")
    axes.plot(ks, [max(space.span, floor) for space in spaces], "^:", label="spans")
    axes.axhline(1e-5, color="grey", linewidth=0.8)
    axes.set(yscale="log", xlabel="latent variables", ylabel="largest angle to PCA, rad", xticks=ks, ylim=(1e-10, 10))
    axes.legend(loc="center right", bbox_to_anchor=(1, 0.62))
    return (
        "The trained rows span what the principal components span (below the grey line, at which claims are decided), "
        "but are turned within it; a final singular value decomposition turns them back."
    )


def draw_sphere(figure: Figure, e: Measured) -> str:
    """Draw the angle to the optimum in each step, for the four parametrisations."""
    axes = figure.subplots()
    for number, training in e.sphere.items():
        angles = training.angles
        seen = np.isfinite(angles)
        steps = np.arange(1, len(angles) + 1)
        if seen.any():
            name = f"{training.name}: {training.arrived} of {training.n_starts} arrive"
            axes.plot(steps[seen], angles[seen], color=COLOURS[number - 1], label=name)
        else:
            axes.plot([], [], color=COLOURS[number - 1], label=f"{training.name}: never a number")
    axes.axhline(0.1, color="grey", linewidth=0.8)
    axes.set(xscale="log", yscale="log", xlabel="step", ylabel="median angle to the optimum, rad")
    axes.legend(loc="lower left", fontsize=8)
    p = e.premises
    signs = "mixed signs and a last entry near zero" if p.first == "mixed" else "positive entries only"
    data = "handwritten digits" if p.data == "digits" else f"data whose first component has {signs}"
    return (
        f"Stochastic gradient descent with four ways to hold |a| = 1, each at its best learning rate, on {data}. Below "
        "the grey line a start has arrived; a line ends where, from some start, a is no longer a number."
    )


def draw_growth(figure: Figure, e: Measured) -> str:
    """Draw the norm under gradient descent on the encoder's loss."""
    axes = figure.subplots()
    norms = e.encoder.norms
    axes.plot(np.arange(len(norms)), norms)
    axes.set(yscale="log", xlabel="step of gradient descent", ylabel="|a|")
    return f"|a| under gradient descent on minus the variance of z: from {norms[0]:.2f} to {norms[-1]:.3g}."
