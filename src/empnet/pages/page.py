"""A self-contained HTML page: light and dark, for phones and for paper."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from types import MappingProxyType

__all__ = ["Section", "figure", "page", "paragraph", "table"]

NO_MARKS: Mapping[str, str] = MappingProxyType({})

OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
"""An option of the command line in a text."""

CSS = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1c2430; --faint: #5d6878; --line: #d9dee5; --card: #f5f7f9;
  --good: #1d7a46; --warn: #9a6200; --bad: #b3261e; --link: #1f5fa8; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181e; --ink: #e4e8ee; --faint: #9aa6b5; --line: #323a45;
  --card: #1c222a; --good: #5fce93; --warn: #e8b454; --bad: #ff8a80; --link: #7db4f0; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; padding-top: .5rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.5rem 0 .3rem; }
p, li { max-width: 46rem; overflow-wrap: anywhere; }
nav { display: flex; flex-wrap: wrap; gap: .2rem 1rem; margin: 1rem 0; font-size: .9rem; }
a { color: var(--link); }
figure { margin: 1rem 0; } figure svg { width: 100%; height: auto; max-height: 34rem; display: block; }
figcaption { color: var(--faint); font-size: .85rem; max-width: 46rem; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--faint); font-weight: 600; }
td.number, th.number { text-align: right; white-space: nowrap; }
.good { color: var(--good); } .warn { color: var(--warn); } .bad { color: var(--bad); } .faint { color: var(--faint); }
.good, .warn, .bad { font-weight: 600; } .whole { white-space: nowrap; }
pre { background: var(--card); padding: .8rem; overflow-x: auto; font-size: .8rem; border-radius: .3rem; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(16rem, 1fr)); gap: 1rem; }
.card { background: var(--card); border-radius: .4rem; padding: .8rem; }
@media print { nav { display: none; } h2 { break-after: avoid; } figure { break-inside: avoid; } }
"""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page.

    Arguments:
        title: Its heading.
        body: HTML; texts from data must be escaped (:func:`paragraph` and :func:`table` escape them).
    """

    title: str
    body: str

    @property
    def anchor(self) -> str:
        """The section's id, the target of a link.

        Example:
            >>> Section("Learning curves", "").anchor, Section('Errors of "E"', "").anchor
            ('learning-curves', 'errors-of-e')
        """
        return "-".join(re.findall(r"\w+", self.title.lower()))


def page(title: str, lead: str, sections: Sequence[Section], *, script: str = "") -> str:
    """Return the whole page.

    Arguments:
        title: Heading of the page and title of the window.
        lead: HTML before the sections.
        sections: The sections; each gets a link at the top of the page.
        script: JavaScript that runs after the page is loaded.

    Example:
        >>> text = page("A run", paragraph("It went well."), [Section("Errors", "<p>none</p>")])
        >>> text.startswith("<!doctype html>"), "http" in text
        (True, False)
    """
    links = "".join(f'<a href="#{section.anchor}">{escape(section.title)}</a>' for section in sections)
    parts = "\n".join(
        f'<section id="{section.anchor}"><h2>{escape(section.title)}</h2>\n{section.body}\n</section>'
        for section in sections
    )
    scripts = f"<script>\n{script}\n</script>\n" if script else ""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<link rel="icon" href="data:,">\n'  # else a browser asks a server for one
        f"<title>{escape(title)}</title>\n<style>{CSS}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{escape(title)}</h1>\n{lead}\n<nav>{links}</nav>\n{parts}\n</main>\n{scripts}</body>\n</html>\n"
    )


def paragraph(text: str, *, kind: str = "") -> str:
    """Return a paragraph of plain text, without line breaks within an option or before a per cent sign.

    Arguments:
        text: Plain text; it is escaped.
        kind: Class of the paragraph: "good", "warn", "bad", "faint" or empty.

    Example:
        >>> paragraph("a < b", kind="warn")
        '<p class="warn">a &lt; b</p>'
    """
    attribute = f' class="{kind}"' if kind else ""
    whole = OPTION.sub(r'<span class="whole">\g<0></span>', escape(text).replace(" %", "\N{NO-BREAK SPACE}%"))
    return f"<p{attribute}>{whole}</p>"


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: Sequence[int] = (),
    marks: Mapping[str, str] = NO_MARKS,
) -> str:
    """Return a table of plain texts, which scrolls separately on a narrow screen.

    Arguments:
        columns: The headings.
        rows: Rows with a text for each column; texts are escaped.
        numbers: Indices of right-aligned columns.
        marks: Class ("good", "warn" or "bad") of cells by their text.

    Example:
        >>> "<td>3 &lt; 4</td>" in table(["what"], [["3 < 4"]])
        True
    """

    def cells(tag: str, texts: Sequence[str]) -> str:
        kinds = ("number" if k in numbers else marks.get(text, "") for k, text in enumerate(texts))
        attributes = (f' class="{kind}"' if kind else "" for kind in kinds)
        return "".join(f"<{tag}{kind}>{escape(text)}</{tag}>" for kind, text in zip(attributes, texts, strict=True))

    body = "\n".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return (
        f'<div class="scroll"><table>\n<thead><tr>{cells("th", columns)}</tr></thead>\n<tbody>\n{body}\n</tbody>\n'
        "</table></div>"
    )


def figure(element: str, caption: str) -> str:
    """Return a figure with its caption.

    Arguments:
        element: An SVG or another element.
        caption: Plain text; it is escaped.
    """
    return f"<figure>{element}<figcaption>{escape(caption)}</figcaption></figure>"
