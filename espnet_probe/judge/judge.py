"""A recogniser of ESPnet's: found, checked, and asked what it hears in a sound."""

import logging
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, Optional, Sequence

import numpy as np
import torch
import yaml
from numpy.typing import NDArray

from espnet_probe.errors import ProbeError
from espnet_probe.judge.kinds import find_kind
from espnet_probe.judge.settings import class_arguments, find_settings
from espnet_probe.registration import register
from espnet_probe.upstream.build import (
    build_model,
    complete_options,
    locate_files,
    one_line,
    read_config,
    safe_loading,
)
from espnet_probe.upstream.encode import prompt_settings
from espnet_probe.upstream.files import ModelFiles
from espnet_probe.upstream.preparation import find_preparation
from espnet_probe.upstream.target import sampling_rate
from espnet_probe.upstream.task_kinds import find_task, task_class
from espnet_probe.upstream.weights import load_weights, model_hash

#: A sound of at most so many seconds that a model fails on, but not with silence behind
#: it, is too short for the model: encoders say that in many ways.
SHORT_SECONDS = 0.5

#: Files that a configuration may name, to make text of tokens.
_TEXT_FILES = ("bpemodel", "non_linguistic_symbols")

#: What a model raises that cannot take a sound.
_FAILURES = (RuntimeError, ValueError, IndexError, AssertionError)

_NO_TEXT = (
    "gives tokens and no text: its config.yaml names no token_type, or no bpemodel "
    "that is there"
)


