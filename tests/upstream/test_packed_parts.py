"""Packed models whose front end or encoder brings files, and the same not packed."""

import shutil
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
import torch
from packed_models import inside
from raw_configs import front_end_config, raw_config
from tiny_models import TOKENS, noise_batch, write_exp
from tiny_pretrained import hugging_face_folder, s3prl_hubert, whisper_checkpoint

from espnet_probe.errors import ProbeError
from espnet_probe.upstream import Upstream
from espnet_probe.upstream.whisper_mels import provide_mel_bins

Maker = Callable[[Path], Dict[str, Any]]


def hugging_face(downloads: Path) -> Dict[str, Any]:
    return front_end_config(
        "huggingface", model=hugging_face_folder(Path("data/model"), "hubert")
    )


def s3prl(downloads: Path) -> Dict[str, Any]:
    path = s3prl_hubert(Path("data/hubert.pt"))
    return front_end_config(
        "s3prl",
        frontend_conf={"upstream": "hubert_local", "path_or_url": path},
        download_dir=str(downloads),
    )


def whisper(downloads: Path) -> Dict[str, Any]:
    # It is fetched by its name: an archive has nothing of it but the weights.
    provide_mel_bins()
    name = whisper_checkpoint(downloads)
    return raw_config("whisper", whisper_model=name, download_dir=str(downloads))


def whisper_front_end(downloads: Path) -> Dict[str, Any]:
    provide_mel_bins()
    name = whisper_checkpoint(downloads)
    return front_end_config("whisper", whisper_model=name, download_dir=str(downloads))


#: Package that is needed, its model, files of the recipe that are packed with it.
PARTS = [
    pytest.param("transformers", hugging_face, ["data/model"], id="huggingface"),
    pytest.param("s3prl", s3prl, ["data/hubert.pt"], id="s3prl"),
    pytest.param("whisper", whisper, [], id="whisper"),
    pytest.param("whisper", whisper_front_end, [], id="whisper_front_end"),
]


def pack(recipe: Path, archive: Path, files: List[str]) -> None:
    from espnet2.bin.pack import main

    options = [f"--option={name}" for name in ["data/tokens.txt", *files]]
    exp = "exp/asr_tiny"
    with inside(recipe):
        main(
            [
                "asr",
                f"--asr_train_config={exp}/config.yaml",
                f"--asr_model_file={exp}/valid.loss.ave.pth",
                f"--outpath={archive}",
                *options,
            ]
        )


def states_of(upstream: Upstream) -> Dict[str, torch.Tensor]:
    lengths = [8000, 6400]
    names = [layer.name for layer in upstream.layers]
    states = upstream.hidden_states(noise_batch(lengths), torch.tensor(lengths), names)
    return {name: states[name].features for name in names}


@pytest.mark.parametrize("needs, make, files", PARTS)
def test_a_packed_model_brings_the_files_of_its_parts(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    needs: str,
    make: Maker,
    files: List[str],
) -> None:
    pytest.importorskip(needs)
    monkeypatch.setenv("ESPNET_PROBE_CACHE", str(tmp_path / "cache"))
    recipe, downloads = tmp_path / "recipe", tmp_path / "downloads"
    (recipe / "data").mkdir(parents=True)
    downloads.mkdir()
    with inside(recipe):
        config = make(downloads)
        Path("data/tokens.txt").write_text("\n".join(TOKENS) + "\n")
        config["token_list"] = "data/tokens.txt"
        exp = write_exp(recipe / "exp" / "asr_tiny", config)
        here = Upstream.from_exp("exp/asr_tiny")
    known = states_of(here)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert Upstream.from_exp(exp).hash == here.hash
    for kind in ("zip", "tgz"):
        pack(recipe, tmp_path / f"asr.{kind}", files)
    # What was packed has to do without the recipe.
    shutil.rmtree(recipe)
    for kind in ("zip", "tgz"):
        packed = Upstream.from_zip(tmp_path / f"asr.{kind}")
        assert packed.hash == here.hash and packed.layers == here.layers
        states = states_of(packed)
        assert list(states) == list(known)
        for name, value in known.items():
            assert torch.equal(states[name], value), name


def test_a_file_that_was_not_packed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("transformers")
    monkeypatch.setenv("ESPNET_PROBE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    recipe = tmp_path / "recipe"
    (recipe / "data").mkdir(parents=True)
    with inside(recipe):
        config = hugging_face(tmp_path)
        Path("data/tokens.txt").write_text("\n".join(TOKENS) + "\n")
        write_exp(recipe / "exp" / "asr_tiny", config)
    pack(recipe, tmp_path / "asr.zip", [])
    shutil.rmtree(recipe)
    with pytest.raises(
        ProbeError, match="'huggingface' .*data/model. could not be"
    ) as caught:
        Upstream.from_zip(tmp_path / "asr.zip")
    assert "\n" not in str(caught.value)
