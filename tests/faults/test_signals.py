"""Asked to stop, or left alone by the terminal: a run ends cleanly and goes on to the same bits."""

import signal

import pytest


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_at_any_moment_stops_cleanly(server, undisturbed, chance, count, how_many, number):
    whole = server.place().train("--out", "run")
    for _ in range(how_many(2, 10)):
        place = server.place()
        for _ in range(3):
            result = place.go_on(fault={"signal": number, "after": chance.uniform(0.05, whole.seconds)})
            assert "Traceback" not in result.err
            if result.code == -number:  # before the command line's first instant
                assert not (place.folder / "run").exists()
                continue
            assert result.code in (0, 130, 128 + number), (result.code, result.err)
            assert result.code == 0 or result.err.strip() or "stopped" in result.out, "died without a word"
            count(f"{number.name} in training; resumed to the same bits", int(result.code != 0))
        assert place.go_on().code == 0
        assert place.hashes() == undisturbed.hashes()


def test_nobody_reads_what_training_prints_and_it_goes_on(server, undisturbed, count):
    place = server.place()
    result = place.train("--out", "run", out=None)
    assert result.code == 0, result.err
    assert place.hashes() == undisturbed.hashes()
    assert "epoch 4" in (place.folder / "run" / "log.txt").read_text()
    count("SIGPIPE in training; it went on")


@pytest.mark.parametrize(
    "words", [("evaluate", "run"), ("check", "run"), ("inspect", "small.extxyz"), ("report", "run")]
)
def test_nobody_reads_what_a_command_prints_and_it_ends_quietly(server, undisturbed, count, words):
    result = server.together([{**undisturbed.request(*words), "out": None}])[0]
    assert "Traceback" not in result.err
    assert "Exception ignored" not in result.err
    count("SIGPIPE in other commands; quiet")
