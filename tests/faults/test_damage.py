"""Each file of a run and of a cache deleted, cut, with a flipped bit or replaced: healed, or named in one line."""

import shutil
from pathlib import Path

import pytest

COMMANDS = {
    "evaluate": ("evaluate", "run", "small.extxyz", "--json"),
    "own side": ("evaluate", "run", "--json"),
    "predict": ("predict", "run", "small.extxyz", "--out", "again.csv", "--force"),
    "report": ("report", "run"),
    "resume": ("train", "--resume", "run"),
}
OTHERS = Path(__file__).parents[1] / "training" / "model_v1"


def files(folder: Path, *, without: tuple[str, ...] = ()) -> list[Path]:
    """All files below a folder, sorted; of a cache without the compiled loops."""
    found = [path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file()]
    return [path for path in found if path.parts[0] not in without]


def damage(path: Path, how: str, chance) -> None:
    """Do it to the file."""
    content = bytearray(path.read_bytes())
    if how == "deleted":
        path.unlink()
    elif how == "emptied":
        path.write_bytes(b"")
    elif how == "cut":
        path.write_bytes(content[: chance.randrange(len(content) + 1)])
    elif how == "flipped" and content:
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
    elif how == "replaced":
        other = OTHERS / path.name
        path.write_bytes(other.read_bytes() if other.exists() else bytes(reversed(content)))
    elif how == "a folder":
        path.unlink()
        path.mkdir()


HOW = ("deleted", "emptied", "cut", "flipped", "flipped", "replaced", "a folder")


def numbers(place, name: str, result) -> object:
    """What the command has told, as far as it must not change."""
    if name == "predict":
        return (place.folder / "again.csv").read_bytes()
    if name == "resume":
        return (place.folder / "run" / "model.safetensors").read_bytes()
    return None if name == "report" else result.out


def judge(place, name: str, wanted: object, told: str) -> str:
    """Run a command: the same numbers, or one line that names a file of the run or what is wrong with it."""
    result = place(*COMMANDS[name])
    assert "Traceback" not in result.out + result.err, (told, name, result.err)
    assert not result.hang, (told, name)
    if result.code == 0:
        file = told.split()[0].removeprefix("run/")
        if any(line.startswith("warning:") and file in line for line in result.err.splitlines()):
            return "named in one line"
        if file == "results.json" and "Training has not ended" in result.out:  # what its absence means
            return "named in one line"
        assert numbers(place, name, result) == wanted, f"{told}: {name} gives other numbers in silence"
        return "the same numbers"
    assert result.code == 2, (told, name, result.code, result.err)
    assert "run" in result.one_line(), (told, result.err)
    return "named in one line"


@pytest.fixture(scope="module")
def whole(server):
    """A run that is finished, one that is stopped half-way, and what commands say of them."""
    place = server.place()
    assert place.train("--out", "run").code == 0
    wanted = {}
    for name, words in COMMANDS.items():
        result = place(*words)
        assert result.code == 0, result.err
        wanted[name] = numbers(place, name, result)
    return place, wanted


def copies(server, original, what: str):
    place = server.place()
    shutil.copytree(original.folder / "run", place.folder / "run")
    shutil.copytree(original.folder / "cache", place.folder / "cache")
    return place, place.folder / what


def test_damaged_files_of_a_run(server, whole, chance, count, how_many):
    original, wanted = whole
    tries = [(path, how) for path in files(original.folder / "run") for how in HOW]
    for path, how in chance.sample(tries, how_many(10, len(tries))):
        for name in COMMANDS if how_many(False, True) else [chance.choice(list(COMMANDS))]:
            place, folder = copies(server, original, "run")
            damage(folder / path, how, chance)
            found = judge(place, name, wanted[name], f"run/{path} {how}")
            count(f"damaged files of a run: {found}")


def test_damaged_files_of_a_cache(server, whole, chance, count, how_many):
    original, wanted = whole
    tries = [(path, how) for path in files(original.folder / "cache", without=("kernels",)) for how in HOW]
    for path, how in chance.sample(tries, min(len(tries), how_many(8, len(tries)))):
        for name in ("own side", "resume"):
            place, folder = copies(server, original, "cache")
            damage(folder / path, how, chance)
            found = judge(place, name, wanted[name], f"cache/{path} {how}")
            assert found == "the same numbers", f"cache/{path} {how}: not healed"
            count("damaged files of a cache: healed")
