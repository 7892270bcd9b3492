"""A full disk and errors at every write: one line with the path, nothing lost, and all goes on when there is room."""

import errno
import os
import shutil
import subprocess

import pytest

COMMANDS = {
    "evaluate": ("evaluate", "run"),
    "predict to csv": ("predict", "run", "small.extxyz", "--out", "out.csv"),
    "predict to extxyz": ("predict", "run", "small.extxyz", "--out", "out.extxyz"),
    "predict to db": ("predict", "run", "small.extxyz", "--out", "out.db"),
    "report": ("report", "run"),
    "map": ("map", "run", "--force"),
    "inspect": ("inspect", "small.extxyz", "--html", "look.html"),
}
ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS)


def run_copied(server, undisturbed):
    place = server.place()
    shutil.copytree(undisturbed.folder / "run", place.folder / "run")
    return place


@pytest.mark.parametrize("name", COMMANDS)
def test_an_error_at_any_write_of_a_command_is_one_line(server, undisturbed, chance, count, how_many, name):
    words = COMMANDS[name]
    whole = run_copied(server, undisturbed)(*words)
    assert whole.code == 0, whole.err
    moments = range(1, whole.events + 1)
    for at in moments if how_many(False, True) else chance.sample(moments, min(2, len(moments))):
        place = run_copied(server, undisturbed)
        place.folder.joinpath("out.csv").write_text("old\n")
        fault = {"errno": chance.choice(ERRORS), "at": at, "stays": chance.random() < 0.5}
        result = place(*words, *(("--force",) if "predict" in words else ()), fault=fault)
        assert "Traceback" not in result.out + result.err, (at, result.err)
        assert result.code in (0, 2), (at, result.code, result.err)
        assert result.code == 0 or result.one_line(), at
        if name == "predict to csv" and result.code:
            assert (place.folder / "out.csv").read_text() == "old\n"
        assert place.hashes() == undisturbed.hashes()
        count("errors at a write of a command: one line, nothing lost", int(result.code != 0))


def test_an_error_at_any_write_of_training_is_one_line_and_it_resumes(server, undisturbed, chance, count, how_many):
    whole = server.place().train("--out", "run")
    moments = range(1, whole.events + 1)
    for at in chance.sample(moments, how_many(6, min(80, len(moments)))):
        place = server.place()
        fault = {"errno": chance.choice(ERRORS), "at": at, "stays": chance.random() < 0.5}
        result = place.train("--out", "run", fault=fault)
        assert "Traceback" not in result.out + result.err, (at, result.err)
        assert result.code in (0, 2), (at, result.code, result.err)
        assert result.code == 0 or result.one_line(), at
        count("errors at a write of training: one line, resumed to the same bits", int(result.code != 0))
        result = place.go_on()
        assert result.code == 0, (at, fault, result.err)
        assert place.hashes() == undisturbed.hashes()


@pytest.fixture
def small_disk(server):
    """A disk of a size; only root may make one."""
    mounted = []

    def make(size: str):
        place = server.place()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(place.folder)]
        if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
            pytest.skip("no tmpfs can be mounted")
        mounted.append(place.folder)
        (place.folder / "small.extxyz").write_bytes(server.source)
        return place

    yield make
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("size", ["220k", "400k", "600k", "900k", "1300k"])
def test_a_full_disk_in_training_is_one_line_and_it_resumes_when_there_is_room(
    server, undisturbed, small_disk, count, size
):
    place = small_disk(size)
    result = place.train("--out", "run")
    assert "Traceback" not in result.out + result.err, result.err
    assert result.code in (0, 2)
    if result.code:
        assert "space" in result.one_line() or "room" in result.one_line()
    subprocess.run(["mount", "-o", "remount,size=50m", str(place.folder)], check=True)
    result = place.go_on()
    assert result.code == 0, result.err
    assert place.hashes() == undisturbed.hashes()
    count("full disks in training: one line, resumed to the same bits")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_in_a_command_is_one_line(server, undisturbed, small_disk, count, name):
    place = small_disk("30m")
    shutil.copytree(undisturbed.folder / "run", place.folder / "run")
    shutil.copytree(undisturbed.folder / "cache", place.folder / "cache", ignore=shutil.ignore_patterns("kernels"))
    free = shutil.disk_usage(place.folder).free
    (place.folder / "ballast").write_bytes(bytes(free - 8192))
    result = place(*COMMANDS[name])
    assert "Traceback" not in result.out + result.err, result.err
    assert result.code in (0, 2), (result.code, result.err)
    assert result.code == 0 or "No space left" in result.one_line(), result.err
    assert not list(place.folder.glob("out.*"))
    assert place.hashes() == undisturbed.hashes()
    (place.folder / "ballast").unlink()
    assert place(*COMMANDS[name]).code == 0
    count("full disks in other commands: one line, nothing half-written")
