"""A learning rate that falls for each layer when that layer's loss stands still."""

from typing import Any, Dict, Optional, Protocol

import torch
from espnet2.schedulers.abs_scheduler import AbsEpochStepScheduler


class HasValidationLosses(Protocol):
    """What the rule needs of a model: each layer's loss in the last validation."""

    validation_losses: Dict[str, float]


class LayerPlateau(AbsEpochStepScheduler):
    """ESPnet scheduler ``layer_plateau``: the plateau rule over parameter groups.

    ESPnet gives a scheduler one validation value; the layers of a probe run each
    have their own, so this one reads them from the model.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        factor: float = 0.5,
        patience: int = 1,
        threshold: float = 1e-3,
        min_lr: float = 1e-6,
    ) -> None:
        """Initialise.

        Args:
            optimizer: Its groups carry their layer's name under ``layer``.
            factor: A layer's rate is multiplied by this at a plateau.
            patience: Epochs without improvement that are let pass.
            threshold: Relative decrease of the loss that counts as improvement.
            min_lr: The rate does not fall below this.
        """
        self.optimizer = optimizer
        self.factor = factor
        self.patience = patience
        self.threshold = threshold
        self.min_lr = min_lr
        self.best: Dict[str, float] = {}
        self.waited: Dict[str, int] = {}
        self._model: Optional[HasValidationLosses] = None

    def watch(self, model: HasValidationLosses) -> None:
        """Say whose ``validation_losses`` to read.

        Args:
            model: The model under training, not wrapped.
        """
        self._model = model

    def step(self, epoch: Optional[int] = None) -> None:
        """Apply the rule after an epoch's validation.

        Args:
            epoch: Not used; part of ESPnet's interface.
        """
        losses = {} if self._model is None else self._model.validation_losses
        for group in self.optimizer.param_groups:
            layer = group["layer"]
            loss = losses.get(layer, float("inf"))
            if loss < self.best.get(layer, float("inf")) * (1 - self.threshold):
                self.best[layer] = loss
                self.waited[layer] = 0
                continue
            self.waited[layer] = self.waited.get(layer, 0) + 1
            if self.waited[layer] > self.patience:
                group["lr"] = max(group["lr"] * self.factor, self.min_lr)
                self.waited[layer] = 0

    def state_dict(self) -> Dict[str, Any]:
        """Return what a resumed run needs; the rates are the optimiser's."""
        return {"best": dict(self.best), "waited": dict(self.waited)}

    def load_state_dict(self, state: Dict[str, Any]) -> None:
        """Take up the state of an earlier run.

        Args:
            state: As returned by :meth:`state_dict`.
        """
        self.best = dict(state["best"])
        self.waited = dict(state["waited"])
