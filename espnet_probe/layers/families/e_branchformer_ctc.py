"""ESPnet's ``EBranchformerCTCEncoder``, the encoder of OWSM-CTC.

Its input layer puts the embeddings of the language and the task before the speech.
They stand for no time, so their states are left out: state 0 is the first of the
speech, as in the model's own ``frames``.
"""

from typing import Any, Dict, List, Sequence

import torch
from espnet2.asr.encoder.e_branchformer_ctc_encoder import EBranchformerCTCEncoder
from torch.utils.hooks import RemovableHandle

from espnet_probe.layers.families.abs_family import Sink
from espnet_probe.layers.families.branchformer import BranchformerFamily


class EBranchformerCTCFamily(BranchformerFamily):
    """Layers of ``EBranchformerCTCEncoder``."""

    PARTS = {**BranchformerFamily.PARTS, "cross_attention": "cross_attn"}

    @staticmethod
    def matches(module: torch.nn.Module) -> bool:
        """Say whether a module belongs to this family."""
        return isinstance(module, EBranchformerCTCEncoder)

    def attach(self, names: Sequence[str], sink: Sink) -> List[RemovableHandle]:
        """Put hooks on the encoder; see :class:`AbsFamily`."""
        prefix = 0

        def note(module: torch.nn.Module, args: Any, kwargs: Dict[str, Any]) -> None:
            nonlocal prefix
            embeddings = kwargs.get("prefix_embeds")
            prefix = 0 if embeddings is None else embeddings.size(1)

        def without_prefix(
            name: str, features: torch.Tensor, lengths: torch.Tensor
        ) -> None:
            sink(name, features[:, prefix:], lengths)

        handle = self.module.register_forward_pre_hook(note, with_kwargs=True)
        return [handle, *super().attach(names, without_prefix)]
