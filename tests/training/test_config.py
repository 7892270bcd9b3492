"""Every mistake in a configuration is told in one line."""

from typing import Literal, get_args, get_origin, get_type_hints

import pytest

from empnet.errors import EmpnetError
from empnet.training.run.config import TrainConfig, read_config, seconds, write_config
from empnet.training.run.settings import Settings


@pytest.mark.parametrize(("text", "wanted"), [("90s", 90), ("10m", 600), ("1h30m", 5400), ("45", 45), (2.5, 2.5)])
def test_durations(text, wanted):
    assert seconds(text) == wanted


@pytest.mark.parametrize("text", ["", "soon", "10 parsecs", "-5m", "0s"])
def test_durations_that_are_none(text):
    with pytest.raises(ValueError, match="wanted a duration"):
        seconds(text)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"cutof": 5.0}, "did you mean 'cutoff'"),
        ({"cutoff": -1.0}, "'cutoff' is -1.0"),
        ({"pooling": "max"}, "'pooling' is 'max'"),
        ({"layers": "three"}, "'layers' is 'three'"),
        ({"time": "soon"}, "wanted a duration"),
        ({"time": "1m", "epochs": 3}, "both epochs and time"),
        ({"property": ("a", "b", "c"), "unit": ("eV", "eV")}, "2 units for 3 properties"),
    ],
)
def test_mistakes(values, told):
    with pytest.raises(EmpnetError, match=told) as error:
        TrainConfig.make({"data": "qm7", **values})
    assert "\n" not in str(error.value)


def test_file_round_trip(tmp_path):
    config = TrainConfig.make({"data": "a b.xyz", "property": ["energy", "gap"], "time": "10m", "seed": 3})
    write_config(tmp_path / "config.toml", config)
    assert TrainConfig.make(read_config(tmp_path / "config.toml")) == config


@pytest.mark.parametrize("content", [b"cutoff = = 3", b"\xff\xfe"])
def test_files_that_are_not_toml(tmp_path, content):
    (tmp_path / "c.toml").write_bytes(content)
    with pytest.raises(EmpnetError, match="is not TOML"):
        read_config(tmp_path / "c.toml")


def test_no_such_file(tmp_path):
    with pytest.raises(EmpnetError, match="cannot be read"):
        read_config(tmp_path / "missing.toml")


def test_settings_that_editors_complete_are_those_of_the_configuration():
    hints = get_type_hints(Settings)
    assert [*TrainConfig.model_fields] == ["data", "property", *hints]
    for name, hint in hints.items():
        field = TrainConfig.model_fields[name]
        kinds = [kind for kind in get_args(hint) if kind is not type(None)]
        literals = [kind for kind in kinds if get_origin(kind) is Literal]
        assert {value for kind in literals for value in get_args(kind)} == set(literal_values(field.annotation)), name


def literal_values(annotation) -> tuple:
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return tuple(value for part in get_args(annotation) for value in literal_values(part))
