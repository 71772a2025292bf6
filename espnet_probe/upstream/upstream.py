"""The probed model: loaded, checked, frozen."""

import logging
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Union

import torch
from espnet2.legacy.nets.pytorch_backend.transformer.subsampling import (
    TooShortUttError,
)

from espnet_probe.errors import ProbeError
from espnet_probe.layers.capture import Capture
from espnet_probe.layers.families.abs_family import make_states
from espnet_probe.layers.layer import HiddenStates, Layer, Layers, join
from espnet_probe.layers.selection import select_names
from espnet_probe.upstream.build import (
    build_model,
    locate_files,
    read_config,
    unneeded_weights,
)
from espnet_probe.upstream.choice import RANDOM
from espnet_probe.upstream.encode import ENCODE, prompt_settings
from espnet_probe.upstream.files import (
    ModelFiles,
    files_of_archive,
    files_of_exp,
    files_of_tag,
)
from espnet_probe.upstream.parts import find_chain
from espnet_probe.upstream.preparation import find_preparation
from espnet_probe.upstream.target import fit_target, sampling_rate
from espnet_probe.upstream.task_kinds import find_task
from espnet_probe.upstream.untrained import build_untrained
from espnet_probe.upstream.waveform import Waveform, as_batch
from espnet_probe.upstream.weights import load_weights, model_hash


