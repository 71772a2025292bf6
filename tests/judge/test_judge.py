"""The judge writes down what ESPnet's own commands write down."""

from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest
import soundfile
import torch
import yaml
from cases.tasks import CASES, OWSM_CTC, OWSM_TOKENS, config
from family_case import build_model
from packed_models import pack_recipe, write_recipe
from tiny_models import asr_config, conformer_config, write_exp

from espnet_probe import Upstream
from espnet_probe.errors import ProbeError
from espnet_probe.judge.judge import Judge
from espnet_probe.upstream.files import files_of_archive, files_of_exp

FS = 16000


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write sounds of several lengths, as 16-bit files, and their wav.scp."""
    folder = tmp_path_factory.mktemp("sounds")
    draw = np.random.default_rng(0)
    lines = []
    for number, seconds in enumerate((0.7, 1.3, 1.0, 0.4)):
        time = np.arange(int(seconds * FS)) / FS
        tone = np.sin(2 * np.pi * 300 * (number + 1) * time * (1 + time))
        sound = 0.2 * tone * (time % 0.3 < 0.2) + 0.02 * draw.normal(size=time.size)
        soundfile.write(folder / f"{number}.wav", sound, FS)
        lines.append(f"u{number} {folder}/{number}.wav\n")
    (folder / "wav.scp").write_text("".join(lines))
    return folder


def read(sounds: Path) -> Dict[str, Any]:
    lines = [line.split() for line in (sounds / "wav.scp").read_text().splitlines()]
    return {utt: soundfile.read(path)[0] for utt, path in lines}


def texts_of(judge: Judge, sounds: Path) -> Dict[str, str]:
    return {utt: str(judge.transcribe(wave)) for utt, wave in read(sounds).items()}


def espnets_texts(
    module: Any, sounds: Path, folder: Path, *options: str, name: str = "text"
) -> Dict[str, str]:
    """Decode by ESPnet's command, and read what it wrote."""
    data = f"{sounds}/wav.scp,speech,sound"
    module.main(
        [f"--output_dir={folder}/out", f"--data_path_and_name_and_type={data}"]
        + ["--num_workers=0", "--ngpu=0", *options]
    )
    lines = (folder / "out" / "1best_recog" / name).read_text().splitlines()
    return {line.split(" ", 1)[0]: line.partition(" ")[2] for line in lines}


