"""Draw a scene as a still picture, for paper and for browsers without the viewer."""

from __future__ import annotations

from html import escape

import numpy as np

from empnet.pages.report.scene import Scene

__all__ = ["STILL", "still"]

STILL = 500
"""Largest number of particles in a still picture: more would make the page large."""

HALF = 100.0
"""Half the side of the picture's square."""


def still(scene: Scene, label: str) -> str:
    """Return the front view of the scene as an SVG: near particles cover far ones.

    Arguments:
        scene: The scene.
        label: Description of the picture for screen readers.
    """
    everything = np.concatenate([scene.positions, scene.cell.reshape(-1, 3)])
    widest = max((look.radius for look in scene.looks), default=1.0)
    scale = HALF / (float(np.abs(everything[:, :2]).max(initial=0.0)) + 1.5 * widest)
    xy = np.round(scene.positions[:, :2] * scale * (1, -1), 1)
    shown = np.arange(len(xy))
    if len(shown) > STILL:
        shown = np.sort(np.random.default_rng(0).choice(shown, STILL, replace=False))
    visible = set(shown.tolist())
    parts = [(float("-inf"), _line(start, end, "cell")) for start, end in scene.cell[:, :, :2] * scale * (1, -1)]
    for i, j in scene.bonds.tolist():
        if i in visible and j in visible:
            parts.append((float(scene.positions[[i, j], 2].mean()), _line(xy[i], xy[j], "bond")))
    for i in shown.tolist():
        look = scene.looks[scene.kinds[i]]
        x, y = xy[i].tolist()
        circle = f'<circle cx="{x:g}" cy="{y:g}" r="{look.radius * scale:.1f}" fill="{look.colour}"/>'
        parts.append((float(scene.positions[i, 2]), circle))
    drawn = "".join(element for _, element in sorted(parts, key=lambda part: part[0]))
    box = f"{-HALF:g} {-HALF:g} {2 * HALF:g} {2 * HALF:g}"
    return f'<svg class="still" role="img" aria-label="{escape(label)}" viewBox="{box}">{drawn}</svg>'


def _line(start: np.ndarray, end: np.ndarray, kind: str) -> str:
    x1, y1, x2, y2 = (f"{value:.1f}" for value in (*start, *end))
    return f'<line class="{kind}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'
