"""Killed at any moment, a run resumes to the bits of an undisturbed one; no file is ever half there."""

import shutil
import signal

KILLED = -signal.SIGKILL


def kill(chance, whole) -> dict:
    """A kill at a random instant, or just before a random change of a file."""
    if chance.random() < 0.5:
        return {"signal": signal.SIGKILL, "after": chance.uniform(0.0, whole.seconds)}
    return {"signal": signal.SIGKILL, "at": chance.randint(1, max(1, whole.events))}


def test_a_run_killed_again_and_again_ends_with_the_same_bits(server, undisturbed, chance, count, how_many):
    whole, wanted = server.place().train("--out", "run"), undisturbed.hashes()
    assert whole.code == 0
    kills = 0
    while kills < how_many(10, 160):
        place, now = server.place(), 0
        while now < 12:  # then it may come to its end
            result = place.go_on(fault=kill(chance, whole))
            assert result.code in (0, KILLED), result.err
            if result.code == 0:
                break
            now += 1
        result = place.go_on()
        assert result.code == 0, result.err
        assert place.hashes() == wanted
        kills += now
        count("killed in ingest, training or a checkpoint; resumed to the same bits", now)


def test_evaluation_and_prediction_are_killed_and_leave_whole_files_or_none(
    server, undisturbed, chance, count, how_many
):
    place = server.place()
    shutil.copytree(undisturbed.folder / "run", place.folder / "run")
    predicted, bits = (undisturbed.folder / "predicted.csv").read_bytes(), undisturbed.hashes()
    commands = (
        ("evaluate", "run", "small.extxyz", "--json"),
        ("predict", "run", "small.extxyz", "--out", "predicted.csv", "--force"),
        ("report", "run"),
    )
    whole = {words: place(*words) for words in commands}
    wanted = whole[commands[0]].out
    for _ in range(how_many(4, 40)):
        words = chance.choice(commands)
        result = place(*words, fault=kill(chance, whole[words]))
        assert result.code in (0, KILLED), result.err
        assert (place.folder / "predicted.csv").read_bytes() == predicted
        assert (place.folder / "run" / "report.html").read_text().rstrip().endswith("</html>")
        assert place.hashes() == bits
        assert place(*commands[0]).out == wanted
        count("killed in evaluation, prediction or a report; nothing half-written", int(result.code == KILLED))
