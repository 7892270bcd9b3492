"""Convolution and pooling: sizes against torch's own shape inference, values against torch's functions."""

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from empnet.errors import EmpnetError
from empnet.model.summary import summary
from empnet.studies.networks.convolution_network import convolution_block, convolved_size, pooled_size

SIDES = st.integers(1, 24)


@settings(max_examples=150)
@given(
    size=SIDES,
    kernel=SIDES,
    stride=st.integers(1, 5),
    pool=st.integers(1, 5),
    padding=st.sampled_from(["valid", "same"]),
    pooling=st.sampled_from(["max", "mean", "convolution"]),
)
def test_sizes_are_those_of_the_module(size, kernel, stride, pool, padding, pooling):
    assume(padding == "same" or kernel <= size)
    convolved = convolved_size(size, kernel, stride=stride, padding=padding)
    assume(pool <= convolved)
    block = convolution_block(2, 3, kernel, stride=stride, padding=padding, pool=pool, pooling=pooling)
    side = pooled_size(convolved, pool)
    assert block(torch.zeros(1, 2, size, size)).shape == (1, 3, side, side)


@settings(max_examples=50)
@given(size=SIDES, kernel=SIDES, pool=SIDES)
def test_what_torch_refuses_is_refused(size, kernel, pool):
    block = convolution_block(1, 1, kernel, pool=pool)
    try:
        wanted = block(torch.zeros(1, 1, size, size)).shape[-1]
    except RuntimeError:
        with pytest.raises(EmpnetError, match="larger than"):
            pooled_size(convolved_size(size, kernel), pool)
    else:
        assert pooled_size(convolved_size(size, kernel), pool) == wanted


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5])
def test_same_padding_is_that_of_torch(kernel):
    x, block = torch.rand(2, 3, 7, 7), convolution_block(3, 4, kernel, padding="same")
    weight, bias = block.convolution.weight, block.convolution.bias
    wanted = torch.nn.functional.conv2d(x, weight, bias, padding="same")
    # sums of 3 * 25 products below 1, in another order
    torch.testing.assert_close(block(x), wanted, rtol=0, atol=75 * 2**-23)


def test_pooling():
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    blocks = {kind: convolution_block(1, 1, 1, pool=2, pooling=kind, bias=False) for kind in ("max", "mean")}
    for block in blocks.values():
        torch.nn.init.ones_(block.convolution.weight)
    assert blocks["max"](x).flatten().tolist() == [5, 7, 13, 15]
    assert blocks["mean"](x).flatten().tolist() == [2.5, 4.5, 10.5, 12.5]


def test_parameters():
    table = summary(convolution_block(3, 32, 5, pool=2), (1, 3, 64, 64))
    assert (table.parameters_without_biases, table.parameters) == (3 * 32 * 25, 3 * 32 * 25 + 32)
    learned = summary(convolution_block(3, 8, 5, pool=2, pooling="convolution", bias=False), (1, 3, 64, 64))
    assert learned.parameters == 3 * 8 * 25 + 8 * 8 * 4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: convolved_size(4, 5),
            "a kernel of 5 x 5 pixels is larger than the image, 4 x 4; wanted a kernel of at most 4, or padding 'same'",
        ),
        (
            lambda: pooled_size(1, 2),
            "a pooling window of 2 x 2 pixels is larger than what it is laid on, 1 x 1; wanted a window of at most 1",
        ),
    ],
)
def test_impossible_ones(call, message):
    with pytest.raises(EmpnetError) as error:
        call()
    assert str(error.value) == message
