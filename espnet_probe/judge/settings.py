"""Settings of decoding: those of ESPnet's own commands, from a file or as arguments.

ESPnet's parser reads them, so that names, types, defaults and the format of the file
are those of ``asr_inference --config conf/decode_asr.yaml``.
"""

import inspect
from pathlib import Path
from typing import Any, Dict, NoReturn, Optional, Sequence

import yaml

from espnet_probe.errors import ProbeError
from espnet_probe.judge.kinds import JudgeKind

#: ESPnet's defaults do not suit a model without a decoder: they search as if there
#: were one, and 20 hypotheses wide. These are the settings of the recipes here.
CTC_ONLY = {"ctc_weight": 1.0, "lm_weight": 0.0, "beam_size": 5}

#: How a command is run, not what it recognises. One utterance at a time, and its best
#: hypothesis, is what counts here.
PASSED_OVER = (
    *("output_dir", "ngpu", "num_workers", "log_level", "batch_size", "nbest"),
    *("allow_variable_data_keys", "display_hypotheses", "config"),
)

#: What the command needs and nobody looks at.
_NEEDED = ["--output_dir=.", "--data_path_and_name_and_type=wav.scp,speech,sound"]

#: Settings that make another kind of recogniser → why they are refused.
_REFUSED = {
    "enh_s2t_task": "a joint model of enhancement and recognition",
    "multi_asr": "a model that writes down several speakers",
    "word_lm_train_config": "a language model of words, which ESPnet has no more",
}


def find_settings(
    kind: JudgeKind,
    config: Dict[str, Any],
    file: Optional[Path] = None,
    arguments: Sequence[str] = (),
) -> Dict[str, Any]:
    """Return all settings of decoding.

    Args:
        kind: How the model recognises.
        config: The model's configuration.
        file: YAML file with settings, such as a recipe's ``conf/decode_asr.yaml``.
        arguments: Settings as on the command line: ``["--beam_size", "5"]``; they win.

    Returns:
        Setting → value, with the defaults of ESPnet's command.

    Raises:
        ProbeError: If one is not known, has a value that ESPnet does not take, or
            names the model, which has options of its own.
    """
    if file is not None:
        _check_file(file)
    parser = kind.parser()
    if is_ctc_only(config) and kind.task == "asr":
        parser.set_defaults(**CTC_ONLY)

    def refuse(message: str) -> NoReturn:
        raise ProbeError(
            f"settings of decoding: {message}; expected those of 'python -m "
            f"{kind.command} --help'"
        )

    parser.error = refuse
    named = [] if file is None else [f"--config={file}"]
    found = vars(parser.parse_args([*_NEEDED, *named, *arguments]))
    found.pop("data_path_and_name_and_type")
    for name, value in found.items():
        model = name in (f"{kind.prefix}_train_config", f"{kind.prefix}_model_file")
        if (model or name in ("model_tag", "key_file")) and value is not None:
            raise ProbeError(
                f"settings of decoding: {name} is none; name the judge with "
                "--judge_exp, --judge_tag or --judge_zip, and the sounds with --wav_scp"
            )
        if name in _REFUSED and value:
            raise ProbeError(f"settings of decoding: {name} means {_REFUSED[name]}")
    if kind.task == "asr_transducer" and found.get("streaming"):
        raise ProbeError(
            "settings of decoding: streaming is not possible with a judge of the task "
            "asr_transducer; leave it out"
        )
    for name in ("lang_sym", "task_sym"):
        # As ESPnet's command does: a shell would take the brackets for its own.
        if found.get(name) is not None:
            found[name] = f"<{str(found[name]).strip('<>')}>"
    return {name: value for name, value in found.items() if name not in PASSED_OVER}


def class_arguments(recogniser: Any, settings: Dict[str, Any]) -> Dict[str, Any]:
    """Return those settings that the class takes when it is made.

    Args:
        recogniser: ESPnet's class.
        settings: As of :func:`find_settings`.
    """
    taken = inspect.signature(recogniser.__init__).parameters
    return {name: value for name, value in settings.items() if name in taken}


def is_ctc_only(config: Dict[str, Any]) -> bool:
    """Tell whether a model has nothing but CTC to recognise with.

    Args:
        config: Its configuration.
    """
    weight = (config.get("model_conf") or {}).get("ctc_weight")
    return config.get("decoder") is None or weight == 1.0


def _check_file(file: Path) -> None:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise ProbeError(
            f"cannot read settings of decoding {file}: {reason}"
        ) from error
    if not isinstance(content, dict):
        raise ProbeError(
            f"{file} holds no settings of decoding: expected lines such as "
            "'beam_size: 5'"
        )
