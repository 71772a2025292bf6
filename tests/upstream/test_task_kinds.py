"""Which task a model belongs to, from its configuration and its archive's keys."""

import importlib
from typing import Any, Dict

import pytest

from espnet_probe.errors import ProbeError
from espnet_probe.upstream.task_kinds import TASKS, find_task, task_class

#: Keys that the first versions of the tasks did not have.
LATER = {
    "asr": (
        "joint_net_conf aux_ctc_tasks use_lang_prompt use_nlp_prompt preprocessor "
        "preprocessor_conf model preencoder preencoder_conf postencoder "
        "postencoder_conf speech_volume_normalize"
    ),
    "st": (
        "hier_encoder md_encoder extra_mt_encoder st_joint_net_conf preprocessor "
        "ctc_sample_rate preprocessor_conf"
    ),
    "slu": "model joint_net_conf two_pass pre_postencoder_norm",
    "hubert": "model loss_weights collate_fn_conf",
    "spk": "model_conf preprocessor_conf sample_rate",
    "s2t": "joint_net_conf postencoder preencoder",
}

OTHERS = (
    "lm tts svs enh enh_s2t enh_tse diar lid s2st mt aqa gan_codec uasr asvspoof beats "
    "gan_tok ps2st rst rst_vocoder"
).split()


def default_config(module_name: str) -> Dict[str, Any]:
    module = importlib.import_module(f"espnet2.tasks.{module_name}")
    task = next(
        value
        for name, value in vars(module).items()
        if name.endswith("Task") and getattr(value, "__module__", "") == module.__name__
    )
    config: Dict[str, Any] = task.get_default_config()
    return config


@pytest.mark.parametrize("task", TASKS)
def test_the_options_of_a_task_tell_it(task):
    config = task_class(task).get_default_config()
    assert find_task(config) == task
    for key in LATER.get(task, "").split():
        config.pop(key, None)
    assert find_task(config) == task


@pytest.mark.parametrize("task", OTHERS)
def test_models_of_other_tasks_are_refused(task):
    for packed in (None, "asr", ""):
        with pytest.raises(ProbeError, match="task .* cannot be probed: supported are"):
            find_task(default_config(task), packed=packed)


def test_what_no_task_fits_needs_the_option():
    # Its options are all asr's, too. ESPnet's pack has no name for it: a user may have
    # chosen that of asr.
    config = default_config("cls")
    for packed in (None, "asr", ""):
        with pytest.raises(ProbeError, match="fits none of them.*--upstream_task"):
            find_task(config, packed=packed)


@pytest.mark.parametrize(
    "packed, tasks",
    {
        "asr": ["asr", "asr_transducer", "slu"],
        "s2t": ["s2t", "s2t_ctc"],
        "ssl": ["ssl", "hubert"],
        "st": ["st"],
        "slu": ["slu"],
        "": ["spk"],
    }.items(),
)
def test_the_key_of_an_archive_serves_several_tasks(packed, tasks):
    for task in tasks:
        config = task_class(task).get_default_config()
        assert find_task(config, packed=packed) == task


def test_a_short_configuration_and_the_key_of_an_archive(caplog):
    short = {"encoder": "rnn", "encoder_conf": {}, "token_list": ["a"]}
    assert find_task(short, packed="asr") == "asr"
    assert "taken for one of the task asr" in caplog.text
    with pytest.raises(ProbeError, match="its parts are encoder.*--upstream_task"):
        find_task(short)
    with pytest.raises(ProbeError, match="--upstream_task"):
        find_task(short, packed="ssl")


def test_a_key_that_contradicts_the_configuration_is_not_passed_over():
    config = task_class("asr").get_default_config()
    with pytest.raises(ProbeError, match="is of asr, the archive .* st_model_file"):
        find_task(config, packed="st")
    with pytest.raises(ProbeError, match="names its weights enh_s2t_model_file"):
        find_task(config, packed="enh_s2t")


def test_the_user_has_the_last_word():
    config = task_class("asr").get_default_config()
    assert find_task(config, "s2t", "asr") == "s2t"
    assert find_task({}, "spk") == "spk"
    with pytest.raises(ProbeError, match="--upstream_task tts: expected one of asr,"):
        find_task(config, "tts")
