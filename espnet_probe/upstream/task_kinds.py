"""Which of ESPnet's tasks a model belongs to, read from what the model brings.

The parser of a task writes all its options into ``config.yaml``, so the set of keys
tells the task. The keys looked at here are those that each task has had since its
first version; newer ones are not relied on.
"""

import importlib
import logging
from dataclasses import dataclass
from typing import Any, Dict, FrozenSet, List, Optional, Tuple

from espnet_probe.errors import ProbeError

#: The option that all messages point to.
OPTION = "--upstream_task"


@dataclass(frozen=True)
class TaskKind:
    """One of ESPnet's tasks whose models can be probed.

    Attributes:
        name: As ESPnet names its module.
        attribute: The class in ``espnet2.tasks.<name>``.
        required: Keys that every configuration of the task has.
        foreign: Keys that only other tasks' configurations have.
    """

    name: str
    attribute: str
    required: FrozenSet[str]
    foreign: FrozenSet[str] = frozenset()

    def matches(self, config: Dict[str, Any]) -> bool:
        """Tell whether a configuration may be of this task."""
        keys = config.keys()
        if not self.required <= keys or self.foreign & keys:
            return False
        # All keys of s2t are also asr's, but not what stands under them.
        if self.name in ("asr", "s2t"):
            return _is_s2t(config) == (self.name == "s2t")
        return True


def _is_s2t(config: Dict[str, Any]) -> bool:
    model_conf = config.get("model_conf") or {}
    return config.get("preprocessor") == "s2t" or "sym_sop" in model_conf


#: Keys by which a configuration is of one of these tasks and of no other.
_OWN_KEYS = frozenset(
    {
        "promptencoder",
        "util",
        "pred_masked_weight",
        "extra_asr_decoder",
        "postdecoder",
        "deliberationencoder",
        "joint_network_conf",
        "pooling",
    }
)

_RECOGNISER = frozenset({"encoder", "ctc_conf", "token_list"})

TASKS: Dict[str, TaskKind] = {
    kind.name: kind
    for kind in (
        TaskKind("asr", "ASRTask", _RECOGNISER, _OWN_KEYS),
        TaskKind(
            "s2t",
            "S2TTask",
            _RECOGNISER,
            # The keys that asr has had since before there was s2t.
            _OWN_KEYS | {"joint_net_conf", "aux_ctc_tasks"},
        ),
        TaskKind("s2t_ctc", "S2TTask", _RECOGNISER | {"promptencoder"}),
        TaskKind("ssl", "SSLTask", frozenset({"encoder", "loss", "util"})),
        TaskKind("hubert", "HubertTask", frozenset({"encoder", "pred_masked_weight"})),
        TaskKind("st", "STTask", _RECOGNISER | {"src_token_list", "extra_asr_decoder"}),
        TaskKind(
            "slu",
            "SLUTask",
            _RECOGNISER | {"postdecoder", "deliberationencoder"},
        ),
        TaskKind(
            "asr_transducer",
            "ASRTransducerTask",
            frozenset({"encoder_conf", "token_list", "joint_network_conf"}),
        ),
        TaskKind(
            "spk",
            "SpeakerTask",
            frozenset({"encoder", "pooling", "projector", "spk_num"}),
            frozenset({"lang2utt"}),
        ),
    )
}

#: ESPnet's other tasks → keys that tell them.
UNSUPPORTED: Dict[str, FrozenSet[str]] = {
    "lm": frozenset({"lm"}),
    "tts": frozenset({"tts"}),
    "svs": frozenset({"svs"}),
    "enh_s2t": frozenset({"subtask_series"}),
    "enh": frozenset({"separator"}),
    "enh_tse": frozenset({"extractor"}),
    "diar": frozenset({"label_aggregator", "num_spk"}),
    "lid": frozenset({"lang2utt"}),
    "uasr": frozenset({"segmenter", "generator"}),
    "s2st": frozenset({"s2st_type"}),
    "mt": frozenset({"src_tokenizer_encode_conf"}),
    "aqa": frozenset({"universa"}),
    "codec": frozenset({"codec"}),
    "beats": frozenset({"waveform_input"}),
    "gan_tok": frozenset({"quantizer", "generator_first"}),
    "ps2st": frozenset({"model_name"}),
    "rst": frozenset({"ssl_encoder"}),
    # After uasr and s2st, which have losses too.
    "asvspoof": frozenset({"losses"}),
}