class Judge:
    """Writes down what is said in a sound, as ESPnet's own command would.

    Attributes:
        task: Name of the model's ESPnet task.
        origin: Where the model was loaded from, for people.
        fs: Sampling rate of its input in Hz.
        longest: Samples that it hears at most; None if there is no limit.
        hash: SHA-256 of the model, as of an ``Upstream`` of the same files.
        settings: All settings of decoding.
    """

    def __init__(
        self,
        files: ModelFiles,
        settings_file: Optional[Path] = None,
        arguments: Sequence[str] = (),
        device: str = "cpu",
        said: Optional[str] = None,
    ) -> None:
        """Load a recogniser.

        Args:
            files: Where its parts are.
            settings_file: YAML file with settings of decoding.
            arguments: Further settings, as on ESPnet's command line.
            device: "cpu", "cuda" or "cuda:N".
            said: Name of its ESPnet task, where its configuration does not tell.

        Raises:
            ProbeError: If the model does not recognise speech, weights are missing or
                do not fit, a setting is not known, or ESPnet cannot load it.
        """
        if torch.device(device).type == "cuda" and not torch.cuda.is_available():
            raise ProbeError(
                f"device {device}, but torch finds no GPU: use cpu (--ngpu 0)"
            )
        config = read_config(files.config)
        self.task = find_task(config, said, files.task)
        self.origin = files.origin
        self.tokens = config.get("token_list")
        kind = find_kind(self.task)
        if config.get("token_type") == "phn":
            raise ProbeError(
                f"{files.origin} recognises phones (token_type phn), not words: name "
                "another judge"
            )
        locate_files(config, files.folder)
        _locate_tokenizer(config, files)
        register()
        self.settings = find_settings(kind, config, settings_file, arguments)
        self._kind = kind
        self._recogniser = self._load(files, config, device)
        if getattr(self._recogniser, "tokenizer", None) is None:
            raise ProbeError(f"{files.origin} {_NO_TEXT}")
        model = getattr(self._recogniser, f"{kind.prefix}_model")
        self.fs = sampling_rate(getattr(model, "frontend", None), config)
        filled = getattr(self._prepare, "speech_length", None)
        self.longest: Optional[int] = None if filled is None else int(filled)
        logging.info("loaded the judge %s (task %s)", files.origin, self.task)

    def transcribe(self, waveform: NDArray[Any]) -> Optional[str]:
        """Write down what is said.

        Args:
            waveform: (samples,) at ``fs``, in [-1, 1].

        Returns:
            The text, which may be empty; None if the sound is too short for the model
            to hear anything.

        Raises:
            ProbeError: If the model fails on it.
        """
        if not len(waveform):
            return None
        from espnet2.asr_transducer.utils import TooShortUttError as TransducerTooShort
        from espnet2.legacy.nets.pytorch_backend.transformer.subsampling import (
            TooShortUttError,
        )

        try:
            with _quiet(logging.WARNING):
                return self._recognise(waveform)
        except (TooShortUttError, TransducerTooShort):
            return None
        except torch.OutOfMemoryError as error:
            raise ProbeError(
                f"too little memory for {len(waveform) / self.fs:.1f} s of sound: use "
                "a smaller --beam_size, or the CPU"
            ) from error
        except _FAILURES as error:
            if self._is_too_short(waveform):
                return None
            raise ProbeError(
                f"the judge failed on a sound of {len(waveform)} samples: "
                f"{type(error).__name__}: {one_line(error)}"
            ) from error

    def describe(self) -> Dict[str, Any]:
        """Return what decides on the texts, for the record."""
        return {
            "model": self.origin,
            "task": self.task,
            "hash": self.hash,
            "decoding": {
                name: value
                for name, value in self.settings.items()
                if value is not None and value != {}
            },
        }

    def _is_too_short(self, waveform: NDArray[Any]) -> bool:
        """Tell whether a sound that the model failed on was too short for it."""
        if len(waveform) > SHORT_SECONDS * self.fs:
            return False
        try:
            with _quiet(logging.WARNING):
                self._recognise(np.pad(waveform, (0, 2 * self.fs - len(waveform))))
        except _FAILURES:
            return False
        return True

    def _recognise(self, waveform: NDArray[Any]) -> str:
        # The steps of ESPnet's command, so that the texts are the same.
        prepared = self._prepare("sound", {"speech": waveform})["speech"]
        if prepared.ndim == 2 and prepared.shape[1] == 1:
            # OWSM's adds a dimension, which its recognisers without a decoder refuse.
            prepared = prepared[:, 0]
        # A few models draw random numbers; no sound shall depend on those before it.
        torch.manual_seed(int(self.settings.get("seed") or 0))
        results = self._decode(np.asarray(prepared, dtype=np.float32))
        if isinstance(results, tuple):
            # What intermediate layers recognise comes second.
            results = results[0]
        # A search that finds no end finds nothing.
        text = results[0][self._kind.text] if results else ""
        return str(text or "")

    def _decode(self, speech: NDArray[np.float32]) -> Any:
        recogniser = self._recogniser
        if self.task == "asr_transducer":
            return recogniser.hypotheses_to_results(recogniser(speech))
        if self.task == "s2t_ctc" and self.settings.get("beam_size") == 1:
            # As ESPnet's command for these models: no search.
            return recogniser.best_path(speech)
        return recogniser(speech)

    def _load(self, files: ModelFiles, config: Dict[str, Any], device: str) -> Any:
        kind = self._kind
        recogniser = kind.recogniser()
        given = class_arguments(recogniser, self.settings)
        with (
            tempfile.TemporaryDirectory() as folder,
            safe_loading(),
            _quiet(logging.INFO),
        ):
            self._check_language_model()
            whole = Path(folder) / "config.yaml"
            options = complete_options(config, task_class(self.task))
            whole.write_text(_dump(options), encoding="utf-8")
            given[f"{kind.prefix}_train_config"] = str(whole)
            given[f"{kind.prefix}_model_file"] = str(files.weights)
            try:
                made = recogniser(device=device, **given)
            except Exception as error:
                logging.debug("loading the judge failed", exc_info=True)
                # If it is the model, this says more.
                self._checked_model(files, config)
                raise ProbeError(
                    f"ESPnet cannot recognise with {files.origin}: "
                    f"{type(error).__name__}: {one_line(error)}"
                ) from error
            model = getattr(made, f"{kind.prefix}_model")
            if self._has_changed(model):
                model = self._checked_model(files, config)
            else:
                # ESPnet passed over weights that are missing or have other names.
                load_weights(model, files.weights)
            self.hash = _hash(model, config, self.task)
            # What ESPnet does to a sound before the model sees it.
            task = task_class(self.task)
            trained = getattr(made, f"{kind.prefix}_train_args")
            self._prepare = task.build_preprocess_fn(trained, False)
        return made

    def _checked_model(self, files: ModelFiles, config: Dict[str, Any]) -> Any:
        """Build the model alone and load its weights strictly."""
        model = build_model(config, self.task)
        load_weights(model, files.weights)
        return model

    def _has_changed(self, model: Any) -> bool:
        """Tell whether ESPnet's class changes or takes away weights that it loaded."""
        quantised = any(
            self.settings.get(f"quantize_{name}_model") for name in ("asr", "s2t")
        )
        rescaled = getattr(getattr(model, "decoder", None), "rescaled_layers", False)
        return bool(quantised or rescaled or self.settings.get("hugging_face_decoder"))

    def _check_language_model(self) -> None:
        """Load a language model strictly: ESPnet passes over what does not fit."""
        config = self.settings.get("lm_train_config")
        weights = self.settings.get("lm_file")
        if config is None:
            return
        for name in (config, weights):
            if name is None or not Path(name).is_file():
                raise ProbeError(
                    f"there is no language model {name}: expected the files "
                    "lm_train_config and lm_file"
                )
        from espnet2.tasks.lm import LMTask

        try:
            model, _ = LMTask.build_model_from_file(config)
        except Exception as error:
            raise ProbeError(
                f"ESPnet cannot build the language model {config}: "
                f"{type(error).__name__}: {one_line(error)}"
            ) from error
        load_weights(model, Path(str(weights)))


def _locate_tokenizer(config: Dict[str, Any], files: ModelFiles) -> None:
    """Find what makes text of tokens: a probed model is never asked for it."""
    # As locate_files looks for the files of any part of a model.
    part = {"text_conf": {name: config.get(name) for name in _TEXT_FILES}}
    locate_files(part, files.folder)
    config.update(part["text_conf"])
    pieces = config["bpemodel"]
    if config.get("token_type") == "bpe" and not (pieces and Path(pieces).is_file()):
        raise ProbeError(f"{files.origin} {_NO_TEXT}: bpemodel {pieces}")


def _hash(model: Any, config: Dict[str, Any], task: str) -> str:
    rate = sampling_rate(getattr(model, "frontend", None), config)
    prepared = find_preparation(task, config, rate).settings()
    return model_hash(model, config, {**prepared, **prompt_settings(model, task)})


def _dump(options: Dict[str, Any]) -> str:
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump(options, Dumper=dumper, allow_unicode=True)
    return text


@contextmanager
def _quiet(level: int) -> Iterator[None]:
    """Keep back what ESPnet says of every utterance, up to a level."""
    before = logging.root.manager.disable
    logging.disable(level)
    try:
        yield
    finally:
        logging.disable(before)
