"""ESPnet's trainer, with the layers kept apart.

ESPnet's own loop clips the gradient of all parameters together and skips the
step of all when one gradient is not finite. Probes of different layers share
nothing, and a layer must end up as if it had been trained alone, so here both
are done layer by layer. ESPnet means this method to be overridden (see the
docstring of its ``Trainer``).
"""

import argparse
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple

import torch
from espnet2.iterators.abs_iter_factory import AbsIterFactory
from espnet2.schedulers.abs_scheduler import AbsBatchStepScheduler, AbsScheduler
from espnet2.torch_utils.device_funcs import to_device
from espnet2.torch_utils.recursive_op import recursive_average
from espnet2.train.abs_espnet_model import AbsESPnetModel
from espnet2.train.distributed_utils import DistributedOption
from espnet2.train.reporter import SubReporter, aggregate
from espnet2.train.trainer import Trainer, TrainerOptions
from espnet2.utils.build_dataclass import build_dataclass

from espnet_probe.tasks.layer_plateau import LayerPlateau
from espnet_probe.tasks.tensorboard import Diary, Gallery


@dataclass
class ProbeTrainerOptions(TrainerOptions):
    """ESPnet's options of a training, and those of the pictures in TensorBoard.

    Attributes:
        num_tensorboard_utterances: How many are shown.
        tensorboard_sound_interval: Epochs from one with sounds to the next.
        examples: Gives these utterances, one a batch; None if none are shown.
    """

    num_tensorboard_utterances: int
    tensorboard_sound_interval: int
    examples: Optional[AbsIterFactory]


