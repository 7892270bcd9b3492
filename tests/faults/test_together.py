"""Two and eight processes at once on one cache, one name, one run, one output."""

import os
import shutil

import pytest

TOGETHER = [2, 8] if os.environ.get("EMPNET_FAULTS") == "long" else [8]


def assert_no_traceback(results) -> None:
    for result in results:
        assert "Traceback" not in result.out + result.err, result.err
        assert not result.hang


@pytest.mark.parametrize("n", TOGETHER)
def test_runs_begun_at_once_get_names_of_their_own(server, undisturbed, count, n):
    place = server.place()
    from_start = [place.request(*server.train_words) for _ in range(n)]
    results = server.together(from_start)
    assert_no_traceback(results)
    assert [result.code for result in results] == [0] * n
    runs = sorted(path.name for path in (place.folder / "runs").iterdir())
    assert len(runs) == n, runs
    for name in runs:
        assert place.hashes(f"runs/{name}") == undisturbed.hashes()
    count(f"{n} runs begun at once: names of their own, the same bits")


@pytest.mark.parametrize("n", TOGETHER)
def test_of_runs_of_one_name_one_is_trained(server, undisturbed, count, n):
    place = server.place()
    results = server.together([place.request(*server.train_words, "--out", "run") for _ in range(n)])
    assert_no_traceback(results)
    assert sorted(result.code for result in results) == [0] + [2] * (n - 1)
    assert place.hashes() == undisturbed.hashes()
    count(f"{n} runs of one name: one is trained, the others are refused")


@pytest.mark.parametrize("n", TOGETHER)
def test_of_processes_that_resume_one_run_one_does(server, undisturbed, count, n):
    place = server.place()
    whole = server.place().train("--out", "run")
    assert place.train("--out", "run", fault={"signal": 9, "after": whole.seconds / 2}).code in (0, -9)
    results = server.together([place.request("train", "--resume", "run") for _ in range(n)])
    assert_no_traceback(results)
    assert {result.code for result in results} <= {0, 2}
    assert 0 in [result.code for result in results]
    assert place.hashes() == undisturbed.hashes()
    count(f"{n} processes resume one run: one does")


@pytest.mark.parametrize("n", TOGETHER)
def test_processes_that_use_one_run_agree(server, undisturbed, count, n):
    place = server.place()
    shutil.copytree(undisturbed.folder / "run", place.folder / "run")
    results = server.together([place.request("evaluate", "run", "small.extxyz", "--json") for _ in range(n)])
    assert_no_traceback(results)
    assert len({result.out for result in results}) == 1
    results = server.together([place.request("predict", "run", "small.extxyz", "--out", "p.csv") for _ in range(n)])
    assert_no_traceback(results)
    assert {result.code for result in results} <= {0, 2}
    assert 0 in [result.code for result in results]
    assert (place.folder / "p.csv").read_bytes() == (undisturbed.folder / "predicted.csv").read_bytes()
    count(f"{n} processes use one run and one output")