#: Options of every task, which nobody leaves in a configuration cut short by hand.
_TRAINING = frozenset({"max_epoch", "optim", "iterator_type"})

#: The beginning of an archive's ``<task>_model_file`` key → tasks packed under it.
#: ESPnet's pack knows fewer names than there are tasks, so ``asr`` serves several.
PACKED_AS: Dict[str, Tuple[str, ...]] = {
    "asr": ("asr", "asr_transducer", "slu", "st", "s2t", "s2t_ctc"),
    "s2t": ("s2t", "s2t_ctc"),
    "ssl": ("ssl", "hubert"),
    "st": ("st",),
    "slu": ("slu",),
    # train_config and model_file: spk, but also tasks that are not supported.
    "": tuple(TASKS),
}


def find_task(
    config: Dict[str, Any], said: Optional[str] = None, packed: Optional[str] = None
) -> str:
    """Return the task that a model belongs to.

    Args:
        config: Its ``config.yaml``.
        said: The task that the user names; nothing else is looked at then.
        packed: How the archive calls it: ``asr`` for ``asr_model_file``, "" for
            ``model_file``; None for a model that is not from an archive.

    Returns:
        A key of TASKS.

    Raises:
        ProbeError: If it is none of TASKS, or cannot be told.
    """
    if said is not None:
        if said not in TASKS:
            raise ProbeError(
                f"{OPTION} {said}: expected one of {', '.join(TASKS)}; models of other "
                "tasks cannot be probed"
            )
        return said
    for name, marks in UNSUPPORTED.items():
        if marks <= config.keys():
            raise ProbeError(
                f"this is a model of ESPnet's task {name} (its config.yaml has "
                f"{', '.join(sorted(marks))}), which cannot be probed: supported are "
                f"{', '.join(TASKS)}"
            )
    if packed is not None and packed not in PACKED_AS:
        raise ProbeError(
            f"the archive names its weights {packed}_model_file, and models of that "
            f"task cannot be probed: supported are {', '.join(TASKS)}; if it is one of "
            f"them, name it with {OPTION}"
        )
    found = [name for name, kind in TASKS.items() if kind.matches(config)]
    possible = PACKED_AS[packed] if packed is not None else tuple(TASKS)
    fitting = [name for name in found if name in possible]
    if len(fitting) == 1:
        return fitting[0]
    short = not _TRAINING <= config.keys()
    if not found and packed and short and (packed == "asr" or len(possible) == 1):
        # A configuration cut short by hand, in an archive that says what it is.
        logging.warning(
            "config.yaml has few options: taken for one of the task %s, since the "
            "archive names the weights %s_model_file; if it is of another, name that "
            "with %s",
            packed,
            packed,
            OPTION,
        )
        return packed
    raise ProbeError(_undecided(config, packed, found, fitting))


def _undecided(
    config: Dict[str, Any],
    packed: Optional[str],
    found: List[str],
    fitting: List[str],
) -> str:
    if fitting:
        reason = f"its config.yaml fits {' and '.join(fitting)}"
    elif found:
        reason = (
            f"its config.yaml is of {' or '.join(found)}, the archive names the "
            f"weights {packed}_model_file"
        )
    else:
        parts = [key for key in config if f"{key}_conf" in config]
        reason = (
            "its config.yaml fits none of them, its parts are "
            f"{', '.join(sorted(parts)) or 'none'}"
        )
    return (
        f"cannot tell which of ESPnet's tasks {', '.join(TASKS)} this model belongs "
        f"to ({reason}): name it with {OPTION}"
    )


def task_class(name: str) -> Any:
    """Import and return ESPnet's class of a task; this costs seconds.

    Args:
        name: A key of TASKS.
    """
    module = importlib.import_module(f"espnet2.tasks.{name}")
    # Any: the tasks' class methods have no declared types.
    return getattr(module, TASKS[name].attribute)
