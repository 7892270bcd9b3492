"""Cut a LIDAR tile into objects: remove the ground, join what touches, write a cloud for each object.

    python segment.py tile.las out

writes out/objects/0001.ply and so on, and out/segments.npz with the height above the ground and the object of each
point. Lengths are metres.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float64, Int64
from plyfile import PlyData, PlyElement
from scipy.ndimage import distance_transform_edt, gaussian_filter, grey_opening, map_coordinates
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

import empnet
from empnet.system.units import convert

CELL = 1.0  # metres; a cell of the ground's grid
WINDOWS = (3, 5, 9, 17, 33)  # cells; what is narrower than the last one and stands out is not ground
SLOPE = 0.3  # steepest ground, metres per metre
STEP = 0.3  # metres that the ground may rise above this slope
NEIGHBOURS = 12  # of each point, to join objects; bounds the memory
GROUND = 2  # the code of LAS for ground


def read_tile(path: Path, unit: str | None = None) -> tuple[Float64[np.ndarray, "n 3"], Int64[np.ndarray, " n"]]:
    """Return the points of a tile in metres from its lowest corner, and the code of each point.

    Arguments:
        path: Path of a file with one scan, such as LAS or LAZ.
        unit: Unit of length of the file; None: as the file says, else metres.

    Returns:
        Positions in metres, and classification codes; all codes are 0 if the file has none.
    """
    (tile,) = empnet.read(path)
    if unit is None and "length_unit" not in tile.info:
        print(f"{path.name}: no unit of length is stated; taken as metres (change with --unit)")
    unit = unit or tile.info.get("length_unit", "m")
    # The corner goes first: coordinates of maps are large.
    positions = convert(tile.positions - tile.positions.min(0), unit, "m")
    codes = tile.arrays.get("classification", np.zeros(len(tile)))
    return positions, np.asarray(codes, dtype=np.int64)


def ground_surface(
    positions: Float64[np.ndarray, "n 3"], known: Bool[np.ndarray, " n"], cell: float = CELL
) -> Float64[np.ndarray, "rows columns"]:
    """Return the height of the ground on a grid.

    The lowest point of each cell is ground or an object. Openings with growing windows (Zhang et al., IEEE Trans.
    Geosci. Remote Sens. 41, 872 (2003)) remove what is narrower than the window and rises faster than ground can.

    Arguments:
        positions: Positions in metres, from the tile's lowest corner.
        known: True for points that may be ground.
        cell: Width of a cell in metres.
    """
    rows = (positions[:, :2] / cell).astype(np.int64)
    surface = np.full(rows.max(0) + 1, np.inf)
    np.minimum.at(surface, (rows[known, 0], rows[known, 1]), positions[known, 2])
    nearest = distance_transform_edt(np.isinf(surface), return_distances=False, return_indices=True)
    surface = surface[tuple(nearest)]  # empty cells take the height of the nearest one
    for window in WINDOWS:
        opened = grey_opening(surface, size=window, mode="nearest")
        allowed = STEP + SLOPE * cell * (window // 2)
        surface = np.where(surface - opened > allowed, opened, surface)
    return gaussian_filter(surface, 1.0, mode="nearest")


def heights_above(
    surface: Float64[np.ndarray, "rows columns"], positions: Float64[np.ndarray, "n 3"], cell: float = CELL
) -> Float64[np.ndarray, " n"]:
    """Return the height of each point above the ground, in metres.

    Arguments:
        surface: Height of the ground at the middle of each cell, in metres.
        positions: Positions in metres, from the tile's lowest corner.
        cell: Width of a cell in metres.
    """
    places = positions[:, :2].T / cell - 0.5
    return positions[:, 2] - map_coordinates(surface, places, order=1, mode="nearest")


def connected_objects(positions: Float64[np.ndarray, "n 3"], reach: float, smallest: int) -> Int64[np.ndarray, " n"]:
    """Return the number of the object that each point belongs to: 1 for the largest; 0 for points of small objects.

    Arguments:
        positions: Positions of points above the ground, in metres.
        reach: Largest distance in metres of two points that touch.
        smallest: Smallest number of points of an object.
    """
    n = len(positions)
    if n == 0:
        return np.zeros(0, dtype=np.int64)
    distances, others = cKDTree(positions).query(positions, k=NEIGHBOURS + 1, distance_upper_bound=reach)
    touching = np.isfinite(distances)
    first = np.broadcast_to(np.arange(n)[:, None], others.shape)[touching]
    graph = coo_array((np.ones(len(first), dtype=np.int8), (first, others[touching])), shape=(n, n))
    _, component = connected_components(graph, directed=False)
    sizes = np.bincount(component)
    order = np.argsort(-sizes, kind="stable")
    number = np.zeros(len(sizes), dtype=np.int64)
    number[order] = np.arange(1, len(sizes) + 1)
    number[sizes < smallest] = 0
    return number[component]


def write_objects(
    positions: Float64[np.ndarray, "n 3"],
    heights: Float64[np.ndarray, " n"],
    objects: Int64[np.ndarray, " n"],
    folder: Path,
) -> int:
    """Write each object as a PLY file, and return their number.

    Each object is moved, so that z = 0 is the mean ground below it. Heights of its points would bend it.

    Arguments:
        positions: Positions in metres.
        heights: Height of each point above the ground in metres.
        objects: Number of the object of each point; points with 0 are left out.
        folder: A new folder; the file of object 1 is 0001.ply.
    """
    folder.mkdir(parents=True)
    order = np.argsort(objects, kind="stable")
    bounds = np.searchsorted(objects[order], np.arange(1, objects.max(initial=0) + 2))
    for number, (begin, end) in enumerate(pairwise(bounds), start=1):
        points = positions[order[begin:end]]
        ground = np.mean(points[:, 2] - heights[order[begin:end]])
        write_cloud(folder / f"{number:04d}.ply", points - [*points[:, :2].mean(0), ground])
    return len(bounds) - 1


def write_cloud(path: Path, positions: Float64[np.ndarray, "n 3"]) -> None:
    """Write points as a PLY file.

    Arguments:
        path: Path of the file.
        positions: Positions in metres.
    """
    rows = np.array([tuple(row) for row in positions], dtype=[(axis, "f8") for axis in "xyz"])
    PlyData([PlyElement.describe(rows, "vertex")]).write(str(path))


def cut(tile: Path, out: Path, given: argparse.Namespace) -> None:
    """Cut a tile into objects, write them, and say how the ground compares with the codes of the file.

    Arguments:
        tile: Path of the scan.
        out: Folder for the results.
        given: The options of the command line.
    """
    positions, codes = read_tile(tile, given.unit)
    if given.codes and not (codes == GROUND).any():
        raise SystemExit(f"{tile}: no point has code {GROUND}, ground; leave out --codes")
    known = codes == GROUND if given.codes else np.ones(len(codes), dtype=bool)
    heights = heights_above(ground_surface(positions, known), positions)
    above = heights > given.lowest
    objects = np.zeros(len(positions), dtype=np.int64)
    objects[above] = connected_objects(positions[above], given.reach, given.smallest)
    number = write_objects(positions, heights, objects, out / "objects")
    np.savez_compressed(out / "segments.npz", height=heights, object=objects)
    print(f"{tile.name}: {len(positions):,} points, {above.sum():,} more than {given.lowest:g} m above the ground")
    small = f"left out: objects of fewer than {given.smallest} points"
    print(f"objects: {number}, with {np.count_nonzero(objects):,} points ({small})")
    if (ground := codes == GROUND).any():
        print(f"the file's own ground: {ground.sum():,} points, {np.mean(~above[ground]):.2%} of them are ground here")


def main() -> None:
    """Read the command line and cut the tile."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tile", type=Path, help="LAS or LAZ file, or any other file of one scan")
    parser.add_argument("out", type=Path, help="folder for the results")
    parser.add_argument("--codes", action="store_true", help="ground by the file's code 2, not by the lowest points")
    parser.add_argument("--unit", help="unit of length of the file [as the file says, else m]")
    parser.add_argument("--lowest", type=float, default=1.0, help="height above the ground where objects begin [1 m]")
    parser.add_argument("--reach", type=float, default=1.5, help="largest distance of points that touch [1.5 m]")
    parser.add_argument("--smallest", type=int, default=50, help="smallest number of points of an object [50]")
    given = parser.parse_args()
    cut(given.tile, given.out, given)


if __name__ == "__main__":
    main()
