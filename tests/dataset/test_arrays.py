"""Arrays on disk: of the smallest type, and taken up again after whatever happened."""

import numpy as np
import pytest

from empnet.dataset.alike import group_ids
from empnet.dataset.arrays import ArrayWriter, map_arrays


def pieces(n: int):
    """Rows whose numbers outgrow int16 on the way."""
    for k in range(n):
        yield {"i": np.arange(k % 3) + 1000 * k, "x": np.full((1, 2), k / 7), "none": np.zeros((2, 0))}


def written(folder, n: int = 50, stops: tuple[int, ...] = ()) -> dict[str, np.ndarray]:
    """The arrays, written by a process that is killed after so many pieces each time, and saves after every tenth."""
    for stop in (*stops, n):
        writer = ArrayWriter(folder, narrow=["i"])
        first = writer.saved.get("count", 0)
        assert first == max([0, *(10 * (s // 10) for s in stops if s < stop)])
        for k, piece in enumerate(pieces(n)):
            if first <= k < stop:
                writer.append(**piece)
                if k % 10 == 9:
                    writer.save(count=k + 1)
        if stop < n:
            for file in writer._files.values():
                file.write(b"half a row")  # what the killed one has still written
                file.close()
    writer.__exit__(None)
    return map_arrays(folder)


@pytest.mark.parametrize("stops", [(), (5,), (10,), (33,), (36, 39), (20, 47)])
def test_a_writer_goes_on_where_the_last_one_was_safe(tmp_path, stops, monkeypatch):
    monkeypatch.setattr("empnet.dataset.arrays.PIECES", 3)
    arrays = written(tmp_path, 50, stops)
    assert arrays["i"].dtype == np.int32
    for name in arrays:
        assert np.array_equal(arrays[name], np.concatenate([piece[name] for piece in pieces(50)]))
    kept = {path.name for path in tmp_path.iterdir()}
    assert kept == {"i.i4.bin", "x.f8.bin", "none.f8.bin", "arrays.json"}


def test_what_is_lost_is_made_anew(tmp_path):
    with pytest.raises(KeyboardInterrupt), ArrayWriter(tmp_path) as writer:
        writer.append(x=np.zeros((3, 2)))
        writer.save(count=3)
        raise KeyboardInterrupt
    (tmp_path / "x.f8.bin").write_bytes(b"")
    assert ArrayWriter(tmp_path).saved == {}


def test_equal_rows_have_equal_numbers_in_order_of_appearance():
    keys = np.random.default_rng(0).integers(-4, 4, (500, 2))
    number: dict[tuple, int] = {}
    assert group_ids(keys).tolist() == [number.setdefault(tuple(key), len(number)) for key in keys.tolist()]
    assert group_ids(keys[:0]).tolist() == []
