"""Folders of pictures: what is in them is read as it is, and faults are reported by name."""

import numpy as np
import pytest
from PIL import Image

from empnet.errors import EmpnetError
from empnet.studies.data.images import ImageFolder
from empnet.studies.data.sign_digits import number_blocks, number_in_name, sign_digits, sign_digits_path


def picture(path, mode="RGB", size=(6, 4), value=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = size[::-1] if mode == "L" else (*size[::-1], len(mode))
    pixels = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8) if value is None else value
    Image.fromarray(pixels, mode if mode != "LA" else None).save(path)
    return pixels


@pytest.fixture
def folder(tmp_path):
    for name in ("cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png"):
        picture(tmp_path / name)
    return tmp_path


def opened(path, **options):
    with pytest.raises(EmpnetError) as caught:
        ImageFolder(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_pixels_and_labels_are_those_of_the_files(folder):
    wanted = picture(folder / "dog" / "0.png")
    images = ImageFolder(folder)
    assert images.classes == ("cat", "dog")
    assert images.labels.tolist() == [0, 0, 1, 1, 1]
    assert images.size == (6, 4)
    assert images.files[2] == "dog/0.png"
    np.testing.assert_array_equal(images.pixels([2])[0], wanted)
    part = images.subset([2, 0])
    assert len(part), part.labels.tolist() == [1, 0]
    np.testing.assert_array_equal(part.pixels([0])[0], wanted)


def test_grey_becomes_rgb_and_transparent_is_refused(folder):
    grey = picture(folder / "cat" / "grey.png", mode="L")
    images = ImageFolder(folder)
    np.testing.assert_array_equal(images.pixels([images.files.index("cat/grey.png")])[0], np.stack([grey] * 3, -1))
    picture(folder / "cat" / "glass.png", mode="RGBA")
    assert "cat/glass.png (is transparent; wanted RGB or grey" in opened(folder)


def test_sixteen_bits_are_refused(folder):
    Image.fromarray(np.zeros((4, 6), np.uint16)).save(folder / "cat" / "deep.png")
    assert "cat/deep.png (is I;16" in opened(folder)


def test_all_bad_pictures_are_named_at_once(folder):
    (folder / "cat" / "broken.png").write_bytes(b"no picture")
    whole = (folder / "cat" / "1.png").read_bytes()
    (folder / "dog" / "cut.png").write_bytes(whole[: len(whole) // 2])
    picture(folder / "dog" / "wide.png", size=(7, 4))
    message = opened(folder)
    assert "3 of 7 pictures are bad" in message
    for part in ("cat/broken.png (cannot be read", "dog/cut.png (cannot be read", "dog/wide.png (7 x 4)", "6 x 4"):
        assert part in message
    with pytest.warns(UserWarning, match=r"left out 3 of 7 pictures: cat/broken.png .*dog/wide.png"):
        images = ImageFolder(folder, bad="skip")
    assert len(images) == 4
    assert "dog/wide.png" in opened(folder, size=(6, 4))


def test_without_check_a_bad_picture_is_named_on_its_turn(folder):
    picture(folder / "dog" / "wide.png", size=(7, 4))
    images = ImageFolder(folder, check=False)
    with pytest.raises(EmpnetError, match=r"wide.png: 7 x 4; wanted 6 x 4"):
        images.pixels(range(len(images)))


def test_folders_that_are_invalid(folder, tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    assert "is not a folder" in opened(empty / "nothing")
    assert "no folders in it" in opened(empty)
    (empty / "cat").mkdir()
    assert "one class only ('cat')" in opened(empty)
    (empty / "dog").mkdir()
    assert "cat: no pictures in it" in opened(empty)
    assert "bad='ignore'" in opened(folder, bad="ignore")
    (folder / "cat" / "notes.txt").write_text("a note")
    (folder / "cat" / ".hidden").write_text("passed over")
    assert "files that are not pictures (1): notes.txt" in opened(folder)


def test_a_folder_of_broken_pictures_only(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes(b"")
    assert "none of 2 pictures can be read" in opened(tmp_path)


def test_skipping_does_not_empty_a_class(folder):
    for name in ("1", "2"):
        (folder / "dog" / f"{name}.png").write_bytes(b"")
    with pytest.warns(UserWarning, match="left out"):
        assert "no picture of this class can be used" in opened(folder, bad="skip")


def test_sign_digits_are_whole_and_unpacked_once(tmp_path, monkeypatch):
    monkeypatch.setenv("EMPNET_CACHE", str(tmp_path))
    folder = sign_digits_path()
    before = {path: path.stat().st_ino for path in [folder, *folder.rglob("*")]}
    assert sign_digits_path() == folder
    assert {path: path.stat().st_ino for path in [folder, *folder.rglob("*")]} == before
    assert {each.name for each in tmp_path.iterdir()} <= {folder.name, f".{folder.name}.lock"}  # nothing unfinished
    images = ImageFolder(folder)  # decodes all of them
    assert np.bincount(images.labels).tolist() == [205, 206, 206, 206, 207, 207, 207, 206]


def test_blocks_are_contiguous_and_cut_where_hands_change():
    images = sign_digits()
    numbers = np.array([number_in_name(name) for name in images.files])
    blocks = number_blocks(images.files, 6)
    counts = np.bincount(blocks)
    assert counts.min() >= 1650 // 6 - 16  # a cut is moved by 8 pictures at most, at either end of a block
    for k in range(5):
        last, first = numbers[blocks == k].max(), numbers[blocks == k + 1].min()
        assert last < first
        assert first - last > 2  # a hand signs ten digits in a row, of which two are left out here
    for k in range(6):
        assert set(images.labels[blocks == k]) == set(range(8))


def test_numbers_in_names():
    assert number_in_name("a1/b2_003.jpeg") == 3
    with pytest.raises(EmpnetError, match=r"cat.jpg: no number in its name"):
        number_in_name("2/cat.jpg")
    with pytest.raises(EmpnetError, match="3 blocks of 2 pictures"):
        number_blocks(["1.jpg", "2.jpg"], 3)
    assert number_blocks(["3.jpg", "1.jpg", "2.jpg"], 3).tolist() == [2, 0, 1]
