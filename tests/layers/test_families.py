"""The six rules for a hidden state (docs/hidden_states.md), on every family.

Every file in tests/cases has a table of tiny models; what is known of each is written
there. Rule 6, on weights, is tested with loading.
"""

import gc
import importlib
import weakref
from pathlib import Path

import pytest
import torch
from family_case import COUNTS
from tiny_models import noise_batch

from espnet_probe.errors import ProbeError

TABLES = sorted(path.stem for path in Path(__file__).parents[1].glob("cases/*.py"))
CASES = [
    case for table in TABLES for case in importlib.import_module(f"cases.{table}").CASES
]

#: A batch that ESPnet's recurrent encoders would refuse: not sorted by length.
BATCH = (77, 101, 30)

#: Tasks whose models have ``encode(speech, lengths)``; the others' last layers are
#: compared with their own way of encoding in ``reference``.
ENCODES_SPEECH = ("asr", "st", "s2t", "slu", "asr_transducer")

#: Others: short beside long, neighbours in length, more of them.
BATCHES = (BATCH, (7, 101), (78, 77), (2, 101, 50, 7, 76))


def samples_of(case, counts):
    return [case.samples(count) for count in counts]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.name)
def case(request):
    return request.param


@pytest.fixture(scope="module")
def upstream(case, tmp_path_factory):
    return case.build(tmp_path_factory.mktemp(case.name))


def all_names(upstream):
    return [layer.name for layer in upstream.layers]


def states_of(upstream, samples, seed=1):
    return upstream.hidden_states(
        noise_batch(samples, seed), torch.tensor(samples), all_names(upstream)
    )


def has_hooks(model):
    return any(
        module._forward_hooks or module._forward_pre_hooks for module in model.modules()
    )


def test_the_layers_are_those_of_the_table(case, upstream):
    if case.layers:
        assert all_names(upstream) == case.layers
    assert set(case.lengths) <= set(all_names(upstream))
    assert upstream.layers[-1].batch_independent == case.batch_independent


@pytest.mark.parametrize("count", COUNTS)
def test_rule_1_the_number_of_states_is_the_codes_own(case, upstream, count):
    samples = case.samples(count)
    if case.refused(count):
        with pytest.raises(ProbeError, match="too few for one state of"):
            states_of(upstream, [samples])
        return
    states = states_of(upstream, [samples])
    for layer, lengths in case.lengths.items():
        expected = lengths[COUNTS.index(count)]
        assert states[layer].lengths.tolist() == [expected], layer
        assert states[layer].features.shape[:2] == (1, expected), layer


def test_rule_1_in_a_batch_too(case, upstream):
    samples = samples_of(case, [101] + [c for c in (7, 77) if not case.refused(c)])
    states = states_of(upstream, samples)
    for layer in upstream.layers:
        expected = upstream.chain.lengths(layer.name, torch.tensor(samples))
        found = states[layer.name]
        assert found.lengths.tolist() == expected.tolist()
        shape = (len(samples), int(expected.max()), layer.width)
        assert found.features.shape == shape
        for row, length in zip(found.features, expected):
            assert (row[length:] == 0).all()
            assert (row[:length] != 0).any()


def test_rule_2_two_passes_give_the_same_bits(case, upstream):
    first, second = (states_of(upstream, samples_of(case, BATCH)) for _ in range(2))
    for name in all_names(upstream):
        assert torch.equal(first[name].features, second[name].features)


def largest_difference(upstream, samples, layer=None):
    """Compare each utterance in the batch with itself alone; largest by layer."""
    batch = noise_batch(samples)
    names = all_names(upstream)
    together = upstream.hidden_states(batch, torch.tensor(samples), names)
    differences = dict.fromkeys(names, 0.0)
    for index, length in enumerate(samples):
        alone = upstream.hidden_states(
            batch[index : index + 1, :length], torch.tensor([length]), names
        )
        for name in names:
            found, expected = together[name].item(index), alone[name].item(0)
            assert found.shape == expected.shape, name
            difference = float((found - expected).abs().max())
            differences[name] = max(differences[name], difference)
    return differences


@pytest.mark.parametrize("counts", BATCHES, ids=str)
def test_rule_3_states_depend_on_the_batch_only_where_they_say_so(
    case, upstream, counts
):
    possible = [c for c in counts if c not in COUNTS or not case.refused(c)]
    differences = largest_difference(upstream, samples_of(case, possible))
    for layer in upstream.layers:
        if layer.batch_independent:
            assert differences[layer.name] < 2e-5, layer.name
    if counts == BATCH and not case.batch_independent and not case.cautious:
        # If this fails, ESPnet has mended it.
        assert max(differences.values()) > 1e-4