class Upstream:
    """A frozen ESPnet model whose hidden states can be read by layer name.

    >>> upstream = Upstream.from_exp("exp/asr_conformer")  # doctest: +SKIP
    >>> with upstream.capture("block*") as states:  # doctest: +SKIP
    ...     upstream.encode(waveform, 16000)
    >>> states["block3"].features.shape  # doctest: +SKIP

    Attributes:
        model: The ESPnet model, in eval mode, without gradients.
        task: Name of its ESPnet task, such as "asr".
        origin: Where it was loaded from, for people.
        fs: Sampling rate of its input in Hz.
        layers: All its layers, in network order.
        target: Settings of the log-mel spectrogram that probes recover.
        hash: SHA-256 of weights and model configuration, in hexadecimal.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        config: Dict[str, Any],
        origin: str,
        device: str = "cpu",
        task: str = "asr",
    ) -> None:
        """Freeze a model and look at its layers.

        Args:
            model: A model of one of the tasks in ``ENCODE``.
            config: Its configuration, as in ``config.yaml``.
            origin: Where it comes from.
            device: "cpu", "cuda" or "cuda:N".
            task: Name of its ESPnet task.

        Raises:
            ProbeError: If its states are not reproducible, or none can be found.
        """
        if torch.device(device).type == "cuda" and not torch.cuda.is_available():
            raise ProbeError(
                f"device {device}, but torch finds no GPU: use cpu (--ngpu 0)"
            )
        # Any: the parts of a model have no declared types.
        self.model: Any = model
        self.model.eval().requires_grad_(False).to(device)
        frontend: Any = getattr(model, "frontend", None)
        if getattr(frontend, "append_reversed", False):
            # An embedding hears the utterance followed by itself reversed: states of
            # that would be none of the utterance's.
            frontend.append_reversed = False
        self.task = task
        self.config = config
        self.origin = origin
        self.fs = sampling_rate(self.model.frontend, config)
        self.prepare = find_preparation(task, config, self.fs)
        self.chain = find_chain(self.model, config, self._try)
        self._captures: List[Capture] = []
        taps, self.target = fit_target(self.model.frontend, self.fs, self.chain)
        self.layers = Layers(
            Layer(
                name=tap.name,
                width=tap.width,
                stride=tap.stride // self.target.hop_length,
                frame_shift=tap.stride / self.fs,
                tap=tap.where,
                # What is filled up to one length has no longer neighbours.
                batch_independent=self.prepare.samples is not None
                or self.chain.batch_independent(tap.name),
            )
            for tap in taps
        )
        self._shifts = {layer.name: layer.frame_shift for layer in self.layers}
        self._shortest: Dict[str, int] = {}
        heard = {**self.prepare.settings(), **prompt_settings(self.model, task)}
        self.hash = model_hash(self.model, config, heard)

    @classmethod
    def from_exp(
        cls,
        exp_dir: Union[str, Path],
        model_file: Optional[str] = None,
        device: str = "cpu",
        task: Optional[str] = None,
        init: Optional[str] = None,
        seed: int = 0,
    ) -> "Upstream":
        """Load a model from the folder that an ESPnet training left.

        Args:
            exp_dir: The folder with ``config.yaml`` and the weights.
            model_file: Name of the weights in it; by default the best average
                that is there.
            device: "cpu", "cuda" or "cuda:N".
            task: Name of its ESPnet task, where its configuration does not tell.
            init: "random" for the same model untrained, see
                :mod:`espnet_probe.upstream.untrained`; None for the trained one.
            seed: Of the untrained model's weights.

        Raises:
            ProbeError: If a file is missing, if the task cannot be told or is not
                supported, or if the weights and the model do not have the same names
                and shapes.
        """
        return cls._load(files_of_exp(exp_dir, model_file), device, task, init, seed)

    @classmethod
    def from_zip(
        cls,
        archive: Union[str, Path],
        device: str = "cpu",
        task: Optional[str] = None,
        init: Optional[str] = None,
        seed: int = 0,
    ) -> "Upstream":
        """Load a model from an archive that ESPnet's ``pack`` made.

        It is unpacked once, into the cache.

        Args:
            archive: The file; .tgz and the other kinds that ESPnet packs, too.
            device: "cpu", "cuda" or "cuda:N".
            task: Name of its ESPnet task, where the archive does not tell.
            init: As of from_exp.
            seed: As of from_exp.

        Raises:
            ProbeError: If the archive is refused or damaged; and as from_exp does.
        """
        return cls._load(files_of_archive(archive), device, task, init, seed)

    @classmethod
    def from_pretrained(
        cls,
        tag: str,
        device: str = "cpu",
        task: Optional[str] = None,
        init: Optional[str] = None,
        seed: int = 0,
    ) -> "Upstream":
        """Load a published model, downloaded if it is not in a cache.

        Args:
            tag: Such as "espnet/owsm_ctc_v4_1B", or a URL.
            device: "cpu", "cuda" or "cuda:N".
            task: Name of its ESPnet task, where what was published does not tell.
            init: As of from_exp.
            seed: As of from_exp.

        Raises:
            ProbeError: If it cannot be downloaded; and as from_exp does.
        """
        return cls._load(files_of_tag(tag), device, task, init, seed)

    @classmethod
    def _load(
        cls,
        files: ModelFiles,
        device: str,
        said: Optional[str],
        init: Optional[str],
        seed: int,
    ) -> "Upstream":
        if init not in (None, RANDOM):
            raise ProbeError(f"init is {init}: expected {RANDOM}, or none")
        config = read_config(files.config)
        task = find_task(config, said, files.task)
        locate_files(config, files.folder)
        origin = files.origin
        if init == RANDOM:
            model = build_untrained(config, task, files.weights, seed)
            origin += f" (random, seed {seed})"
        else:
            model = build_model(config, task)
            load_weights(model, files.weights, unneeded_weights(config, task))
        logging.info("loaded the upstream %s (task %s)", origin, task)
        return cls(model, config, origin, device, task)

    @property
    def device(self) -> torch.device:
        """The device that the model is on."""
        return torch.device(next(iter(self.model.parameters())).device)

    def to(self, device: Union[str, torch.device]) -> "Upstream":
        """Move the model to a device and return it.

        Args:
            device: "cpu", "cuda", "cuda:N" or a torch device.
        """
        self.model.to(device)
        return self

    def select(self, patterns: Union[str, Sequence[str]]) -> List[Layer]:
        """Return the layers that names or globs choose, in network order.

        Args:
            patterns: For example ``"cnn1 blstm*"`` or ``["block[3-6]"]``. Parts of
                a block have to be asked for: ``"block*-attention"``.

        Raises:
            ProbeError: If a pattern matches nothing; the names are listed.
        """
        names = select_names(patterns, [layer.name for layer in self.layers])
        return [layer for layer in self.layers if layer.name in names]

    def check_length(self, samples: int, name: str = "the utterance") -> None:
        """Refuse an utterance that has no state of some layer, or is not heard whole.

        Args:
            samples: Its length.
            name: How the message calls it.

        Raises:
            ProbeError: If a layer would have no state, or the model stops before
                the end of the utterance.
        """
        filled = self.prepare.samples
        if self.chain.too_long(samples) or (filled is not None and samples > filled):
            raise ProbeError(
                f"{name} has {samples / self.fs:.1f} s, more than this model hears in "
                "one piece: cut it, or leave it out"
            )
        if not self._shortest:
            self._shortest = {
                layer.name: self.chain.shortest(layer.name) for layer in self.layers
            }
        for layer in self.layers:
            if samples < self._shortest[layer.name]:
                raise ProbeError(
                    f"{name} has {samples} samples, too few for one state of "
                    f"{layer.name}, which needs {self._shortest[layer.name]}: leave "
                    "it out"
                )

    def check_lengths(self, num_samples: Mapping[str, int]) -> None:
        """Refuse a set with utterances that are too short, or not heard whole.

        Args:
            num_samples: Samples by utterance.

        Raises:
            ProbeError: Naming the first of them and the number of the others.
        """
        refused = []
        for key, samples in num_samples.items():
            try:
                self.check_length(samples, f"utterance {key}")
            except ProbeError as error:
                refused.append(str(error))
        if refused:
            others = f" ({len(refused) - 1} more like this)" if refused[1:] else ""
            raise ProbeError(refused[0] + others)

    @contextmanager
    def capture(
        self, patterns: Union[str, Sequence[str]] = "*"
    ) -> Iterator[Dict[str, HiddenStates]]:
        """Read layers during the passes that are made inside the context.

        Args:
            patterns: Names or globs of the layers; see :meth:`select`.

        Yields:
            Layer name to states, filled by :meth:`encode`; every pass replaces
            the states of the one before. They stay after the context's end, its
            hooks do not.

        Raises:
            ProbeError: If a pattern matches nothing.
        """
        names = [layer.name for layer in self.select(patterns)]
        capture = Capture(self.chain, names, self._shifts)
        with capture as states:
            self._captures.append(capture)
            try:
                yield states
            finally:
                self._captures.remove(capture)

    def encode(
        self, waveform: Waveform, sampling_rate: Union[int, str]
    ) -> HiddenStates:
        """Run the model up to its encoder's output.

        Args:
            waveform: (samples,) or a sequence of such arrays or tensors, in
                [-1, 1] as ``soundfile.read`` gives them.
            sampling_rate: Their rate in Hz, or "16k"; resampled if it is not ``fs``.

        Returns:
            What the encoder returns, for one utterance as a batch of one.

        Raises:
            ProbeError: If a waveform is not one-dimensional or is too short.
        """
        batch, lengths = as_batch(waveform, sampling_rate, self.fs)
        return self._run(batch, lengths)

    def hidden_states(
        self, waveform: torch.Tensor, lengths: torch.Tensor, names: Sequence[str]
    ) -> Dict[str, HiddenStates]:
        """Return the states of layers from one forward pass in eval mode.

        Args:
            waveform: (batch, samples), at ``fs``.
            lengths: (batch,), valid samples, in any order.
            names: Canonical layer names.

        Raises:
            ProbeError: If an utterance is shorter than one state.
        """
        with self.capture(list(names)) as states:
            self._run(waveform, lengths)
        return states

    @torch.no_grad()
    def _run(self, waveform: torch.Tensor, lengths: torch.Tensor) -> HiddenStates:
        """Run a padded batch; captures get their states in the batch's order."""
        for capture in self._captures:
            # A pass that fails must not leave the states of the one before.
            capture.states.clear()
        lengths = lengths.cpu()
        for place, length in enumerate(lengths.tolist(), start=1):
            of_several = f"utterance {place} of the batch"
            self.check_length(
                length, of_several if len(lengths) > 1 else "the utterance"
            )
        self.model.eval()
        if self.chain.one_at_a_time and len(lengths) > 1:
            return self._run_alone(waveform, lengths)
        # ESPnet's recurrent encoders take batches in order of falling length.
        order = torch.argsort(lengths, descending=True, stable=True)
        back = torch.argsort(order)
        waveform = waveform.to(self.device)[order.to(self.device), : lengths.max()]
        waveform = self.prepare(waveform, lengths[order])
        filled = self.prepare.samples is not None
        told = torch.full_like(lengths, waveform.size(1)) if filled else lengths[order]

        def own_lengths(name: str) -> torch.Tensor:
            return self.chain.lengths(name, lengths[order])

        try:
            for capture in self._captures:
                capture.order = back
                capture.lengths = own_lengths if filled else None
            encoded, encoded_lengths = ENCODE[self.task](
                self.model, waveform, told.to(self.device)
            )
        except TooShortUttError as error:
            raise ProbeError(f"an utterance of this batch {error.args[0]}") from error
        except RuntimeError as error:
            memory = isinstance(error, torch.OutOfMemoryError)
            if memory or not self.chain.one_at_a_time:
                raise
            # Its shortest input is only estimated.
            raise ProbeError(
                f"the model failed on an utterance of {waveform.size(1)} samples: "
                f"{str(error).splitlines()[0]}"
            ) from error
        finally:
            for capture in self._captures:
                capture.order = capture.lengths = None
        if filled:
            encoded_lengths = self.chain.output_lengths(lengths[order])
        elif encoded_lengths is None:
            encoded_lengths = torch.full((len(lengths),), encoded.size(1))
        return make_states(encoded, encoded_lengths).in_order(back)

    def _run_alone(self, waveform: torch.Tensor, lengths: torch.Tensor) -> HiddenStates:
        """Run the items of a batch one by one and join what they give."""
        encoded = []
        parts: List[List[Dict[str, HiddenStates]]] = [[] for _ in self._captures]
        for row, length in zip(waveform, lengths):
            encoded.append(self._run(row[None, : int(length)], length[None]))
            for part, capture in zip(parts, self._captures):
                part.append(dict(capture.states))
        for part, capture in zip(parts, self._captures):
            for name in capture.names:
                capture.states[name] = join([item[name] for item in part])
        return join(encoded)

    @torch.no_grad()
    def _try(self, waveform: torch.Tensor) -> None:
        """Run the model on one waveform, for parts that no family knows."""
        lengths = torch.tensor([waveform.size(1)], device=self.device)
        ENCODE[self.task](self.model, waveform.to(self.device), lengths)
