"""Convert the published weights of the thin ResNet-34 into an ESPnet exp folder."""

import argparse
import sys
from pathlib import Path
from typing import Optional, Sequence

from espnet_probe.bin.cli import run

DESCRIPTION = """\
Convert the weights that the authors of the thin ResNet-34 published for Keras
(https://github.com/WeidiXie/VGG-Speaker-Recognition, network resnet34s with aggregation
gvlad or vlad; the link to weights.h5 is in its README) into an ESPnet exp folder with
config.yaml and valid.eer.best.pth. Nothing is downloaded, and nothing in the file is
run. The folder is then an embedder of stage 10:

  python -m espnet_probe.bin.convert_thin_resnet \\
      --weights weights.h5 --output_dir exp/spk_thin_resnet
  ./run.sh --stage 10 --embedder "ge2e thin_resnet:exp/spk_thin_resnet"

or a model for ESPnet itself:

  python -m espnet_probe.run espnet2.bin.spk_inference \\
      --train_config exp/spk_thin_resnet/config.yaml \\
      --model_file exp/spk_thin_resnet/valid.eer.best.pth ...

The embedding is the authors' but for its length, which is not normalised. Sizes
(embedding, clusters, ghosts, training speakers) are read off the file; a layer that is
missing, unknown, or has other shapes or another order of weights is refused by name.
The training's classifier may be missing; it becomes the loss, which embeds nothing.
The front end is set as in the authors' test: each waveform is followed by itself
reversed in time. Needs h5py: pip install 'espnet_probe[speakers]'."""


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = argparse.ArgumentParser(
        description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--weights", type=Path, required=True, help="the Keras weights, weights.h5"
    )
    parser.add_argument(
        "--output_dir",
        type=Path,
        required=True,
        help="exp folder to make; its name is what tables call the embedder",
    )
    parser.add_argument(
        "--trained_on",
        default="VoxCeleb2, the original authors' published weights",
        help="what the weights were trained on: told in every table, not checked "
        "(default: %(default)s)",
    )
    return parser


def main(cmd: Optional[Sequence[str]] = None) -> None:
    """Run the command.

    Args:
        cmd: Arguments; None for ``sys.argv``.

    Raises:
        ProbeError: If the weights are not the network's, or the folder is taken.
    """
    args = get_parser().parse_args(cmd)
    from espnet_probe.speakers.keras_weights import import_h5py

    # Before torch and ESPnet, which take seconds.
    import_h5py()
    from espnet_probe.speakers.thin_resnet_exp import convert

    convert(args.weights, args.output_dir, args.trained_on)


if __name__ == "__main__":
    sys.exit(run(main))
