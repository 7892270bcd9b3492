"""Show the classes of a tile's objects: a picture in plan view, and a LAS file with object and class of each point.

    python show.py tile.las out

reads out/segments.npz and out/objects.csv, and writes out/classes.png and out/classes.las.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import laspy
import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Int64
from laspy import ExtraBytesParams, LasData

CODES = {"bush": (3, 4), "tree": (5,), "building": (6,), "bridge": (17,)}  # of LAS; 0 to 2 say nothing about objects


def read_classes(table: Path) -> dict[int, str]:
    """Return the class of each object by its number.

    Arguments:
        table: What ``empnet predict`` wrote.
    """
    with table.open(newline="", encoding="utf-8") as file:
        return {int(Path(row["file"]).stem): row["empnet_label"] for row in csv.DictReader(file)}


def draw(tile: LasData, objects: Int64[np.ndarray, " n"], classes: dict[int, str], path: Path) -> None:
    """Draw the tile from above: objects in the colour of their class, with their numbers.

    Arguments:
        tile: The scan.
        objects: Number of the object of each point; 0 for the ground and small objects.
        classes: Class of each object.
        path: Path of the picture.
    """
    x, y = np.asarray(tile.x), np.asarray(tile.y)
    figure, axes = plt.subplots(figsize=(14, 14 * np.clip(np.ptp(y) / np.ptp(x), 0.3, 2)), layout="constrained")
    axes.scatter(x[objects == 0], y[objects == 0], s=0.5, color="0.85", linewidths=0, rasterized=True)
    for place, name in enumerate(sorted(set(classes.values()))):
        numbers = [number for number, of in classes.items() if of == name]
        mine = np.isin(objects, numbers)
        axes.scatter(x[mine], y[mine], s=2, color=f"C{place}", linewidths=0, label=f"{name} ({len(numbers)})")
    for number in classes:
        mine = objects == number
        axes.annotate(str(number), (x[mine].mean(), y[mine].mean()), ha="center", va="center", fontsize=7)
    axes.legend(loc="upper right", markerscale=6)
    axes.set(aspect="equal", xlabel="x (units of the file)", ylabel="y (units of the file)")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def write_las(tile: LasData, objects: Int64[np.ndarray, " n"], classes: dict[int, str], path: Path) -> None:
    """Write the tile with two more fields: ``object``, and ``object_class`` (0: none; 1 and on: names in their order).

    Arguments:
        tile: The scan.
        objects: Number of the object of each point.
        classes: Class of each object.
        path: Path of the file.
    """
    names = sorted(set(classes.values()))
    of_object = np.zeros(objects.max(initial=0) + 1, dtype=np.uint8)
    for number, name in classes.items():
        of_object[number] = 1 + names.index(name)
    legend = ",".join(names)[:31]  # a LAS file has room for no more
    tile.add_extra_dims([ExtraBytesParams("object", "u4"), ExtraBytesParams("object_class", "u1", legend)])
    tile.object, tile.object_class = objects.astype(np.uint32), of_object[objects]
    tile.write(str(path))


def report(tile: LasData, objects: Int64[np.ndarray, " n"], classes: dict[int, str]) -> None:
    """Print what the file itself says about each class: its codes, and how often a laser shot had several returns.

    Leaves let a part of a shot through; roofs and decks do not. The classifier sees neither.

    Arguments:
        tile: The scan.
        objects: Number of the object of each point.
        classes: Class of each object.
    """
    several = np.asarray(tile.number_of_returns) > 1
    codes = np.asarray(tile.classification, dtype=np.int64)
    right = known = 0
    for name in sorted(set(classes.values())):
        numbers = [number for number, of in classes.items() if of == name]
        mine = np.isin(objects, numbers)
        print(f"{name}: {len(numbers)} objects, {mine.sum():,} points, {several[mine].mean():.0%} from divided shots")
        told = mine & np.isin(codes, sum(CODES.values(), ()))
        known += int(np.count_nonzero(told))
        right += int(np.count_nonzero(told & np.isin(codes, CODES.get(name, ()))))
    if known:
        print(f"codes of the file: {right:,} of {known:,} points ({right / known:.1%}) have the predicted class")


def main() -> None:
    """Read the command line, draw and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tile", type=Path, help="the LAS or LAZ file that was cut into objects")
    parser.add_argument("out", type=Path, help="folder of the results")
    given = parser.parse_args()
    plt.switch_backend("Agg")  # no window
    tile = laspy.read(str(given.tile))
    objects = np.load(given.out / "segments.npz")["object"]
    classes = read_classes(given.out / "objects.csv")
    draw(tile, objects, classes, given.out / "classes.png")
    report(tile, objects, classes)
    write_las(tile, objects, classes, given.out / "classes.las")
    print(f"picture: {given.out / 'classes.png'}; points: {given.out / 'classes.las'}")


if __name__ == "__main__":
    main()