def write_model(folder: Path, task: str, settings: Dict[str, Any]) -> Path:
    """Write an exp folder of a random model whose outputs vary with its input."""
    folder.mkdir()
    model = build_model(task, settings)
    with torch.no_grad():
        for key, value in model.state_dict().items():
            # Without, one token wins in every frame.
            if "ctc_lo.weight" in key or "joint_network.lin_out.weight" in key:
                value.copy_(30 * (value - value.mean(dim=0)))
    (folder / "config.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    torch.save(model.state_dict(), folder / "valid.loss.ave.pth")
    return folder


def char_model(folder: Path, settings: Dict[str, Any]) -> Path:
    settings.update(token_type="char", bpemodel=None)
    settings["token_list"] = ["<blank>", "<unk>", "<space>", "b", "c", "<sos/eos>"]
    return write_model(folder, "asr", settings)


@pytest.mark.parametrize("encoder", ["blstm_plain", "conformer"])
def test_texts_are_espnets(encoder: str, sounds: Path, tmp_path: Path):
    from espnet2.bin import asr_inference

    settings = conformer_config() if encoder == "conformer" else asr_config(encoder)
    # ESPnet brings the peak of every sound to this before the model sees it.
    settings["speech_volume_normalize"] = 0.8
    exp = char_model(tmp_path / "exp", settings)
    (tmp_path / "decode.yaml").write_text("ctc_weight: 1.0\nbeam_size: 3\n")
    judge = Judge(files_of_exp(exp), tmp_path / "decode.yaml", ["--penalty", "0.3"])
    found = texts_of(judge, sounds)
    options = [f"--config={tmp_path}/decode.yaml", "--penalty=0.3"]
    options += [f"--asr_train_config={exp}/config.yaml"]
    options += [f"--asr_model_file={exp}/valid.loss.ave.pth"]
    assert found == espnets_texts(asr_inference, sounds, tmp_path, *options)
    assert len(set(found.values())) > 1
    described = judge.describe()
    assert described["decoding"]["beam_size"] == 3 and described["task"] == "asr"
    # Known by the same hash as the probed model that it may be.
    assert judge.hash == Upstream.from_exp(exp).hash == described["hash"]
    # Neither does a text depend on what was heard before.
    assert texts_of(judge, sounds) == found


def attention_config() -> Dict[str, Any]:
    """Return the configuration of a model with a decoder."""
    settings = asr_config("blstm_plain", n_mels=8)
    settings.update(decoder="transformer", model_conf={"ctc_weight": 0.3})
    settings["decoder_conf"] = {"attention_heads": 2, "linear_units": 8}
    settings["decoder_conf"]["num_blocks"] = 1
    return settings


def test_an_attention_decoder_and_its_defaults(sounds: Path, tmp_path: Path):
    from espnet2.bin import asr_inference

    exp = char_model(tmp_path / "exp", attention_config())
    shared = ["--maxlenratio=-4", "--beam_size=3"]
    judge = Judge(files_of_exp(exp), None, shared)
    options = [*shared, f"--asr_train_config={exp}/config.yaml"]
    options += [f"--asr_model_file={exp}/valid.loss.ave.pth"]
    found = espnets_texts(asr_inference, sounds, tmp_path, *options)
    assert texts_of(judge, sounds) == found


def owsm(task: str, folder: Path) -> Dict[str, Any]:
    """Return the configuration of a tiny OWSM model that hears two seconds."""
    heard = {"fs": FS, "speech_length": 2, "na_symbol": "<na>"}
    symbols: Dict[str, str] = {
        "notime_symbol": "<notime>",
        "first_time_symbol": "<0.00>",
    }
    symbols["last_time_symbol"] = "<2.00>"
    tokens = [*OWSM_TOKENS[:-3], "<eng>", "<notime>", "<0.00>", "<2.00>"]
    tokens += OWSM_TOKENS[-3:]
    if task == "s2t_ctc":
        whole = config(task, **OWSM_CTC)(folder)
        whole["model"] = "espnet_ctc"
        symbols = {}
    else:
        whole = next(case for case in CASES if case.name == task).config(folder)
    whole.update(token_list=tokens, token_type="word", bpemodel=None)
    whole["preprocessor_conf"] = {**heard, **symbols}
    return whole


def test_texts_of_owsm(sounds: Path, tmp_path: Path):
    from espnet2.bin import s2t_inference

    options = ["--maxlenratio=-5", "--ctc_weight=0.5", "--beam_size=3"]
    exp = write_model(tmp_path / "exp", "s2t", owsm("s2t", tmp_path))
    judge = Judge(files_of_exp(exp), None, options)
    assert judge.task == "s2t" and judge.longest == 2 * FS
    options += [f"--s2t_train_config={exp}/config.yaml"]
    options += [f"--s2t_model_file={exp}/valid.loss.ave.pth"]
    # The text without the tokens for language and task.
    name = "text_nospecial"
    theirs = espnets_texts(s2t_inference, sounds, tmp_path, *options, name=name)
    assert texts_of(judge, sounds) == theirs


@pytest.mark.parametrize("beam_size", [1, 2])
def test_texts_of_owsm_ctc(beam_size: int, sounds: Path, tmp_path: Path):
    from espnet2.bin.s2t_inference import Speech2Text

    exp = write_model(tmp_path / "exp", "s2t_ctc", owsm("s2t_ctc", tmp_path))
    options = [f"--beam_size={beam_size}", "--maxlenratio=-5"]
    judge = Judge(files_of_exp(exp), None, options)
    assert judge.task == "s2t_ctc" and judge.longest == 2 * FS
    # ESPnet's command fails on what its own preprocessing makes of a sound.
    theirs = Speech2Text(
        exp / "config.yaml",
        exp / "valid.loss.ave.pth",
        lang_sym="<nolang>",
        beam_size=beam_size,
        maxlenratio=-5.0,
    )
    # As in that command, a beam of 1 is no search.
    decode = theirs.best_path if beam_size == 1 else theirs
    found = {}
    for utt, wave in read(sounds).items():
        filled = np.pad(wave.astype(np.float32), (0, 2 * FS - len(wave)))
        found[utt] = decode(filled)[0][3]
    assert texts_of(judge, sounds) == found


def test_texts_of_a_transducer(sounds: Path, tmp_path: Path):
    from cases.transducer import CONFORMER
    from cases.transducer import config as transducer_config
    from espnet2.bin import asr_transducer_inference

    settings = transducer_config([dict(CONFORMER)])(tmp_path)
    settings.update(token_type="char", bpemodel=None)
    exp = write_model(tmp_path / "exp", "asr_transducer", settings)
    judge = Judge(files_of_exp(exp), None, ["--beam_size", "2"])
    options = [f"--asr_train_config={exp}/config.yaml", "--beam_size=2"]
    options += [f"--asr_model_file={exp}/valid.loss.ave.pth"]
    theirs = espnets_texts(asr_transducer_inference, sounds, tmp_path, *options)
    assert texts_of(judge, sounds) == theirs


def test_a_packed_model_is_the_same(sounds: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("ESPNET_PROBE_CACHE", str(tmp_path / "cache"))
    exp = write_recipe(tmp_path / "recipe")
    content = yaml.safe_load((exp / "config.yaml").read_text())
    content.update(token_type="char", bpemodel=None)
    (exp / "config.yaml").write_text(yaml.safe_dump(content))
    archive = pack_recipe(exp, tmp_path / "model.zip")
    packed = Judge(files_of_archive(archive))
    judge = Judge(files_of_exp(exp))
    assert packed.hash == judge.hash
    assert texts_of(packed, sounds) == texts_of(judge, sounds)


@pytest.fixture(scope="module")
def exp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small CTC model."""
    settings = asr_config("blstm_plain", n_mels=8)
    return char_model(tmp_path_factory.mktemp("judge") / "exp", settings)


def test_short_sounds_are_heard_as_nothing(exp: Path, tmp_path: Path):
    judge = Judge(files_of_exp(exp))
    assert judge.transcribe(np.zeros(0)) is None
    for samples in (1, 100, 800, FS):
        assert judge.transcribe(np.zeros(samples)) is not None
    # This one needs several frames for one state.
    other = Judge(files_of_exp(char_model(tmp_path / "conformer", conformer_config())))
    assert other.transcribe(np.zeros(300)) is None
    with pytest.raises(ProbeError, match="the judge failed on a sound of 16000 sampl"):
        judge.transcribe(np.zeros((FS, 3)))
    # What fails on any sound is not taken for too short.
    with pytest.raises(ProbeError, match="failed on a sound of 300 .* out of range"):
        wide = ["--ctc_weight=0.5", "--beam_size=20"]
        attention = char_model(tmp_path / "attention", attention_config())
        Judge(files_of_exp(attention), None, wide).transcribe(np.ones(300))


def test_weights_are_strict(exp: Path, tmp_path: Path):
    weights = torch.load(exp / "valid.loss.ave.pth")
    (tmp_path / "config.yaml").write_text((exp / "config.yaml").read_text())
    named = "valid.acc.ave.pth"
    missing = {key: value for key, value in weights.items() if "ctc_lo.b" not in key}
    torch.save(missing, tmp_path / named)
    with pytest.raises(ProbeError, match=r"missing \['ctc.ctc_lo.bias'\]"):
        Judge(files_of_exp(tmp_path))
    torch.save({**weights, "more": torch.zeros(1)}, tmp_path / named)
    with pytest.raises(ProbeError, match=r"unexpected \['more'\]"):
        Judge(files_of_exp(tmp_path))
    torch.save({**missing, "ctc.ctc_lo.bias": torch.zeros(1)}, tmp_path / named)
    with pytest.raises(ProbeError, match=r"other shape \['ctc.ctc_lo.bias \(1,\)"):
        Judge(files_of_exp(tmp_path))


def test_a_language_model_is_strict_too(exp: Path, sounds: Path, tmp_path: Path):
    from espnet2.tasks.lm import LMTask

    settings = LMTask.get_default_config()
    settings.update(yaml.safe_load((exp / "config.yaml").read_text()))
    settings = {key: settings[key] for key in LMTask.get_default_config()}
    settings.update(lm="seq_rnn", lm_conf={"unit": 8, "nlayers": 1}, model_conf={})
    settings.update(model="lm", init=None)
    (tmp_path / "lm.yaml").write_text(yaml.safe_dump(settings))
    model, _ = LMTask.build_model_from_file(tmp_path / "lm.yaml")
    torch.save(model.state_dict(), tmp_path / "lm.pth")
    options = [f"--lm_train_config={tmp_path}/lm.yaml", "--lm_weight=2"]
    judge = Judge(files_of_exp(exp), None, [*options, f"--lm_file={tmp_path}/lm.pth"])
    assert texts_of(judge, sounds).keys() == {"u0", "u1", "u2", "u3"}
    torch.save({}, tmp_path / "empty.pth")
    with pytest.raises(ProbeError, match="empty.pth do not fit the model"):
        Judge(files_of_exp(exp), None, [*options, f"--lm_file={tmp_path}/empty.pth"])
    with pytest.raises(ProbeError, match="there is no language model None"):
        Judge(files_of_exp(exp), None, options)


def changed(exp: Path, folder: Path, **settings: Any) -> Path:
    """Copy a model with other settings."""
    content = yaml.safe_load((exp / "config.yaml").read_text())
    folder.mkdir()
    (folder / "config.yaml").write_text(yaml.safe_dump({**content, **settings}))
    (folder / "valid.loss.ave.pth").symlink_to(exp / "valid.loss.ave.pth")
    return folder


def test_what_cannot_judge_is_refused(exp: Path, tmp_path: Path):
    phones = changed(exp, tmp_path / "phones", token_type="phn")
    with pytest.raises(ProbeError, match="recognises phones"):
        Judge(files_of_exp(phones))
    tokens = changed(exp, tmp_path / "tokens", token_type="bpe")
    with pytest.raises(ProbeError, match="gives tokens and no text"):
        Judge(files_of_exp(tokens))
    with pytest.raises(ProbeError, match="of ESPnet's task slu answers with what"):
        Judge(files_of_exp(exp), said="slu")
    other = changed(exp, tmp_path / "other", encoder="transformer", encoder_conf={})
    with pytest.raises(ProbeError, match="do not fit the model of their config.yaml"):
        Judge(files_of_exp(other))
    file = tmp_path / "decode.yaml"
    file.write_text("beam_size: [3]\n")
    with pytest.raises(ProbeError, match="ESPnet cannot recognise with .*beam_size"):
        Judge(files_of_exp(exp), file)
    if not torch.cuda.is_available():
        with pytest.raises(ProbeError, match="torch finds no GPU"):
            Judge(files_of_exp(exp), device="cuda")


def test_write_exp_has_no_tokenizer(tmp_path: Path):
    exp = write_exp(tmp_path / "exp", asr_config("blstm_plain", n_mels=8))
    content = yaml.safe_load((exp / "config.yaml").read_text())
    (exp / "config.yaml").write_text(yaml.safe_dump({**content, "token_type": None}))
    with pytest.raises(ProbeError, match="gives tokens and no text"):
        Judge(files_of_exp(exp))
