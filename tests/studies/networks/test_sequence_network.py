"""The recurrent network: padding changes nothing, and written out step by step it is the same."""

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

from empnet.model.summary import summary
from empnet.studies.networks.sequence_network import CELLS, SequenceNetwork, UnfoldedLSTM

# float64 throughout: sums of some hundred products of numbers near one round to about 1e-14
CLOSE = {"rtol": 1e-10, "atol": 1e-12}


def ragged(lengths):
    return [torch.randn(n, 3, dtype=torch.float64) for n in lengths]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("layers", [1, 2])
def test_padding_changes_no_result_and_no_gradient(cell, layers):
    network = SequenceNetwork(3, 2, width=5, layers=layers, cell=cell).double()
    sequences = ragged([4, 1, 7, 2])
    lengths = torch.tensor([len(s) for s in sequences])
    alone = torch.cat([network(s[None], torch.tensor([len(s)])) for s in sequences])
    alone.square().sum().backward()
    gradients = [p.grad.clone() for p in network.parameters()]
    for padding in (0.0, 100.0):
        network.zero_grad()
        padded = pad_sequence(sequences, batch_first=True, padding_value=padding).requires_grad_()
        together = network(padded, lengths)
        torch.testing.assert_close(together, alone, **CLOSE)
        together.square().sum().backward()
        for parameter, gradient in zip(network.parameters(), gradients, strict=True):
            torch.testing.assert_close(parameter.grad, gradient, **CLOSE)
        for number, n in enumerate(lengths):
            assert not padded.grad[number, n:].any()


def test_packed_sequences_say_the_same():
    network = SequenceNetwork(3, 2, width=5).double()
    sequences = ragged([4, 1, 7])
    lengths = torch.tensor([4, 1, 7])
    padded = pad_sequence(sequences, batch_first=True)
    packed = pack_padded_sequence(padded, lengths, batch_first=True, enforce_sorted=False)
    oracle = network.readout(network.recurrent(packed)[1][0][-1])
    torch.testing.assert_close(network(padded, lengths), oracle, **CLOSE)


@pytest.mark.parametrize(("cell", "blocks"), [("lstm", 4), ("gru", 3)])
def test_parameters_by_the_formula_whatever_the_length(cell, blocks):
    network = SequenceNetwork(3, 2, width=5, layers=2, cell=cell)
    wanted = blocks * 5 * (3 + 5 + 2) + blocks * 5 * (5 + 5 + 2) + 5 * 2 + 2
    for length in (1, 4, 50):
        assert summary(network, inputs=(torch.zeros(1, length, 3), torch.tensor([length]))).parameters == wanted


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("shared", [True, False])
def test_written_out_it_is_torchs_lstm(layers, shared):
    lstm = torch.nn.LSTM(3, 4, layers, batch_first=True, dtype=torch.float64)
    x = torch.randn(2, 6, 3, dtype=torch.float64)
    before = torch.random.get_rng_state()
    written = UnfoldedLSTM(lstm, 6, shared=shared)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.testing.assert_close(written(x), lstm(x)[0], **CLOSE)
    assert len({id(cell) for column in written.cells for cell in column}) == (layers if shared else 6 * layers)
    assert not {p.data_ptr() for p in written.parameters()} & {p.data_ptr() for p in lstm.parameters()}


def test_gradients_of_copies_add_up_to_the_gradient_of_the_shared_weights():
    lstm = torch.nn.LSTM(3, 4, 2, batch_first=True, dtype=torch.float64)
    x = torch.randn(5, 6, 3, dtype=torch.float64)
    lstm(x)[0][:, -1].square().sum().backward()
    copies = UnfoldedLSTM(lstm, 6, shared=False)
    copies(x)[:, -1].square().sum().backward()
    for layer, column in enumerate(copies.cells):
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            total = sum(getattr(cell, name).grad for cell in column)
            torch.testing.assert_close(total, getattr(lstm, f"{name}_l{layer}").grad, **CLOSE)


def test_another_length_than_it_was_written_for():
    with pytest.raises(ValueError, match="zip"):
        UnfoldedLSTM(torch.nn.LSTM(3, 4, batch_first=True), 6)(torch.zeros(1, 5, 3))
