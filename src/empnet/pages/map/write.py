"""Write the map of a run: a page and a picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from empnet.errors import EmpnetError, nearest
from empnet.files.source import Data
from empnet.pages.map.colours import scale_of
from empnet.pages.map.gather import gather
from empnet.pages.map.layout import lay_out
from empnet.pages.map.page import map_page
from empnet.pages.map.picture import map_picture
from empnet.prediction.load import as_predictor
from empnet.prediction.predictor import Predictor
from empnet.prediction.reading import Reading
from empnet.runtime.durable_files import refuse_to_replace, write_text
from empnet.runtime.pipes import keeping_pipes
from empnet.training.own_data import inputs_of
from empnet.training.run.journal import Journal

__all__ = ["COLOURED_BY", "MapResult", "map_run"]

LARGEST_SEED = 2**32 - 1
"""Largest seed that scikit-learn accepts."""

COLOURED_BY = ("property", "error")
"""Quantities that the colours of a map can show."""


@dataclass(frozen=True, slots=True, eq=False)
class MapResult:
    """A map as numbers, and the paths of its files.

    Arguments:
        name: The property.
        unit: Its unit.
        places: Place of each system, shape (n, 2), without unit.
        target: The property in the data, shape (n,), in the unit; nan where the data do not contain it.
        predicted: The predicted property, shape (n,), in the unit.
        explained: Share of the variance along each of the two axes.
        pca: Share of the variance along each of the two axes of scikit-learn's principal component analysis.
        shown: Indices of the systems on the page, shape (m,).
        page: Path of the HTML file.
        picture: Path of the PNG file.
    """

    name: str
    unit: str
    places: Float64[np.ndarray, "n 2"]
    target: Float64[np.ndarray, " n"]
    predicted: Float64[np.ndarray, " n"]
    explained: tuple[float, float]
    pca: tuple[float, float]
    shown: Int64[np.ndarray, " m"]
    page: Path
    picture: Path


@keeping_pipes
def map_run(
    run: Predictor | str | Path,
    data: Data | None = None,
    *,
    colour: str = "property",
    out: str | Path | None = None,
    seed: int = 0,
    force: bool = False,
    quiet: bool = False,
    **reading: Any,
) -> MapResult:
    """Write a map of systems, placed by their learned representations in two dimensions: a page and a picture.

    Arguments:
        run: The run folder, or its predictor.
        data: Path of the data, the name of bundled data, systems or ase.Atoms; default: the run's own test set
            (validation set, if it has no test set).
        colour: ``"property"`` (in the data, or predicted if some data lack it) or ``"error"`` (predicted minus true).
        out: Path of the page, ending in .html; the picture has the same name with the ending .png. Default: map.html
            in the run folder.
        seed: Seed of the layout, and of the sample on the page if there are too many systems.
        force: Whether to replace existing files.
        quiet: Print nothing.
        **reading: ``property``: the property, if the model predicts several (default: the first), or its name in the
            data; and any other argument of :class:`~empnet.prediction.reading.Reading`: names and units in the data.

    Raises:
        EmpnetError: If the data cannot be read or predicted, if there are too few systems or all are the same, if the
            data lack the property for errors, or if page or picture would replace an input. Nothing is written then.
        FileError: If page or picture cannot be written.

    Example:
        >>> from empnet import System
        >>> import tempfile
        >>> places = [[[0, 0, 0], [0, 0, 1 + 0.05 * i]] for i in range(20)]
        >>> pairs = [System(r, [1, 1], properties={"energy": r[1][2]}) for r in places]
        >>> run = empnet.train(pairs, "energy", out=tempfile.mkdtemp() + "/run", epochs=1, quiet=True).run
        >>> found = map_run(run, pairs, quiet=True)
        >>> found.places.shape, found.page.name, found.picture.name
        ((20, 2), 'map.html', 'map.png')
    """
    if colour not in COLOURED_BY:
        raise EmpnetError(
            f"unknown colour '{colour}'", wanted=" or ".join(COLOURED_BY), remedy=nearest(colour, COLOURED_BY)
        )
    if not 0 <= seed <= LARGEST_SEED:
        raise EmpnetError(f"--seed {seed}", wanted=f"a whole number from 0 to {LARGEST_SEED:,}")
    predictor = as_predictor(run)
    page, picture = _files(predictor, data, out, force)
    points = gather(predictor, data, Reading.of(reading), errors=colour == "error", seed=seed, quiet=quiet)
    layout, scale = lay_out(points.representation, points.side, seed), scale_of(points, errors=colour == "error")
    title = f"Map of {Path(predictor.run).resolve().name or 'a model'}: {points.name}"
    text = map_page(title, predictor.card, points, layout, scale, picture.name)
    journal = Journal(quiet, logged=False)
    journal.say(f"map of {len(points.target):,} systems ({points.side}), {len(points.shown):,} of them on the page")
    journal.say(layout.summary())
    write_text(page, text)
    map_picture(f"{title} ({len(points.target):,} systems)", layout, scale, picture)
    journal.say(f"page: {page}, picture: {picture}")
    found = (layout.places, points.target, points.predicted, layout.explained, layout.pca, points.shown)
    return MapResult(points.name, points.unit, *found, page, picture)


def _files(predictor: Predictor, data: object, out: str | Path | None, force: bool) -> tuple[Path, Path]:
    """Return the paths of page and picture; raise an error if they must not be written there."""
    if out is None and not predictor.run:
        raise EmpnetError("no place for the map: the predictor has no run folder", remedy="name one: --out map.html")
    page = Path(predictor.run) / "map.html" if out is None else Path(out)
    if page.suffix.lower() != ".html":
        raise EmpnetError(f"'{page}' is not the name of a page", where="--out", wanted="a name that ends in .html")
    picture = page.with_suffix(".png")
    for path in (page, picture):
        refuse_to_replace(path, force, inputs=[data, *(inputs_of(predictor.run) if predictor.run else [])])
    return page, picture
