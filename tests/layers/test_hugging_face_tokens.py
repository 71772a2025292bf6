"""ESPnet's encoder of tokens by a Hugging Face model, called directly."""

import pytest
import torch
from tiny_pretrained import WIDTH, text_model

from espnet_probe.layers.capture import Capture
from espnet_probe.layers.chain import Chain
from espnet_probe.layers.families import find_family
from espnet_probe.layers.families.hugging_face import HuggingFaceEncoderFamily

pytest.importorskip("transformers")


@pytest.mark.parametrize("language", [-1, 3])
def test_the_states_of_tokens_are_those_of_the_model(tmp_path, language):
    from espnet2.asr.encoder.hugging_face_transformers_encoder import (
        HuggingFaceTransformersEncoder,
    )

    encoder = HuggingFaceTransformersEncoder(
        1, text_model(tmp_path, "t5"), lang_token_id=language
    ).eval()
    family = find_family(encoder, 1)
    assert isinstance(family, HuggingFaceEncoderFamily)
    names = [tap.name for tap in family.taps()]
    assert names == ["embed", "block1", "block2", "final"]
    tokens = torch.tensor([[4, 5, 6, 7, 8], [9, 10, 11, 0, 0]])
    shifts = dict.fromkeys(names, 1.0)
    with torch.no_grad(), Capture(Chain([("", family)]), names, shifts) as states:
        output, lengths = encoder(tokens, torch.tensor([5, 3]))
    # The state of the language token comes first and stands for no token.
    extra = int(language != -1)
    assert lengths.tolist() == [5 + extra, 3 + extra]
    assert states["final"].features.shape == (2, 5, WIDTH)
    assert torch.equal(states["final"].item(1), output[1, extra : 3 + extra])
    ids = torch.tensor([[3] * extra + [4, 5, 6, 7, 8]])
    every = encoder.transformer(input_ids=ids, output_hidden_states=True).hidden_states
    for name, expected in zip(("embed", "block1"), every):
        torch.testing.assert_close(states[name].item(0), expected[0, extra:])
