"""A tiny upstream, and probes on some of its layers as a training leaves them."""

from pathlib import Path
from typing import Any, Dict, Optional, Sequence

import torch
import yaml
from tiny_models import asr_config, write_exp

from espnet_probe.probes.espnet_model import ESPnetProbeModel, ProbedLayer
from espnet_probe.probes.linear import LinearProbe
from espnet_probe.upstream import Upstream


def write_probes(
    root: Path, names: Sequence[str], settings: Optional[Dict[str, Any]] = None
) -> Path:
    """Write ``asr`` and ``probe`` into a folder, and return it."""
    settings = settings or asr_config("blstm", None, 20)
    upstream = Upstream.from_exp(write_exp(root / "asr", settings))
    layers = [layer for layer in upstream.layers if layer.name in names]
    model = ESPnetProbeModel(
        [ProbedLayer(layer.name, layer.width, layer.stride) for layer in layers],
        upstream.target,
        upstream.hash,
        upstream,
        LinearProbe,
        {},
    )
    probe_exp = root / "probe"
    probe_exp.mkdir()
    for name in names:
        torch.save(model.state_dict(), probe_exp / f"valid.loss_{name}.best.pth")
    config = {
        "upstream_exp": str(root / "asr"),
        "upstream_model": None,
        "upstream_hash": upstream.hash,
        "target": upstream.target.to_dict(),
        "layer_descriptions": [layer.to_dict() for layer in layers],
        "probe": "linear",
        "probe_conf": {},
    }
    (probe_exp / "config.yaml").write_text(yaml.safe_dump(config))
    return root
