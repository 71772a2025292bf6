"""What the families of other libraries' models refuse, and where their input ends."""

import pytest
import torch
from raw_configs import raw_config
from tiny_models import noise_batch
from tiny_pretrained import hugging_face_folder, s3prl_hubert, whisper_checkpoint

from espnet_probe.errors import ProbeError
from espnet_probe.layers.families import find_family
from espnet_probe.layers.frontends import find_front_end


def names(family):
    return [tap.name for tap in family.taps()]


def test_whisper_stops_at_its_last_position(tmp_path):
    pytest.importorskip("whisper")
    from family_case import build_model

    from espnet_probe.upstream import Upstream
    from espnet_probe.upstream.whisper_mels import provide_mel_bins

    provide_mel_bins()
    name = whisper_checkpoint(tmp_path, positions=12)
    config = raw_config("whisper", whisper_model=name, download_dir=str(tmp_path))
    upstream = Upstream(build_model("asr", config), config, origin="tiny")
    # 12 states are 3840 samples.
    for samples, expected in ((3520, 11), (3840, 12)):
        states = upstream.hidden_states(
            noise_batch([samples]), torch.tensor([samples]), ["block2", "final"]
        )
        assert states["final"].lengths.tolist() == [expected]
        assert states["block2"].features.shape == (1, expected, 16)
    # The encoder itself would drop what comes later without a word.
    assert upstream.chain.lengths("final", torch.tensor([16000])).tolist() == [12]
    with pytest.raises(ProbeError, match="more than this model hears in one piece"):
        upstream.hidden_states(noise_batch([16000]), torch.tensor([16000]), ["final"])


def test_the_constant_for_whisper_is_put_back_once(monkeypatch):
    audio = pytest.importorskip("whisper.audio")
    from espnet_probe.upstream.whisper_mels import provide_mel_bins

    monkeypatch.delattr(audio, "N_MELS", raising=False)
    provide_mel_bins()
    assert audio.N_MELS == 80
    # A version of Whisper that has its own keeps it.
    monkeypatch.setattr(audio, "N_MELS", 81)
    provide_mel_bins()
    assert audio.N_MELS == 81


def test_beats_built_for_pre_training_is_refused():
    from espnet2.beats.encoder import BeatsEncoder

    sizes = dict(encoder_layers=1, encoder_embed_dim=16, encoder_attention_heads=2)
    encoder = BeatsEncoder(1, beats_config=sizes, is_pretraining=True)
    with pytest.raises(ProbeError, match="set is_pretraining to false"):
        find_family(encoder, 1)


def test_an_s3prl_front_end_that_repeats_its_states_is_refused(tmp_path):
    pytest.importorskip("s3prl")
    from espnet2.asr.frontend.s3prl import S3prlFrontend

    path = s3prl_hubert(tmp_path / "hubert.pt")
    settings = {"upstream": "hubert_local", "path_or_url": path, "tile_factor": 2}
    frontend = S3prlFrontend(frontend_conf=settings, download_dir=str(tmp_path))
    with pytest.raises(ProbeError, match="tile_factor 2"):
        find_front_end(frontend)


def test_of_an_unknown_hugging_face_architecture_the_output_is_a_layer(tmp_path):
    pytest.importorskip("transformers")
    from espnet2.asr.frontend.huggingface import HuggingFaceFrontend

    frontend = HuggingFaceFrontend(model=hugging_face_folder(tmp_path, "sew"))
    family = find_front_end(frontend)
    assert family is not None
    assert names(family) == ["final"]
    samples = torch.tensor([3465])
    _, lengths = frontend(noise_batch([3465]), samples)
    assert family.lengths("final", samples).tolist() == lengths.tolist() == [43]


def test_a_w2v_bert_whose_frames_espnet_miscounts_is_refused(tmp_path):
    pytest.importorskip("transformers")
    from espnet2.asr.frontend.huggingface import HuggingFaceFrontend

    model = hugging_face_folder(
        tmp_path, "wav2vec2-bert", add_adapter=True, num_adapter_layers=1
    )
    frontend = HuggingFaceFrontend(model=model)
    with pytest.raises(ProbeError, match="only models with add_adapter false"):
        find_front_end(frontend)
