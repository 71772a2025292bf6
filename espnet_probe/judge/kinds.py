"""Which of ESPnet's tasks recognise speech, and with which of ESPnet's classes."""

import importlib
from dataclasses import dataclass
from typing import Any, Dict

from espnet_probe.errors import ProbeError


@dataclass(frozen=True)
class JudgeKind:
    """How ESPnet recognises with the models of one task.

    Attributes:
        task: Name of the task.
        command: ESPnet's module whose command decodes; its options are the settings.
        module: ESPnet's module with the class ``Speech2Text``.
        prefix: What the names of the class's arguments for the model begin with.
        text: Which part of a result is the text.
    """

    task: str
    command: str
    module: str
    prefix: str
    text: int

    def recogniser(self) -> Any:
        """Import and return the class; this costs seconds."""
        return importlib.import_module(self.module).Speech2Text

    def parser(self) -> Any:
        """Import the command and return its parser; this costs seconds."""
        return importlib.import_module(self.command).get_parser()


KINDS: Dict[str, JudgeKind] = {
    kind.task: kind
    for kind in (
        JudgeKind(
            "asr", "espnet2.bin.asr_inference", "espnet2.bin.asr_inference", "asr", 0
        ),
        JudgeKind(
            "asr_transducer",
            "espnet2.bin.asr_transducer_inference",
            "espnet2.bin.asr_transducer_inference",
            "asr",
            0,
        ),
        # Of OWSM's results the text without the tokens for language and task.
        JudgeKind(
            "s2t", "espnet2.bin.s2t_inference", "espnet2.bin.s2t_inference", "s2t", 3
        ),
        # The class of s2t decodes both; the one beside the command is deprecated.
        JudgeKind(
            "s2t_ctc",
            "espnet2.bin.s2t_inference_ctc",
            "espnet2.bin.s2t_inference",
            "s2t",
            3,
        ),
    )
}

#: Tasks of models that can be probed and do not recognise → what they do.
OTHERS = {
    "ssl": "learns from sound alone",
    "hubert": "learns from sound alone",
    "st": "translates",
    "slu": "answers with what was meant",
    "spk": "tells speakers apart",
}


def find_kind(task: str) -> JudgeKind:
    """Return how models of a task recognise.

    Args:
        task: Name of the task.

    Raises:
        ProbeError: If they do not.
    """
    if task not in KINDS:
        does = OTHERS.get(task, "is not known to recognise speech")
        raise ProbeError(
            f"a model of ESPnet's task {task} {does}, and cannot write down what is "
            f"said: expected one of the tasks {', '.join(KINDS)}; name another judge "
            "with --judge_exp, --judge_tag or --judge_zip"
        )
    return KINDS[task]
