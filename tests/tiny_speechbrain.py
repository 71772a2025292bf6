"""A small SpeechBrain speaker encoder with random weights, in the layout of the hub."""

import torch

#: As the published ECAPA models describe themselves, but small.
HYPERPARAMS = """\
# What pretrained_path says by itself is nowhere.
pretrained_path: nobody/nothing
n_mels: 16
sample_rate: 16000
out_neurons: 3

compute_features: !new:speechbrain.lobes.features.Fbank
    n_mels: !ref <n_mels>

mean_var_norm: !new:speechbrain.processing.features.InputNormalization
    norm_type: sentence
    std_norm: False

embedding_model: !new:speechbrain.lobes.models.ECAPA_TDNN.ECAPA_TDNN
    input_size: !ref <n_mels>
    channels: [16, 16, 16, 16, 48]
    kernel_sizes: [5, 3, 3, 3, 1]
    dilations: [1, 2, 3, 4, 1]
    groups: [1, 1, 1, 1, 1]
    attention_channels: 8
    lin_neurons: 12
    activation: !name:torch.nn.ReLU

classifier: !new:speechbrain.lobes.models.ECAPA_TDNN.Classifier
    input_size: 12
    out_neurons: !ref <out_neurons>

mean_var_norm_emb: !new:speechbrain.processing.features.InputNormalization
    norm_type: global
    std_norm: False

modules:
    compute_features: !ref <compute_features>
    mean_var_norm: !ref <mean_var_norm>
    embedding_model: !ref <embedding_model>
    mean_var_norm_emb: !ref <mean_var_norm_emb>
    classifier: !ref <classifier>

label_encoder: !new:speechbrain.dataio.encoder.CategoricalEncoder

pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables:
        embedding_model: !ref <embedding_model>
        mean_var_norm_emb: !ref <mean_var_norm_emb>
        classifier: !ref <classifier>
        label_encoder: !ref <label_encoder>
    paths:
        embedding_model: !ref <pretrained_path>/embedding_model.ckpt
        mean_var_norm_emb: !ref <pretrained_path>/mean_var_norm_emb.ckpt
        classifier: !ref <pretrained_path>/classifier.ckpt
        label_encoder: !ref <pretrained_path>/label_encoder.txt
"""

LABELS = "'ann' => 0\n'bob' => 1\n'eve' => 2\n================\n'starting_index' => 0\n"


def write_speechbrain(folder):
    """Write the model's files and return its embedding network."""
    from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN, Classifier
    from speechbrain.processing.features import InputNormalization

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    network = ECAPA_TDNN(
        16,
        lin_neurons=12,
        channels=[16, 16, 16, 16, 48],
        kernel_sizes=[5, 3, 3, 3, 1],
        dilations=[1, 2, 3, 4, 1],
        attention_channels=8,
        groups=[1] * 5,
    )
    # Statistics of a trained network, not those that it starts with.
    for name, value in network.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            value += torch.rand(value.shape)
    torch.save(network.state_dict(), folder / "embedding_model.ckpt")
    classifier = Classifier(12, out_neurons=3)
    torch.save(classifier.state_dict(), folder / "classifier.ckpt")
    norm = InputNormalization(norm_type="global", std_norm=False)
    norm._save(folder / "mean_var_norm_emb.ckpt")
    (folder / "label_encoder.txt").write_text(LABELS, encoding="utf-8")
    (folder / "hyperparams.yaml").write_text(HYPERPARAMS, encoding="utf-8")
    return network.eval()
