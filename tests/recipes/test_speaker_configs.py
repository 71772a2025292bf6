"""Every speaker configuration builds, and the published ones are the published ones."""

import argparse
from pathlib import Path
from typing import Any, List

import pytest
import torch
import yaml

ROOT = Path(__file__).resolve().parents[2]
CONFIGS: List[Path] = sorted(
    path
    for folder in ("conf", "conf/tuning")
    for path in ROOT.glob(f"egs/*/spk1/{folder}/train_*.yaml")
)
VOXCELEB = ROOT / "egs/voxceleb/spk1/conf"


def name(config: Path) -> str:
    """Return what a test is called by: the path in the repository."""
    return str(config.relative_to(ROOT))


def parse(config: Path, tmp_path: Path) -> argparse.Namespace:
    """Parse a configuration as ``espnet2.bin.spk_train`` does, for 7 speakers."""
    from espnet2.tasks.spk import SpeakerTask

    from espnet_probe.registration import register_lazily

    register_lazily()
    args: argparse.Namespace = SpeakerTask.get_parser().parse_args(
        ["--config", str(config), "--output_dir", str(tmp_path), "--spk_num", "7"]
    )
    return args


def build(args: argparse.Namespace) -> Any:
    """Build the model; ESPnet's models declare no types."""
    from espnet2.tasks.spk import SpeakerTask

    torch.manual_seed(0)
    return SpeakerTask.build_model(args)


@pytest.mark.parametrize("config", CONFIGS, ids=name)
def test_config_trains_and_embeds(config: Path, tmp_path: Path) -> None:
    args = parse(config, tmp_path)
    model = build(args)
    # Shorter than a training example: the full-size networks are slow on a CPU.
    speech = 0.1 * torch.randn(4, 9600)
    loss, stats, _ = model(speech=speech, spk_labels=torch.tensor([[0], [1], [0], [1]]))
    loss.backward()
    assert torch.isfinite(loss) and torch.equal(stats["loss"], loss.detach())
    assert all(p.grad is not None for p in model.projector.parameters())
    model.eval()
    with torch.no_grad():
        embedding = model(speech=speech, spk_labels=None, extract_embd=True)
    assert embedding.shape == (4, model.projector.output_size())
    assert torch.isfinite(embedding).all() and embedding.abs().sum(dim=1).min() > 0


@pytest.mark.parametrize("config", CONFIGS, ids=name)
def test_config_names_what_spk_sh_takes(config: Path) -> None:
    settings = yaml.safe_load(config.read_text())
    # spk.sh's default weights, valid.eer.best.pth, are those of this criterion.
    assert settings["best_model_criterion"] == [["valid", "eer", "min"]]
    # ESPnet's speaker model gives its features no lengths, which statistics need.
    assert settings["model_conf"] == {"extract_feats_in_collect_stats": False}
    # A list that is cut as it stands has one or two speakers in a batch.
    grouped = settings["loss"] == "ge2e"
    assert settings["batch_type"] == ("unsorted" if grouped else "catbel")
    assert settings["iterator_type"] == ("sequence" if grouped else "category")
    # ESPnet's preprocessor opens every table of noise, unless that is off.
    augmented = settings["preprocessor_conf"]
    assert augmented["noise_apply_prob"] == 0 or augmented["noise_info"]
    assert augmented["rir_apply_prob"] == 0 or augmented["rir_scp"]


def test_the_published_thin_resnet(tmp_path: Path) -> None:
    args = parse(VOXCELEB / "train_thin_resnet.yaml", tmp_path)
    model = build(args)
    assert model.frontend.output_size() == 257
    counts = [
        sum(p.numel() for p in part.parameters())
        for part in (model.encoder, model.pooling, model.projector)
    ]
    # GhostVLAD: 7 x 512 to 512 and to 10 with biases, 10 centres; then 8 x 512 to 512.
    assert counts == [
        3690240,
        (3584 + 1) * 512 + (3584 + 1) * 10 + 10 * 512,
        (4096 + 1) * 512,
    ]
    assert (model.loss.scale, model.loss.margin) == (30.0, 0.35)
    assert args.preprocessor_conf["target_duration"] == 2.5
    assert (args.optim, args.optim_conf["lr"]) == ("adam", 1e-3)
    assert args.scheduler_conf == {"step_size": 36, "gamma": 0.1}


def test_the_papers_variant(tmp_path: Path) -> None:
    model = build(parse(VOXCELEB / "train_netvlad_mel.yaml", tmp_path))
    assert model.frontend.output_size() == 80
    assert (model.pooling.clusters, model.pooling.ghosts) == (8, 0)
    assert model.projector.output_size() == 256
