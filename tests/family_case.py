"""What the table-driven tests of hidden states must know of a kind of model."""

import argparse
import importlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence

import pytest
import torch

from espnet_probe.upstream import Upstream

#: The lengths that every family is tried with, in the case's own unit.
COUNTS = (1, 2, 7, 77, 101)

TASKS = {
    "asr": ("espnet2.tasks.asr", "ASRTask"),
    "s2t": ("espnet2.tasks.s2t", "S2TTask"),
    "s2t_ctc": ("espnet2.tasks.s2t_ctc", "S2TTask"),
    "ssl": ("espnet2.tasks.ssl", "SSLTask"),
    "hubert": ("espnet2.tasks.hubert", "HubertTask"),
    "st": ("espnet2.tasks.st", "STTask"),
    "slu": ("espnet2.tasks.slu", "SLUTask"),
    "asr_transducer": ("espnet2.tasks.asr_transducer", "ASRTransducerTask"),
    "spk": ("espnet2.tasks.spk", "SpeakerTask"),
}


def mel_samples(count: int) -> int:
    """Return samples that give ``count`` frames of the delta front end (hop 200)."""
    return max(1, (count - 1) * 200 + 50)


@dataclass(frozen=True)
class FamilyCase:
    """One tiny model with random weights, and what is known of its states.

    Attributes:
        name: For the test's name.
        config: Given a folder for files, returns the model's whole configuration.
        lengths: Layer to its number of states for each of COUNTS, written by hand
            from the code's own rule; 0 where it must be refused. Not all layers
            have to be there.
        reference: Given the upstream and a waveform (1, samples), returns layer to
            states (time, width), computed without the plugin.
        task: Name of the ESPnet task.
        needs: Package without which the case is skipped.
        samples: Count to samples; by default frames of the delta front end.
        layers: All names in network order, where the test is to check them.
        batch_independent: What the layers must say of themselves.
        pieces: Consecutive vectors of the encoder's output that make up one state.
        cautious: A model that is said to depend on the batch may not do so here.
    """

    name: str
    config: Callable[[Path], Dict[str, Any]]
    lengths: Dict[str, Sequence[int]]
    reference: Callable[[Upstream, torch.Tensor], Dict[str, torch.Tensor]]
    task: str = "asr"
    needs: Optional[str] = None
    samples: Callable[[int], int] = mel_samples
    layers: List[str] = field(default_factory=list)
    batch_independent: bool = True
    cautious: bool = False
    pieces: int = 1

    def refused(self, count: int) -> bool:
        """Say whether any layer has no state for a count."""
        place = COUNTS.index(count)
        return any(lengths[place] < 1 for lengths in self.lengths.values())

    def build(self, folder: Path) -> Upstream:
        """Return the model, or skip the test where its package is not there.

        Args:
            folder: For files that the configuration names.
        """
        if self.needs is not None:
            pytest.importorskip(self.needs)
        config = self.config(folder)
        return Upstream(
            build_model(self.task, config), config, origin=self.name, task=self.task
        )


def task_class(task: str) -> Any:
    """Return ESPnet's class of a task, with the plugin's additions.

    Args:
        task: Its name.
    """
    from espnet_probe.registration import register

    module, name = TASKS[task]
    found = getattr(importlib.import_module(module), name)
    register()
    return found


def build_model(task: str, config: Dict[str, Any], seed: int = 0) -> torch.nn.Module:
    """Return the model of a configuration with random weights.

    Args:
        task: Name of the ESPnet task.
        config: Its whole configuration.
        seed: Decides the weights.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: torch.nn.Module = task_class(task).build_model(
            argparse.Namespace(**config)
        )
    # Norms that start as 1 and 0 would hide that one was left out.
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed + 1)
        for module_ in model.modules():
            if isinstance(module_, (torch.nn.LayerNorm, torch.nn.BatchNorm1d)):
                if module_.weight is not None:
                    module_.weight.add_(0.1 * torch.randn_like(module_.weight))
                    module_.bias.add_(0.1 * torch.randn_like(module_.bias))
    return model.eval()


def encoder_inputs(upstream: Upstream, waveform: torch.Tensor) -> torch.Tensor:
    """Return what the encoder is given for one waveform, (1, time, width)."""
    model = upstream.model
    lengths = torch.tensor([waveform.size(1)])
    with torch.no_grad():
        features, lengths = model._extract_feats(waveform, lengths)
        if model.normalize is not None:
            features, lengths = model.normalize(features, lengths)
        if getattr(model, "preencoder", None) is not None:
            features, lengths = model.preencoder(features, lengths)
    return features
