"""Pictures of systems that turn: 3Dmol.js with a little script of our own, over a still picture that always shows."""

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
    """A picture with its caption: still until the script replaces it.

    Arguments:
        scene: What is drawn.
        number: Of the scene in what :func:`script` is given.
        label: What it shows, for those who cannot see it.
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
    """Make a legend of species' colours, over several scenes."""
    colours = {look.name: look.colour for scene in scenes for look in scene.looks}
    names = (f'<span><i style="background:{colour}"></i>{escape(name)}</span>' for name, colour in colours.items())
    return f'<div class="legend">{"".join(names)}</div>'


def script(scenes: Sequence[Scene], more: str = "") -> str:
    """The viewer's library, the scenes and the script that brings both together; empty without scenes.

    The number of a stage's scene can change: set ``data-scene`` and send the stage the event ``scenechange``.

    Arguments:
        scenes: In the order of their numbers.
        more: JavaScript that comes last, and knows SCENES.
    """
    if not scenes:
        return ""
    folder = files("empnet.pages.report").joinpath("assets")
    library, own = (folder.joinpath(name).read_text(encoding="utf-8") for name in ("3Dmol-min.js", "viewer.js"))
    data = json.dumps([scene.to_json() for scene in scenes], separators=(",", ":"))
    licence = folder.joinpath("LICENSE").read_text(encoding="utf-8").replace("*/", "* /")
    return _inline(f"/*!\n{licence}*/\n{library}\nconst SCENES = {data};\n{own}\n{more}")


def _inline(code: str) -> str:
    r"""Code that may stand in a page: nothing in it ends the script, or begins a comment of HTML.

    In JavaScript's strings and regular expressions ``\x3c`` is the same as ``<``.
    """
    for mark in ("</script", "<script", "<!--"):
        code = code.replace(mark, mark.replace("<", r"\x3c"))
    return code
