"""The optional packages that parts of ESPnet's models need."""

import importlib.util
from typing import Any, Dict, Iterator, List, Optional, Tuple

from espnet_probe.errors import ProbeError

_FAIRSEQ = (
    "pip install --no-deps fairseq-fixed bitarray sacrebleu portalocker "
    "(fairseq itself has no release for Python 3.11 and newer)"
)

#: Import name → how to get it.
REMEDIES: Dict[str, str] = {
    "asteroid_filterbanks": "pip install asteroid-filterbanks",
    "einops": "pip install einops",
    "espnet_model_zoo": "pip install espnet_model_zoo",
    "fairseq": _FAIRSEQ,
    "longformer": (
        "pip install git+https://github.com/roshansh-cmu/longformer.git "
        "(it is made for Python 3.9 and older)"
    ),
    "loralib": "pip install loralib",
    "s3prl": "pip install espnet-s3prl",
    "torchaudio": "pip install torchaudio",
    "transformers": "pip install transformers",
    "warprnnt_pytorch": (
        "build it with tools/installers/install_warp-transducer.sh of ESPnet"
    ),
    "whisper": "pip install openai-whisper",
}

#: Part of a model and the name of its class → the package that it cannot do without.
NEEDED: Dict[Tuple[str, str], str] = {
    ("frontend", "asteroid_frontend"): "asteroid_filterbanks",
    ("frontend", "espnet_ssl"): "espnet_model_zoo",
    ("frontend", "huggingface"): "transformers",
    ("frontend", "s3prl"): "s3prl",
    ("frontend", "whisper"): "whisper",
    ("encoder", "avhubert"): "fairseq",
    ("encoder", "hubert"): "fairseq",
    ("encoder", "hubert_pretrain"): "fairseq",
    ("encoder", "hugging_face_transformers"): "transformers",
    ("encoder", "longformer"): "longformer",
    ("encoder", "torchaudio_hubert"): "torchaudio",
    ("encoder", "torchaudiohubert"): "torchaudio",
    ("encoder", "wav2vec2"): "fairseq",
    ("encoder", "whisper"): "whisper",
    ("postencoder", "hugging_face_transformers"): "transformers",
    ("decoder", "hugging_face_transformers"): "transformers",
    ("decoder", "s4"): "einops",
    ("decoder", "transducer"): "warprnnt_pytorch",
    ("decoder", "whisper"): "whisper",
}


def check_packages(config: Dict[str, Any], task: str) -> None:
    """Refuse a model whose parts need a package that is not installed.

    Args:
        config: The model's configuration.
        task: A key of TASKS.

    Raises:
        ProbeError: Naming the part, the package and how to get it.
    """
    for part, name in _parts(config):
        package = NEEDED.get((part, name))
        # Its RNN decoder goes by other names, and its loss is imported in training.
        if task == "asr_transducer" and part in ("encoder", "decoder"):
            continue
        if package is not None and not is_installed(package):
            raise ProbeError(missing(package, f"{part} {name!r}"))
    if config.get("use_adapter") and config.get("adapter") == "lora":
        if not is_installed("loralib"):
            raise ProbeError(missing("loralib", "adapter 'lora'"))


def packages_of(config: Dict[str, Any]) -> List[str]:
    """Return the optional packages that compute a model's hidden states.

    Args:
        config: The model's configuration.

    Returns:
        Their import names, in alphabetical order.
    """
    return sorted(
        {
            NEEDED[part, name]
            for part, name in _parts(config)
            if part != "decoder" and (part, name) in NEEDED
        }
    )


def _parts(config: Dict[str, Any]) -> Iterator[Tuple[str, str]]:
    for part in ("frontend", "encoder", "postencoder", "decoder"):
        name = config.get(part)
        if not isinstance(name, str):
            continue
        yield part, name
        if (part, name) == ("frontend", "fused"):
            for inner in (config.get("frontend_conf") or {}).get("frontends") or []:
                # What is no mapping fails in ESPnet's own words.
                if isinstance(inner, dict):
                    yield part, str(inner.get("frontend_type"))


def is_installed(package: str) -> bool:
    """Tell whether a package can be found, without importing it.

    Args:
        package: Its import name.
    """
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def missing(package: Optional[str], part: str) -> str:
    """Return the message for a package that is not there.

    Args:
        package: Its import name, where it is known.
        part: What needs it.
    """
    top = (package or "").split(".")[0]
    if not top:
        return f"the {part} of this model needs a package that cannot be imported"
    remedy = REMEDIES.get(top, f"install the package that provides {top}")
    return f"the {part} of this model needs the Python package {top}: {remedy}"
