#!/usr/bin/env bash

# VoxCeleb2: the thin ResNet-34 with GhostVLAD in full size, tested on VoxCeleb1.
# VOXCELEB=<folder> ./run.sh takes the corpus from there (local/data.sh says what is in it).
# Options: those of train_speaker.sh and of ESPnet's spk.sh. E.g.
#   ./run.sh --spk_config conf/train_netvlad_mel.yaml
#   ./run.sh --spk_config conf/train_ge2e.yaml --group_speakers 64 --group_utterances 10

set -e
set -u
set -o pipefail

train_set=voxceleb2_dev
# With spk.sh the validation set is also the test set.
valid_set=voxceleb1_test

spk_config=conf/train_thin_resnet.yaml
inference_config=conf/decode.yaml

./train_speaker.sh \
    --data_key "${VOXCELEB:-} ${MUSAN:-} ${RIRS:-}" \
    --train_set "${train_set}" \
    --valid_set "${valid_set}" \
    --score_sets "${valid_set}" \
    --spk_config "${spk_config}" \
    --inference_config "${inference_config}" \
    --ngpu 2 \
    --nj 32 \
    "$@"