class ProbeTrainer(Trainer):
    """Trains the probes of all layers in one run, each as if it were alone."""

    @classmethod
    def build_options(cls, args: argparse.Namespace) -> TrainerOptions:
        """Return the options.

        Args:
            args: Those of the task, with ``examples``.
        """
        options: TrainerOptions = build_dataclass(ProbeTrainerOptions, args)
        return options

    @classmethod
    def run(
        cls,
        model: AbsESPnetModel,
        optimizers: Sequence[torch.optim.Optimizer],
        schedulers: Sequence[Optional[AbsScheduler]],
        train_iter_factory: AbsIterFactory,
        valid_iter_factory: AbsIterFactory,
        plot_attention_iter_factory: Optional[AbsIterFactory],
        trainer_options: Any,
        distributed_option: DistributedOption,
    ) -> None:
        """Train; the arguments are those of ESPnet's trainer."""
        for scheduler in schedulers:
            if isinstance(scheduler, LayerPlateau):
                scheduler.watch(model)
        super().run(
            model=model,
            optimizers=optimizers,
            schedulers=schedulers,
            train_iter_factory=train_iter_factory,
            valid_iter_factory=valid_iter_factory,
            # Probes have no attention: ESPnet's would only say so.
            plot_attention_iter_factory=trainer_options.examples,
            trainer_options=trainer_options,
            distributed_option=distributed_option,
        )

    @classmethod
    def train_one_epoch(
        cls,
        model: torch.nn.Module,
        iterator: Iterable[Tuple[List[str], Dict[str, torch.Tensor]]],
        optimizers: Sequence[torch.optim.Optimizer],
        schedulers: Sequence[Optional[AbsScheduler]],
        scaler: Optional[torch.amp.GradScaler],
        reporter: SubReporter,
        summary_writer: Any,
        options: TrainerOptions,
        distributed_option: DistributedOption,
    ) -> bool:
        """Train for one epoch; the arguments are those of ESPnet's trainer.

        Returns:
            Whether no layer made a step.
        """
        optimizer, scheduler = optimizers[0], schedulers[0]
        device = "cuda" if options.ngpu > 0 else "cpu"
        interval = options.log_interval or _default_interval(iterator)
        counts = StepCounts()
        others = OtherProcesses(distributed_option.distributed, options.ngpu, device)
        inner: Any = getattr(model, "module", model)
        inner.epoch = reporter.epoch
        model.train()
        optimizer.zero_grad()
        start = time.perf_counter()
        timed = reporter.measure_iter_time(iterator, "iter_time")
        for step, (utt_id, batch) in enumerate(timed, 1):
            if others.one_has_finished():
                break
            batch = to_device({**batch, "utt_id": utt_id}, device)
            if options.no_forward_run:
                counts.steps += 1
                continue
            with torch.autocast("cuda", enabled=scaler is not None):
                with reporter.measure_time("forward_time"):
                    loss, stats, weight = model(**batch)
                loss, stats, weight = others.average(loss, stats, weight)
            reporter.register(stats, weight)
            with reporter.measure_time("backward_time"):
                loss = loss / options.accum_grad
                (loss if scaler is None else scaler.scale(loss)).backward()
            if step % options.accum_grad == 0:
                with reporter.measure_time("optim_step_time"):
                    reporter.register(layer_step(optimizer, scaler, options, counts))
                if isinstance(scheduler, AbsBatchStepScheduler):
                    scheduler.step()
                now = time.perf_counter()
                reporter.register({"train_time": now - start})
                start = now
            reporter.next()
            if step % interval == 0:
                logging.info(reporter.log_message(-interval))
                if summary_writer is not None:
                    reporter.tensorboard_add_scalar(summary_writer, -interval)
                if options.use_wandb:
                    reporter.wandb_log()
        else:
            others.tell_finished()
        counts.log()
        return counts.none_made

    @classmethod
    @torch.no_grad()
    def validate_one_epoch(
        cls,
        model: torch.nn.Module,
        iterator: Iterable[Dict[str, torch.Tensor]],
        reporter: SubReporter,
        options: TrainerOptions,
        distributed_option: DistributedOption,
    ) -> None:
        """Validate, and leave each layer's loss for the plateau rule."""
        super().validate_one_epoch(
            model, iterator, reporter, options, distributed_option
        )
        inner: Any = getattr(model, "module", model)
        inner.validation_losses = {
            name: float(aggregate(reporter.stats[f"loss_{name}"]))
            for name in inner.layer_names
            if f"loss_{name}" in reporter.stats
        }

    @classmethod
    @torch.no_grad()
    def plot_attention(
        cls,
        model: torch.nn.Module,
        output_dir: Optional[Path],
        summary_writer: Any,
        iterator: Iterable[Tuple[List[str], Dict[str, torch.Tensor]]],
        reporter: SubReporter,
        options: TrainerOptions,
    ) -> None:
        """Write mels and sounds of a few utterances to TensorBoard.

        The arguments are those of ESPnet's trainer, which calls this after each
        epoch's validation in the first process.
        """
        assert isinstance(options, ProbeTrainerOptions)
        epoch = reporter.get_epoch()
        if summary_writer is None or options.no_forward_run:
            return
        folder = Path(options.output_dir) / "tensorboard"
        diary = Diary(folder, options.resume, epoch)
        if epoch <= diary.last:
            return
        every = options.tensorboard_sound_interval
        audible = every > 0 and (epoch % every == 0 or epoch == options.max_epoch)
        model.eval()
        inner: Any = model
        gallery = Gallery(inner, summary_writer, epoch, diary.last == 0, audible)
        for utt_ids, batch in iterator:
            device = "cuda" if options.ngpu > 0 else "cpu"
            gallery.show(utt_ids[0], to_device({**batch, "utt_id": utt_ids}, device))
        summary_writer.flush()
        diary.write(epoch)


