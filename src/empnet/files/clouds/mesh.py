"""Read meshes (OFF, STL, OBJ) as clouds: points drawn from the surface, or the vertices of a mesh without faces."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from empnet.errors import EmpnetError
from empnet.files.clouds.extra import AGAIN, library, refuse_promise
from empnet.system.system import Origin, System

__all__ = ["SAMPLES", "SEED", "iread_mesh", "sampled_mesh"]

SAMPLES = 2048
"""Number of points drawn from a mesh."""
SEED = 0
"""Seed of these points: a file gives the same points each time."""
SAMPLED = "sampled"
"""Key in ``info`` of the sentence about the points of a mesh."""

OFF_COUNTS = re.compile(rb"\s*(?:#[^\n]*\n\s*)*[A-Z4n]*OFF\s*(?:#[^\n]*\n\s*)*(\d+)[ \t]+(\d+)", re.IGNORECASE)
STL_HEAD, STL_FACE = 84, 50  # bytes of a binary STL file: before the faces, and of each face
OBJ_COLUMNS = ("red", "green", "blue")  # numbers behind x, y, z of a vertex


def iread_mesh(path: Path, file: str, first: int = 0) -> Iterator[System]:
    """Read an OFF, STL or OBJ file as one system.

    Points are drawn from the surface, by area and with a fixed seed; ``info["sampled"]`` says so. A file without faces
    is a cloud of its vertices.

    Arguments:
        path: Path of the file.
        file: The path as the user wrote it, for messages.
        first: Number of the first frame to read; the only frame has number 0.

    Raises:
        EmpnetError: If the file is cut short, if the surface has no area, or if a library is missing.
    """
    if first:
        return
    data, kind, origin = path.read_bytes(), path.suffix.lower()[1:], Origin(file, 0)
    if kind == "off":
        faces = _check_off(data, file)
    elif kind == "stl":
        faces = _check_stl(data, file)
    else:
        faces = int(re.search(rb"(?m)^\s*f\s", data) is not None)
    if kind == "obj" and not faces:
        yield _vertices_of_obj(data, origin)
    else:
        yield sampled_mesh(data, kind, origin)


def sampled_mesh(data: bytes, kind: str, origin: Origin) -> System:
    """Return points of a mesh's surface: ``SAMPLES`` points, drawn by area with the seed ``SEED``.

    Arguments:
        data: Content of the file.
        kind: Its format, as trimesh names it: off, stl, obj or ply.
        origin: Origin of the system.

    Raises:
        EmpnetError: If the mesh cannot be read, or if its surface has no area.
    """
    trimesh = library("trimesh", f".{kind}", "trimesh")
    options = {"skip_materials": True} if kind == "obj" else {}
    mesh = trimesh.load_mesh(io.BytesIO(data), file_type=kind, process=False, **options)
    if not len(mesh.faces):
        return System(positions=np.asarray(mesh.vertices, dtype=np.float64), origin=origin)
    finite = np.isfinite(mesh.vertices).all(axis=1)
    if not finite.all():
        found = f"position of vertex {int(np.argmin(finite))} is not finite"
        raise EmpnetError(found, where=origin.file, remedy="correct or remove the file")
    area = float(mesh.area)
    if not 0 < area < np.inf:
        raise EmpnetError(
            f"the surface of the mesh has the area {area:g}, so no points can be drawn from it",
            where=origin.file,
            wanted="faces with an area",
            remedy="correct or remove the file",
        )
    points: Float64[np.ndarray, "N 3"] = np.asarray(trimesh.sample.sample_surface(mesh, SAMPLES, seed=SEED)[0])
    how = f"{SAMPLES} points drawn from the surface by area, seed {SEED}"
    return System(positions=points, info={SAMPLED: how}, origin=origin)


def _check_off(data: bytes, file: str) -> int:
    """Return the number of faces of an OFF file, after a check that all its lines are there."""
    found = OFF_COUNTS.match(data)
    if found is None:
        raise EmpnetError("is not an OFF file", where=file, wanted="'OFF' and the numbers of vertices and faces")
    vertices, faces = int(found[1]), int(found[2])
    refuse_promise(vertices + faces, (len(data) - found.end()) // 2, file, "vertices and faces")
    rest = data[found.end() :].partition(b"\n")[2].splitlines()
    lines = [line for line in rest if line.strip() and not line.lstrip().startswith(b"#")]
    refuse_promise(vertices + faces, len(lines), file, "vertices and faces")
    last = lines[vertices + faces - 1].split() if faces else []
    if last and len(last) < 1 + int(last[0]):
        raise EmpnetError("its last face is cut short", where=file, remedy=AGAIN)
    return faces


def _check_stl(data: bytes, file: str) -> int:
    """Return 1, after a check that a binary STL file has all its faces, and that a text has its end."""
    if len(data) >= STL_HEAD:
        (faces,) = struct.unpack("<I", data[STL_HEAD - 4 : STL_HEAD])
        if len(data) == STL_HEAD + STL_FACE * faces:
            return 1
        text = data.lstrip()[:5].lower() == b"solid" and b"facet" in data
        if not text:
            refuse_promise(faces, (len(data) - STL_HEAD) // STL_FACE, file, "faces")
            return 1
    if b"endsolid" not in data[-1000:]:
        raise EmpnetError("has no end of an STL file", where=file, wanted="a line 'endsolid'", remedy=AGAIN)
    return 1


def _vertices_of_obj(data: bytes, origin: Origin) -> System:
    """Return the vertices of an OBJ file without faces, perhaps with colours."""
    lines = [line.split()[1:] for line in data.splitlines() if line.split()[:1] == [b"v"]]
    if not lines:
        raise EmpnetError("has no vertices", where=origin.file, wanted="lines 'v x y z'", remedy=AGAIN)
    widths = {len(line) for line in lines}
    if len(widths) > 1 or min(widths) < 3:
        found = f"its vertices have {' or '.join(map(str, sorted(widths)))} numbers"
        raise EmpnetError(found, where=origin.file, wanted="three, or six with colours", remedy=AGAIN)
    table = np.array(lines, dtype=np.float64)
    colours = dict(zip(OBJ_COLUMNS, table[:, 3:].T, strict=True)) if table.shape[1] == 6 else {}
    return System(positions=table[:, :3], arrays=colours, origin=origin)
