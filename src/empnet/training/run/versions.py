"""Check for files that a later version of this package has written."""

from __future__ import annotations

from pydantic import BaseModel, ValidationError

from empnet.errors import EmpnetError

__all__ = ["refuse_later_version"]


class _Versioned(BaseModel):
    """JSON object with a format version."""

    format_version: int


def refuse_later_version(text: str | bytes, known: int, where: object) -> None:
    """Raise if a JSON file has a later format version than this package knows; ignore its other content.

    Arguments:
        text: Content of the file; other JSON or text passes, and later checks report what is wrong.
        known: Latest version that this package reads.
        where: The file.

    Raises:
        EmpnetError: If so.
    """
    try:
        version = _Versioned.model_validate_json(text, strict=True).format_version
    except ValidationError:
        return
    if version > known:
        raise EmpnetError(
            f"format version {version}" if version < 10**9 else "format version",
            where=where,
            wanted=f"version {known} or earlier",
            remedy="a later empnet wrote this; update empnet",
        )