def test_rule_3_utterances_of_one_length_are_independent_for_all(case, upstream):
    differences = largest_difference(upstream, samples_of(case, [77, 77, 77]))
    assert max(differences.values()) < 2e-5


@pytest.mark.parametrize("error", [None, RuntimeError, KeyboardInterrupt])
def test_rule_4_no_hook_outlives_the_context(case, upstream, error):
    before = has_hooks(upstream.model)
    waveform = noise_batch(samples_of(case, [77]))[0]
    names = all_names(upstream)
    try:
        with upstream.capture(names) as states:
            assert has_hooks(upstream.model)
            upstream.encode(waveform, upstream.fs)
            if error is not None:
                raise error
    except (RuntimeError, KeyboardInterrupt):
        pass
    assert set(states) == set(names)
    assert has_hooks(upstream.model) == before


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_rule_4_no_hook_is_left_when_a_pass_breaks_off(case, upstream, error):
    before = has_hooks(upstream.model)
    waveform = noise_batch(samples_of(case, [77]))[0]
    leaves = [m for m in upstream.model.modules() if not list(m.children())]

    def fail(module, args):
        raise error

    with upstream.capture(all_names(upstream)) as states:
        upstream.encode(waveform, upstream.fs)
    # Whatever is called first breaks: something of the model always is.
    handles = [module.register_forward_pre_hook(fail) for module in leaves]
    with pytest.raises(error):
        try:
            with upstream.capture(all_names(upstream)) as states:
                upstream.encode(waveform, upstream.fs)
        finally:
            for handle in handles:
                handle.remove()
    assert has_hooks(upstream.model) == before
    assert states == {}


def test_rule_4_captured_states_are_freed(case, upstream):
    states = states_of(upstream, samples_of(case, [77]))
    references = [weakref.ref(entry.features) for entry in states.values()]
    del states
    gc.collect()
    assert all(reference() is None for reference in references)


def test_rule_5_states_equal_an_independent_computation(case, upstream):
    samples = samples_of(case, [77])
    states = states_of(upstream, samples)
    expected = case.reference(upstream, noise_batch(samples))
    whole = {name for name in all_names(upstream) if "-" not in name}
    assert whole <= set(expected) | ({"final"} - set(states))
    for name in set(expected) & set(states):
        torch.testing.assert_close(
            states[name].item(0), expected[name], atol=2e-5, rtol=1e-4, msg=name
        )


def test_rule_5_the_last_layer_is_what_encode_returns(case, upstream):
    samples = samples_of(case, [101, 77])
    batch = noise_batch(samples)
    last = upstream.layers[-1].name
    with upstream.capture(last) as states:
        encoded = upstream.encode([row[:n] for row, n in zip(batch, samples)], 16000)
    pieces = case.pieces
    output = encoded.features.unflatten(1, (-1, pieces)).flatten(2)
    assert torch.equal(states[last].features, output)
    if upstream.layers[-1].batch_independent:
        assert states[last].lengths.tolist() == (encoded.lengths // pieces).tolist()
    lengths = torch.tensor(samples[:1])
    alone = upstream.hidden_states(batch[:1], lengths, [last])[last]
    filled = upstream.prepare.samples is not None
    if not filled and case.task in ENCODES_SPEECH:
        with torch.no_grad():
            expected, expected_lengths = upstream.model.encode(batch[:1], lengths)
        expected = expected[0] if isinstance(expected, tuple) else expected
        expected = expected.unflatten(1, (-1, pieces)).flatten(2)
        assert torch.equal(alone.features, expected[:, : alone.features.size(1)])
        found_lengths = torch.as_tensor(expected_lengths) // pieces
        assert alone.lengths.tolist() == found_lengths.tolist()


def test_widths_strides_and_frame_shifts_are_those_of_the_states(case, upstream):
    # A stretch of which every stride is a divisor.
    stretch = 38400
    samples = case.samples(77)
    short, long = (states_of(upstream, [n]) for n in (samples, samples + stretch))
    hop = upstream.target.hop_length
    for layer in upstream.layers:
        assert short[layer.name].features.size(2) == layer.width
        more = int(long[layer.name].lengths) - int(short[layer.name].lengths)
        assert more * layer.stride * hop == stretch, layer.name
        assert layer.frame_shift == layer.stride * hop / upstream.fs
        assert short[layer.name].frame_shift == layer.frame_shift


def test_a_model_in_training_mode_is_read_in_eval_mode(case, upstream):
    samples = samples_of(case, [77])
    expected = states_of(upstream, samples)
    upstream.model.train()
    found = states_of(upstream, samples)
    assert not upstream.model.training
    for name in all_names(upstream):
        assert torch.equal(found[name].features, expected[name].features)
        assert not found[name].features.requires_grad
