"""PCD files as text, as bytes, and compressed."""

import struct
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from empnet import EmpnetError, read
from empnet.files.clouds.lzf import lzf_decompress

KINDS = [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("rgb", "<f4"), ("label", "<u4"), ("normal", "<f4", (3,))]


def packed(data: bytes) -> bytes:
    """Compress with LZF: copies of the three bytes before where there are some, and literals."""
    out, literal, at = bytearray(), bytearray(), 0

    def flush():
        for begin in range(0, len(literal), 32):
            piece = literal[begin : begin + 32]
            out.extend([len(piece) - 1, *piece])
        literal.clear()

    while at < len(data):
        begin = data.rfind(data[at : at + 3], max(0, at - 8191), at + 2) if at + 3 <= len(data) else -1
        if 0 <= begin < at:
            length = 3
            while at + length < len(data) and length < 264 and data[begin + length] == data[at + length]:
                length += 1
            flush()
            far, short = at - begin - 1, length - 2
            out.extend([(min(short, 7) << 5) | far >> 8, *([short - 7] if short >= 7 else []), far & 255])
            at += length
        else:
            literal.append(data[at])
            at += 1
    flush()
    return bytes(out)


def cloud(n: int = 40) -> np.ndarray:
    rng = np.random.default_rng(0)
    rows = np.empty(n, dtype=KINDS)
    for name in "xyz":
        rows[name] = rng.normal(size=n).round(3)
    colours = rng.integers(0, 256, (n, 4), dtype=np.uint8)
    colours[:, 3] = 0  # no nan among packed colours
    rows["rgb"] = colours.view("<f4").ravel()
    rows["label"], rows["normal"] = rng.integers(0, 3, n), 0.5
    return rows


def write(path, rows: np.ndarray, kind: str, *, height: int = 1, points: int | None = None) -> None:
    sizes = {name: rows.dtype[name].base for name in rows.dtype.names}
    counts = [int(np.prod(rows.dtype[name].shape, dtype=int)) for name in rows.dtype.names]
    lines = {
        "VERSION": [".7"],
        "FIELDS": rows.dtype.names,
        "SIZE": [base.itemsize for base in sizes.values()],
        "TYPE": [base.kind.upper() for base in sizes.values()],
        "COUNT": counts,
        "WIDTH": [len(rows) // height],
        "HEIGHT": [height],
        "VIEWPOINT": [0, 0, 0, 1, 0, 0, 0],
        "POINTS": [len(rows) if points is None else points],
        "DATA": [kind],
    }
    head = "# .PCD v.7\n" + "".join(f"{key} {' '.join(map(str, values))}\n" for key, values in lines.items())
    if kind == "ascii":
        columns = [rows[name].reshape(len(rows), -1).astype(object) for name in rows.dtype.names]
        body = "".join(" ".join(map(repr, map(float, row))) + "\n" for row in np.concatenate(columns, axis=1)).encode()
    elif kind == "binary":
        body = rows.tobytes()
    else:
        plain = b"".join(np.ascontiguousarray(rows[name]).tobytes() for name in rows.dtype.names)
        small = packed(plain)
        body = struct.pack("<II", len(small), len(plain)) + small
    path.write_bytes(head.encode() + body)


@pytest.mark.parametrize("kind", ["ascii", "binary", "binary_compressed"])
def test_all_fields_are_read(tmp_path, kind):
    rows = cloud()
    write(tmp_path / "a.pcd", rows, kind)
    [system] = read(tmp_path / "a.pcd")
    assert np.array_equal(system.positions, np.stack([rows[name] for name in "xyz"], axis=1))
    assert list(system.arrays) == ["red", "green", "blue", "label", "normal"]
    colours = rows["rgb"].copy().view(np.uint8).reshape(-1, 4)
    assert np.array_equal(system.arrays["red"], colours[:, 2])
    assert np.array_equal(system.arrays["blue"], colours[:, 0])
    assert np.array_equal(system.arrays["label"], rows["label"])
    assert system.arrays["normal"].shape == (40, 3)


@given(st.lists(st.sampled_from([b"a", b"bc", b"abcabcabc", bytes(300), b"\x01\x02\x03\x04"]), max_size=30))
def test_lzf_gives_back_what_was_compressed(pieces):
    data = b"".join(pieces)
    assert lzf_decompress(packed(data), len(data)) == data


@given(st.binary(max_size=60), st.integers(0, 200))
def test_lzf_of_any_bytes_gives_the_size_or_an_error(data, size):
    with suppress(EmpnetError):
        assert len(lzf_decompress(data, size)) == size


def test_points_without_return_are_left_out_of_organised_clouds_only(tmp_path):
    rows = cloud()
    rows["x"][[3, 8]] = np.nan
    write(tmp_path / "a.pcd", rows, "binary", height=4)
    with pytest.warns(UserWarning, match=r"a\.pcd, frame 0: 2 of 40 points have no return and are left out"):
        [system] = read(tmp_path / "a.pcd")
    assert len(system) == 38
    write(tmp_path / "a.pcd", rows, "binary")
    with pytest.raises(EmpnetError, match=r"a\.pcd, frame 0: position of point 3 is not finite"):
        read(tmp_path / "a.pcd")


@pytest.mark.parametrize("kind", ["ascii", "binary", "binary_compressed"])
def test_a_header_with_too_many_points_is_refused(tmp_path, kind):
    write(tmp_path / "a.pcd", cloud(), kind, points=10**12)
    with pytest.raises(EmpnetError, match=r"a\.pcd.*: the header promises 1,000,000,000,000 points"):
        read(tmp_path / "a.pcd")


BAD = {
    "words": (b"hello\n", "has no complete header"),
    "no fields": (b"VERSION .7\nDATA ascii\n", "header of the PCD file is damaged"),
    "unknown type": (b"FIELDS x y z\nSIZE 4 4 4\nTYPE Q F F\nWIDTH 1\nDATA ascii\n1 2 3\n", "damaged"),
    "no z": (b"FIELDS x y\nSIZE 4 4\nTYPE F F\nWIDTH 1\nDATA ascii\n1 2\n", "no field z; fields found: x, y"),
    "unknown data": (b"FIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nWIDTH 1\nDATA zip\n1 2 3\n", "DATA is 'zip'"),
    "words in it": (b"FIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nWIDTH 1\nDATA ascii\n1 2 three\n", "cannot be read"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_told(tmp_path, name):
    content, told = BAD[name]
    (tmp_path / "a.pcd").write_bytes(content)
    with pytest.raises(EmpnetError, match=f"a\\.pcd.*{told}"):
        read(tmp_path / "a.pcd")
