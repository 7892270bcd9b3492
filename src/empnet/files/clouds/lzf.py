"""Decompress LZF, the compression within PCD files."""

from __future__ import annotations

from empnet.errors import EmpnetError
from empnet.files.clouds.extra import AGAIN

__all__ = ["lzf_decompress"]

LITERAL = 32  # control bytes below this number announce bytes as they are


def lzf_decompress(data: bytes, size: int) -> bytes:
    """Return the plain bytes of LZF data.

    Arguments:
        data: Compressed bytes.
        size: Number of plain bytes.

    Raises:
        EmpnetError: If the data do not give this number of bytes.

    Example:
        >>> lzf_decompress(bytes([0]) + b"a" + bytes([5 << 5, 0]), 8)
        b'aaaaaaaa'
    """
    plain, at = bytearray(), 0
    try:
        while at < len(data) and len(plain) < size:
            control = data[at]
            at += 1
            if control < LITERAL:
                plain += data[at : at + control + 1]
                at += control + 1
                continue
            length = control >> 5
            if length == 7:  # a longer copy
                length += data[at]
                at += 1
            begin = len(plain) - ((control & 31) << 8) - data[at] - 1
            at += 1
            if begin < 0:
                raise IndexError
            length += 2
            piece = plain[begin : begin + length]
            plain += (piece * (length // len(piece) + 1))[:length]  # a copy may overlap its own end
    except IndexError:
        raise EmpnetError("its compressed points are damaged", remedy=AGAIN) from None
    if len(plain) != size:
        raise EmpnetError(f"its compressed points have {len(plain):,} bytes of {size:,}", remedy=AGAIN)
    return bytes(plain)
