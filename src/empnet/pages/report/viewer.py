"""Rotatable pictures of systems: 3Dmol.js with a short script of the package, on top of a still picture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from importlib.resources import files

from empnet.pages.report.scene import MOST, Scene
from empnet.pages.report.still import STILL, still

__all__ = ["STYLE", "legend", "script", "view"]

STYLE = """
.stage { position: relative; height: 16rem; touch-action: pan-y; cursor: grab; border-radius: .3rem; overflow: hidden; }
.stage:focus-visible { outline: 2px solid var(--link); }
.stage svg.still { position: absolute; inset: 0; width: 100%; height: 100%; max-height: none; }
.stage.live svg.still { visibility: hidden; }
.stage .live3d { position: absolute; inset: 0; }
.still circle { stroke: var(--ink); stroke-opacity: .45; stroke-width: .8; }
.still .bond { stroke: #8792a0; stroke-width: 3.5; stroke-linecap: round; }
.still .cell { stroke: #8792a0; stroke-width: 1; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1rem; font-size: .85rem; margin: .5rem 0; }
.legend i { display: inline-block; width: .8em; height: .8em; border-radius: 50%; margin-right: .4em;
  border: 1px solid var(--faint); vertical-align: -.05em; print-color-adjust: exact; }
@media print { .stage.live svg.still { visibility: visible; } .stage .live3d { display: none; } }
"""


def view(scene: Scene, number: int, label: str, caption: str) -> str:
    """Return a picture with its caption: a still picture until the script replaces it.

    Arguments:
        scene: The scene.
        number: Index of the scene in the arguments of :func:`script`.
        label: Description of the picture for screen readers.
        caption: Plain text.
    """
    less = ""
    if scene.particles > MOST:
        less = f" {MOST:,} of its {scene.particles:,} particles are drawn."
    if len(scene.positions) > STILL:
        less += f" (The still picture shows {STILL:,}.)"
    return (
        f'<figure class="card"><div class="stage" data-scene="{number}">{still(scene, label)}</div>'
        f"<figcaption>{escape(caption + less)}</figcaption></figure>"
    )


def legend(scenes: Sequence[Scene]) -> str:
    """Return a legend of the species' colours in several scenes."""
    colours = {look.name: look.colour for scene in scenes for look in scene.looks}
    names = (f'<span><i style="background:{colour}"></i>{escape(name)}</span>' for name, colour in colours.items())
    return f'<div class="legend">{"".join(names)}</div>'


def script(scenes: Sequence[Scene], more: str = "") -> str:
    """Return the viewer's library, the scenes, and the script that shows them; an empty text without scenes.

    To show another scene on a stage, set ``data-scene`` and send the event ``scenechange`` to the stage.

    Arguments:
        scenes: The scenes in the order of their numbers.
        more: JavaScript after the other parts; it can use SCENES.
    """
    if not scenes:
        return ""
    folder = files("empnet.pages.report").joinpath("assets")
    library, own = (folder.joinpath(name).read_text(encoding="utf-8") for name in ("3Dmol-min.js", "viewer.js"))
    data = json.dumps([scene.to_json() for scene in scenes], separators=(",", ":"))
    licence = folder.joinpath("LICENSE").read_text(encoding="utf-8").replace("*/", "* /")
    return _inline(f"/*!\n{licence}*/\n{library}\nconst SCENES = {data};\n{own}\n{more}")


def _inline(code: str) -> str:
    r"""Return code that is safe in a page: no part of it ends the script or begins an HTML comment.

    In JavaScript's strings and regular expressions ``\x3c`` is the same as ``<``.
    """
    for mark in ("</script", "<script", "<!--"):
        code = code.replace(mark, mark.replace("<", r"\x3c"))
    return code
