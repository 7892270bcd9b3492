"""One-hot encoding of species, letters and other alphabets."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from empnet.errors import EmpnetError
from empnet.system.one_hot import OneHot

ALPHABETS = [
    [1, 6, 7, 8],
    [8, 1, -3, 1000],
    "GATC",
    ["Ala", "Gly", "Ser"],
    [("a", 1), None, 2.5, "x"],
    np.array([3, 1, 2], dtype=np.uint8),
]


@pytest.mark.parametrize("alphabet", ALPHABETS, ids=str)
@given(data=st.data())
def test_rows_are_those_of_the_identity(alphabet, data):
    encoder = OneHot(alphabet)
    places = data.draw(st.lists(st.integers(0, len(encoder) - 1), max_size=8))
    items = [encoder.alphabet[place] for place in places]
    if isinstance(alphabet, str):
        items = "".join(items)
    np.testing.assert_array_equal(encoder.indices(items), places)
    np.testing.assert_array_equal(encoder.encode(items), np.eye(len(encoder))[places].reshape(-1, len(encoder)))
    assert encoder.decode(encoder.encode(items)) == list(items)


def test_arrays_of_any_whole_type_and_lists_agree():
    encoder = OneHot([1, 6, 8])
    for items in (np.array([8, 1], np.uint8), np.array([8, 1], np.int32), [8, 1], (8, 1), [np.int64(8), 1]):
        np.testing.assert_array_equal(encoder.indices(items), [2, 0])
    np.testing.assert_array_equal(OneHot("AB").indices(["B", "A"]), [1, 0])


def test_dtype_and_shape():
    assert OneHot("AB").encode("ABA", dtype=np.float32).dtype == np.float32
    assert OneHot("AB").encode("").shape == (0, 2)
    assert OneHot("AB").encode_batch([]).shape == (0, 0, 2)
    assert OneHot("AB").encode_batch(["", ""]).shape == (2, 0, 2)
    assert OneHot([]).encode([]).shape == (0, 0)


def test_batch_is_its_strings():
    encoder = OneHot("ACGT")
    batch = encoder.encode_batch(["ACG", "TTT"])
    np.testing.assert_array_equal(batch, [encoder.encode("ACG"), encoder.encode("TTT")])


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda: OneHot([1, 6]).encode([1, 9]), "item 1 is F (9); wanted one of the alphabet: H (1), C (6)"),
        (lambda: OneHot([1, 6]).encode(np.array([6, 0])), "item 1 is 0; wanted one of the alphabet: H (1), C (6)"),
        (lambda: OneHot("AC").encode("AXC"), "item 1 is 'X'; wanted one of the alphabet: 'A', 'C'"),
        (lambda: OneHot("AC").encode([1]), "item 0 is 1; wanted one of the alphabet: 'A', 'C'"),
        (lambda: OneHot([1]).encode("a"), "item 0 is 'a'; wanted one of the alphabet: H (1)"),
        (lambda: OneHot([]).encode([1]), "item 0 is 1; wanted one of the alphabet: it is empty"),
        (lambda: OneHot([1, 2], name=lambda item: f"kind {item}").encode([3]), "item 0 is kind 3"),
        (lambda: OneHot([1, 6, 1]), "the alphabet holds H (1) more than once"),
        (lambda: OneHot("AC").encode_batch(["AC", "ACA"]), "string 1 ('ACA') has 3 items and string 0 ('AC') has 2"),
        (lambda: OneHot("AC").encode_batch(["AC", "AX"]), "string 1 ('AX'): item 1 is 'X'"),
        (lambda: OneHot("AC").decode(np.zeros((2, 3))), "encoded has shape (2, 3); wanted shape (any, 2)"),
    ],
)
def test_errors_name_the_item_its_place_and_the_alphabet(action, message):
    with pytest.raises(EmpnetError) as caught:
        action()
    assert message in str(caught.value)


def test_a_batch_of_species_costs_no_loop():
    species = np.random.default_rng(0).choice([1, 6, 7, 8, 16], 100_000)
    start = time.process_time()
    OneHot([1, 6, 7, 8, 16]).encode(species)
    # 3 ms measured; a Python loop takes 30 ms at the least.
    assert time.process_time() - start < 0.025
