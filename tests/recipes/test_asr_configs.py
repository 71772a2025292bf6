"""Every ASR configuration of the repository builds, and the paper's are the paper's."""

import argparse
from pathlib import Path
from typing import Any, List

import pytest
import torch
import yaml

ROOT = Path(__file__).resolve().parents[2]
#: Resolved, because recipes link to the shared configurations.
CONFIGS: List[Path] = sorted(
    {
        path.resolve()
        for folder in ("conf", "egs/*/probe1/conf", "egs/*/probe1/conf/tuning")
        for path in ROOT.glob(f"{folder}/train_asr*.yaml")
    }
)
PAPER = [ROOT / "conf/train_asr_blstm.yaml", ROOT / "conf/train_asr_vgg_blstm.yaml"]


def name(config: Path) -> str:
    """Return what a test is called by: the path in the repository."""
    return str(config.relative_to(ROOT))


def parse(config: Path, tmp_path: Path) -> argparse.Namespace:
    """Parse a configuration as ``espnet2.bin.asr_train`` does, for 12 tokens."""
    from espnet2.tasks.asr import ASRTask

    from espnet_probe.registration import register

    register()
    tokens = tmp_path / "tokens.txt"
    tokens.write_text("<blank>\n<unk>\n" + "\n".join("ABCDEFGHI") + "\n<sos/eos>\n")
    args: argparse.Namespace = ASRTask.get_parser().parse_args(
        [
            *("--config", str(config), "--token_list", str(tokens)),
            *("--output_dir", str(tmp_path), "--frontend_conf", "fs=16k"),
            *("--token_type", "word", "--use_preprocessor", "false"),
        ]
    )
    args.token_list = tokens.read_text().split("\n")[:-1]
    return args


def build(args: argparse.Namespace) -> Any:
    """Build the model in eval mode; ESPnet's models declare no types."""
    from espnet2.tasks.asr import ASRTask

    return ASRTask.build_model(args).eval()


@pytest.mark.parametrize("config", CONFIGS, ids=name)
def test_config_is_ctc_only_and_decodes_repeatably(
    config: Path, tmp_path: Path
) -> None:
    model = build(parse(config, tmp_path))
    assert model.decoder is None and model.ctc_weight == 1.0
    waveform = torch.randn(1, 16000, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        first, lengths = model.encode(waveform, torch.tensor([16000]))
        second, _ = model.encode(waveform, torch.tensor([16000]))
    # A dropout in ESPnet's projected RNNs would be active in eval mode too.
    assert torch.equal(first, second)
    # 16-100 ms a state: words and pieces are not shorter.
    assert 10 <= int(lengths[0]) <= 1000 / 16


@pytest.mark.parametrize("config", CONFIGS, ids=name)
def test_config_leaves_the_weights_that_recipes_decode_with(config: Path) -> None:
    settings = yaml.safe_load(config.read_text())
    # asr.sh's default, valid.acc, is never logged without a decoder.
    assert ["valid", "loss", "min"] in settings["best_model_criterion"]


@pytest.mark.parametrize("config", PAPER, ids=name)
def test_paper_architecture(config: Path, tmp_path: Path) -> None:
    args = parse(config, tmp_path)
    model = build(args)
    assert model.frontend.output_size() == 240
    stack = model.encoder.enc[-1] if args.encoder == "vgg_rnn" else model.encoder.enc[0]
    for layer in range(5):
        lstm = getattr(stack, f"birnn{layer}")
        assert (lstm.hidden_size, lstm.bidirectional) == (320, True)
        assert getattr(stack, f"bt{layer}").out_features == 640
    assert not hasattr(stack, "birnn5") and stack.dropout == 0.0
    waveform = torch.randn(1, 16000)
    with torch.no_grad():
        _, lengths = model.encode(waveform, torch.tensor([16000]))
    # 81 frames; time is divided by 4 in the CNN, by 8 in the pure LSTM.
    assert int(lengths[0]) == (21 if args.encoder == "vgg_rnn" else 11)
    assert (args.optim, args.batch_size, args.grad_clip) == ("sgd", 12, 5.0)
    assert args.optim_conf == {"lr": 0.01, "momentum": 0.9, "nesterov": True}
    # An epoch is 28539 utterances in batches of 12, whatever the training set: a robust
    # model, which has twice as many, is not trained for longer.
    assert args.num_iters_per_epoch == -(-28539 // args.batch_size)
    assert abs(args.max_epoch * args.num_iters_per_epoch - 350_000) < 3_500
