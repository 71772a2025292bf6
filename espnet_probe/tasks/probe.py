"""ESPnet task that trains the probes of several layers in one run."""

import argparse
import math
from pathlib import Path
from typing import Any, Callable, Collection, Dict, List, Optional, Tuple

import numpy as np
import torch
from espnet2.iterators.abs_iter_factory import AbsIterFactory
from espnet2.tasks.abs_task import AbsTask, optim_classes
from espnet2.train.collate_fn import CommonCollateFn
from espnet2.train.distributed_utils import DistributedOption
from espnet2.utils.types import int_or_none, str2bool, str_or_none

from espnet_probe.errors import ProbeError
from espnet_probe.probes.choices import probe_choices
from espnet_probe.probes.espnet_model import ESPnetProbeModel
from espnet_probe.registration import register_lazily
from espnet_probe.tasks.data import check_data
from espnet_probe.tasks.probe_trainer import ProbeTrainer
from espnet_probe.tasks.resume import check_resumable
from espnet_probe.tasks.sources import dump_source, live_source
from espnet_probe.upstream.choice import add_upstream_options, find_choice

# Here and not in the command, so that spawned children have the scheduler too.
register_lazily()


class ProbeTask(AbsTask):
    """Trains a probe per layer from one frozen forward pass per batch."""

    num_optimizers: int = 1
    class_choices_list = [probe_choices]
    trainer = ProbeTrainer

    @classmethod
    def add_task_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Add the options of this task.

        Args:
            parser: ESPnet's parser.
        """
        group = parser.add_argument_group(description="Probe related")
        add_upstream_options(group)
        group.add_argument(
            "--layers",
            type=str,
            default="*",
            help="Layers to probe: names and globs, for example 'cnn1 blstm*'",
        )
        group.add_argument(
            "--states",
            type=str,
            default="live",
            choices=["live", "dump"],
            help="Hidden states from the model itself, or from dumps that are given "
            "as data named hidden_<layer>",
        )
        group.add_argument(
            "--target_stats",
            type=str_or_none,
            default=None,
            help="feats_stats.npz of --collect_stats: mean and deviation of the "
            "target, which scale the probes' outputs",
        )
        group.add_argument(
            "--full_rate_width",
            type=int_or_none,
            default=None,
            help="Layers wider than this get the learning rate times the square root "
            "of this over their width: Adam's steps add up over a state's values",
        )
        group.add_argument(
            "--normalize_states",
            type=str2bool,
            default=True,
            help="Centre and scale the states by what they are in the first batch; "
            "the paper's code does not",
        )
        group.add_argument(
            "--shuffle_states",
            type=str2bool,
            default=False,
            help="Shuffle the states of each utterance in time, in training and when "
            "the probes are applied: what is recovered without the states' order is "
            "the average of an utterance",
        )
        group.add_argument(
            "--num_tensorboard_utterances",
            type=int,
            default=2,
            help="With --use_tensorboard true: the first so many utterances of the "
            "validation data are shown after each epoch, with the mel of the recording "
            "and of each layer; 0 shows none",
        )
        group.add_argument(
            "--tensorboard_sound_interval",
            type=int,
            default=5,
            help="These mels are made audible every so many epochs and in the last "
            "one; 0 makes no sound",
        )
        probe_choices.add_arguments(group)
        parser.set_defaults(
            # The names of dumped layers are not known beforehand.
            allow_variable_data_keys=True,
            # Filled in from the layers unless the user says otherwise.
            best_model_criterion=[],
            keep_nbest_models=[1],
            num_att_plot=0,
        )

    @classmethod
    def build_collate_fn(cls, args: argparse.Namespace, train: bool) -> Callable[
        [Collection[Tuple[str, Dict[str, np.ndarray]]]],
        Tuple[List[str], Dict[str, torch.Tensor]],
    ]:
        """Return the function that pads a batch.

        Args:
            args: The task's arguments.
            train: Not used.
        """
        collate: Callable[..., Tuple[List[str], Dict[str, torch.Tensor]]]
        collate = CommonCollateFn(float_pad_value=0.0, int_pad_value=-1)
        return collate

    @classmethod
    def build_preprocess_fn(
        cls, args: argparse.Namespace, train: bool
    ) -> Optional[Callable[[str, Dict[str, np.ndarray]], Dict[str, np.ndarray]]]:
        """Return None: the model takes waveforms as they are.

        Args:
            args: The task's arguments.
            train: Not used.
        """
        return None

    @classmethod
    def required_data_names(
        cls, train: bool = True, inference: bool = False
    ) -> Tuple[str, ...]:
        """Return the data that must be given: the waveform."""
        return ("speech",)

    @classmethod
    def optional_data_names(
        cls, train: bool = True, inference: bool = False
    ) -> Tuple[str, ...]:
        """Return no names; dumps come in as ``hidden_<layer>``."""
        return ()

    @classmethod
    def build_model(cls, args: argparse.Namespace) -> ESPnetProbeModel:
        """Build the probes on the upstream or on its dumps.

        Args:
            args: The task's arguments. ``best_model_criterion`` is set to one best
                epoch per layer if it is empty.

        Raises:
            ProbeError: If the upstream, the dumps, the data or the statistics do
                not do, or a training to be resumed had other settings.
        """
        for name in ("num_tensorboard_utterances", "tensorboard_sound_interval"):
            if getattr(args, name) < 0:
                raise ProbeError(
                    f"--{name}: got {getattr(args, name)}, expected 0 or more"
                )
        # Named or not, dumps or not: the configuration records one model.
        find_choice(args)
        source = live_source(args) if args.states == "live" else dump_source(args)
        check_data(args, source.target.fs)
        names = [layer.name for layer in source.layers]
        if not args.best_model_criterion:
            args.best_model_criterion = [
                ("valid", f"loss_{name}", "min") for name in names
            ]
        args.upstream_hash = source.upstream_hash
        args.layer_descriptions = list(source.descriptions)
        args.target = source.target.to_dict()
        check_resumable(args)
        probe_class = probe_choices.get_class(args.probe)
        model = ESPnetProbeModel(
            layers=source.layers,
            target=source.target,
            upstream_hash=source.upstream_hash,
            upstream=source.upstream,
            probe_class=probe_class,
            probe_conf=args.probe_conf,
            target_stats=read_target_stats(args.target_stats, source.target.n_mels),
            seed=args.seed,
            normalize_states=args.normalize_states,
            shuffle_states=args.shuffle_states,
        )
        return model

    @classmethod
    def build_iter_factory(
        cls,
        args: argparse.Namespace,
        distributed_option: DistributedOption,
        mode: str,
        kwargs: Optional[Dict[str, Any]] = None,
    ) -> AbsIterFactory:
        """Return what gives an epoch's batches; the arguments are those of ESPnet's.

        With the validation data come the examples for TensorBoard, as
        ``args.examples``: ESPnet builds those of its own only for its drawings with
        matplotlib.
        """
        build = super().build_iter_factory
        if mode == "valid" and not args.collect_stats:
            number = args.num_tensorboard_utterances if args.use_tensorboard else 0
            # A few sounds are not worth starting processes that read them.
            few = {
                "num_att_plot": number,
                "num_workers": 0,
                "iterator_type": "sequence",
            }
            own = argparse.Namespace(**{**vars(args), **few})
            args.examples = (
                build(own, distributed_option, "plot_att") if number > 0 else None
            )
        factory: AbsIterFactory = build(args, distributed_option, mode, kwargs)
        return factory

    @classmethod
    def build_optimizers(
        cls, args: argparse.Namespace, model: torch.nn.Module
    ) -> List[torch.optim.Optimizer]:
        """Return one optimiser with a parameter group per layer.

        Args:
            args: Uses ``optim`` and ``optim_conf``.
            model: The model.

        Raises:
            ProbeError: If an option is set that would tie the layers together.
        """
        if args.sharded_ddp or args.exclude_weight_decay:
            raise ProbeError(
                "--sharded_ddp and --exclude_weight_decay would mix the layers' "
                "parameter groups: leave them off"
            )
        assert isinstance(model, ESPnetProbeModel)
        optimizer = optim_classes[args.optim](
            [
                {"params": list(model.probes[layer.name].parameters())}
                for layer in model.layers
            ],
            **args.optim_conf,
        )
        for group, layer in zip(optimizer.param_groups, model.layers):
            group["layer"] = layer.name
            group["lr"] *= width_factor(layer.width, args.full_rate_width)
        return [optimizer]


def width_factor(width: int, full_rate_width: Optional[int]) -> float:
    """Return what a layer's learning rate is multiplied by.

    A rule of thumb, not tuned: in single trial runs with Adam on FSDD's VGG-BLSTM the
    probe of 2560 values (cnn1) did not learn at 0.01 and did at 0.003, while that of
    320 values did best at 0.01.

    Args:
        width: Values per state.
        full_rate_width: Up to this width the factor is 1; None for any width.
    """
    if full_rate_width is None or width <= full_rate_width:
        return 1.0
    return math.sqrt(full_rate_width / width)


def read_target_stats(
    path: Optional[str], n_mels: int
) -> Optional[Tuple[torch.Tensor, torch.Tensor]]:
    """Read mean and standard deviation of the target from collected statistics.

    Args:
        path: ESPnet's ``feats_stats.npz``; None for none.
        n_mels: Number of mel bands expected.

    Returns:
        Mean and standard deviation, (n_mels,) each, or None.

    Raises:
        ProbeError: If the file is missing or of another width.
    """
    if path is None:
        return None
    if not Path(path).is_file():
        raise ProbeError(f"--target_stats {path}: no such file; run --collect_stats")
    stats = np.load(path)
    mean = stats["sum"] / stats["count"]
    variance = stats["sum_square"] / stats["count"] - mean**2
    if mean.shape != (n_mels,):
        raise ProbeError(
            f"--target_stats {path}: got {mean.shape[-1]} bands, expected {n_mels}; "
            "collect the statistics again for this model"
        )
    # A band that never changes must not be scaled to nothing.
    std = np.sqrt(np.maximum(variance, 1e-4))
    return torch.from_numpy(mean), torch.from_numpy(std)
