"""Training, validation and test: which system lies on which side."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Int64

from empnet.errors import EmpnetError

__all__ = ["Split", "SplitKind", "split_systems"]

SplitKind = Literal["random", "blocks"]
NONE: Int64[np.ndarray, " m"] = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """The indices of the systems on each side; together they are all systems, each once.

    Arguments:
        train: Systems that the weights are fitted to, shape (n_train,), int64.
        validation: Systems that choose the best weights, shape (n_validation,), int64.
        test: Systems that nothing was chosen by, shape (n_test,), int64.
    """

    train: Int64[np.ndarray, " n_train"]
    validation: Int64[np.ndarray, " n_validation"]
    test: Int64[np.ndarray, " n_test"]

    def to_json(self) -> dict[str, list[int]]:
        """Plain lists by side, for ``split.json``."""
        return {side: getattr(self, side).tolist() for side in ("train", "validation", "test")}

    def with_train_size(self, size: int, seed: int, file: str = "", keep: Int64[np.ndarray, " m"] = NONE) -> Split:
        """Return the split with fewer systems for training; validation and test sets stay.

        Smaller sides of one seed lie within larger ones, so that learning curves compare like with like.

        Arguments:
            size: Number of systems for training.
            seed: Seed of the draw.
            file: The data as the user named them, for messages.
            keep: Systems for training that are never left out, such as free atoms.

        Raises:
            EmpnetError: If there are fewer systems than that.

        Example:
            >>> split = Split(np.arange(8), np.array([8]), np.array([9]))
            >>> few, more = split.with_train_size(2, seed=0), split.with_train_size(4, seed=0)
            >>> bool(np.isin(few.train, more.train).all())
            True
        """
        always = self.train[np.isin(self.train, keep)]
        if not len(always) < size <= len(self.train):
            raise EmpnetError(
                f"--train-size {size}",
                where=file,
                wanted=f"at most {len(self.train)}, which the other sides leave"
                + (f", and more than {len(always)}, the free atoms" if len(always) else ""),
            )
        others = np.random.default_rng([seed, 1]).permutation(np.setdiff1d(self.train, always))
        return replace(self, train=np.sort(np.concatenate([always, others[: size - len(always)]])))

    @classmethod
    def from_json(cls, record: dict[str, list[int]]) -> Split:
        """The split that :meth:`to_json` wrote.

        Raises:
            ValueError: If it holds anything but whole numbers from 0, each once: a system on two sides would be
                measured and trained on.

        Example:
            >>> Split.from_json({"train": [0, 2], "validation": [1], "test": []}).train
            array([0, 2])
        """
        sides = [record[side] for side in ("train", "validation", "test")]
        if not all(isinstance(side, list) and all(type(index) is int for index in side) for side in sides):
            raise ValueError("a side is no list of whole numbers")
        flat = [index for side in sides for index in side]
        if flat and not 0 <= min(flat) <= max(flat) < 2**62:
            raise ValueError("the number of a system is out of range")
        if len(set(flat)) != len(flat):
            raise ValueError("a system is there twice")
        return cls(*(np.array(side, dtype=np.int64) for side in sides))


def split_systems(
    groups: Int64[np.ndarray, " n"],
    *,
    validation: float | int,
    test: float | int,
    kind: SplitKind = "random",
    seed: int = 0,
    file: str = "",
    keep: Int64[np.ndarray, " m"] = NONE,
) -> Split:
    """Divide systems into training, validation and test; equal systems (one group) stay on one side.

    Arguments:
        groups: A number for each system, equal for exact duplicates, shape (n,).
        validation: Share of all systems if below 1, else their number.
        test: The same for the test set; 0 for none.
        kind: ``"random"``: groups are drawn by seed. ``"blocks"``: the file's order is kept: training first, then
            validation, then test. For frames that follow each other in time, whose neighbours look alike.
        seed: Seed of the draw.
        file: The data as the user named them, for messages.
        keep: Systems that are for training whatever the draw says, such as free atoms; the sides are shares of the
            others.

    Returns:
        The split, indices ascending on each side.

    Raises:
        EmpnetError: If there are fewer systems than the three sides need.

    Example:
        >>> split = split_systems(np.arange(10), validation=2, test=0.1, kind="blocks")
        >>> split.validation, split.test
        (array([7, 8]), array([9]))
    """
    if len(keep):
        others = np.setdiff1d(np.arange(len(groups)), keep)
        part = split_systems(groups[others], validation=validation, test=test, kind=kind, seed=seed, file=file)
        train = np.sort(np.concatenate([others[part.train], keep]))
        return Split(train.astype(np.int64), others[part.validation], others[part.test])
    n = len(groups)
    n_validation, n_test = _count(validation, n, "--val"), _count(test, n, "--test")
    order = _group_order(groups, kind, seed)  # groups in the order in which test, validation, train are filled
    size = np.bincount(groups, minlength=int(groups.max(initial=-1)) + 1)[order]
    before = np.cumsum(size) - size  # systems already dealt out when the group's turn comes
    in_test = before < n_test
    in_validation = ~in_test & (before - size[in_test].sum() < n_validation)
    test_groups, validation_groups = order[in_test], order[in_validation]
    test_side, validation_side = np.isin(groups, test_groups), np.isin(groups, validation_groups)
    sides = (~test_side & ~validation_side, validation_side, test_side)
    split = Split(*(np.flatnonzero(side).astype(np.int64) for side in sides))
    _refuse_empty(split, n, n_test, file)
    return split


def _count(size: float | int, n: int, option: str) -> int:
    """A number of systems from a share (below 1) or a number."""
    if size < 0 or (size >= 1 and size != int(size)):
        raise EmpnetError(f"{option} {size:g}", wanted="a share between 0 and 1 or a whole number of systems")
    if 0 < size < 1:
        return max(1, round(size * n))
    return int(size)


def _group_order(groups: np.ndarray, kind: SplitKind, seed: int) -> np.ndarray:
    distinct, first = np.unique(groups, return_index=True)
    if kind == "random":
        return np.random.default_rng(seed).permutation(distinct)
    return distinct[np.argsort(-first)]  # last in the file first, so that training has the beginning


def _refuse_empty(split: Split, n: int, n_test: int, file: str) -> None:
    sizes = {"training": len(split.train), "validation": len(split.validation)}
    if n_test:
        sizes["test"] = len(split.test)
    missing = [side for side, size in sizes.items() if size == 0]
    if missing:
        raise EmpnetError(
            f"{n} systems leave none for {' and '.join(missing)}",
            where=file,
            wanted="at least one different system for each side",
            remedy="add systems, or choose --val and --test smaller (--test 0 for no test)",
        )