class StepCounts:
    """Counts the steps of an epoch and those that layers were left out of."""

    def __init__(self) -> None:
        """Start at zero."""
        self.steps = 0
        self.left_out: Dict[str, int] = {}
        self.layers: set[str] = set()

    @property
    def none_made(self) -> bool:
        """Whether no layer made a step."""
        if not self.layers:
            return self.steps == 0
        return all(self.left_out.get(name, 0) == self.steps for name in self.layers)

    def log(self) -> None:
        """Name the layers that were left out of steps."""
        for name, count in self.left_out.items():
            logging.warning(
                "%s: left out of %d of %d steps, its gradient was not finite",
                name,
                count,
                self.steps,
            )


def layer_step(
    optimizer: torch.optim.Optimizer,
    scaler: Optional[torch.amp.GradScaler],
    options: TrainerOptions,
    counts: StepCounts,
) -> Dict[str, float]:
    """Clip each layer's gradient by itself, make one step, clear the gradients.

    Args:
        optimizer: One parameter group per layer, named under ``layer``.
        scaler: For mixed precision, or None.
        options: ``grad_clip`` and ``grad_clip_type`` apply to each layer.
        counts: Gets the step and the layers left out of it.

    Returns:
        Per layer the gradient's norm before clipping, whether the layer was left
        out, and the learning rate.
    """
    if scaler is not None:
        scaler.unscale_(optimizer)
    counts.steps += 1
    stats: Dict[str, float] = {}
    for group in optimizer.param_groups:
        name = group["layer"]
        counts.layers.add(name)
        norm = torch.nn.utils.clip_grad_norm_(
            group["params"], options.grad_clip, options.grad_clip_type
        )
        finite = bool(torch.isfinite(norm))
        if not finite:
            counts.left_out[name] = counts.left_out.get(name, 0) + 1
            # Without a gradient the optimiser passes these parameters over,
            # and their momentum stays as it is.
            for parameter in group["params"]:
                parameter.grad = None
        stats[f"grad_norm_{name}"] = float(norm) if finite else float("nan")
        stats[f"left_out_{name}"] = float(not finite)
        stats[f"lr_{name}"] = float(group["lr"])
    # Not scaler.step(): that would skip all layers for the sake of one.
    optimizer.step()
    if scaler is not None:
        scaler.update()
    optimizer.zero_grad()
    return stats


class OtherProcesses:
    """What a distributed run shares: averages, and the end of the shortest epoch."""

    def __init__(self, distributed: bool, ngpu: int, device: str) -> None:
        """Initialise.

        Args:
            distributed: Whether there are other processes.
            ngpu: Number of GPUs of this process.
            device: "cpu" or "cuda".
        """
        self.distributed = distributed
        self.ngpu = ngpu
        self._stop = torch.tensor(0, device=device)

    def one_has_finished(self) -> bool:
        """Say whether some process has no more batches."""
        if self.distributed:
            torch.distributed.all_reduce(self._stop)
        return bool(self._stop > 0)

    def tell_finished(self) -> None:
        """Let the others know that this process has no more batches."""
        if self.distributed:
            self._stop.fill_(1)
            torch.distributed.all_reduce(self._stop)

    def average(
        self, loss: torch.Tensor, stats: Dict[str, torch.Tensor], weight: torch.Tensor
    ) -> Tuple[torch.Tensor, Dict[str, torch.Tensor], torch.Tensor]:
        """Weight the loss by frames over all GPUs and processes.

        Args:
            loss: This process's loss.
            stats: Its statistics.
            weight: Its number of valid frames.
        """
        if not self.distributed and self.ngpu <= 1:
            return loss, stats, weight
        scaled = (loss * weight.type(loss.dtype)).sum()
        stats, weight = recursive_average(stats, weight, self.distributed)
        # DDP divides the gradient by the number of processes.
        world = torch.distributed.get_world_size() if self.distributed else 1
        return scaled / weight * world, stats, weight


def _default_interval(iterator: Iterable[Any]) -> int:
    """Return after how many steps to log: 20 times an epoch, if its size is known."""
    try:
        return max(len(iterator) // 20, 10)  # type: ignore[arg-type]  # may have none
    except TypeError:
        return 100
