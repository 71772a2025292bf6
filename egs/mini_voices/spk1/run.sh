#!/usr/bin/env bash

# A small thin ResNet, trained in minutes on generated voices, tested on others.
# Options: those of train_speaker.sh and of ESPnet's spk.sh. E.g.
#   ./run.sh --stop_stage 5                  # the model alone
#   LIBRISPEECH=<folder> SPEECHOCEAN=<folder> ./run.sh    # with real speech in training

set -e
set -u
set -o pipefail

train_set=train
# With spk.sh the validation set is also its test set: the choice of the epoch has seen
# it. The voices of the score sets have not been seen by anything.
valid_set=dev
score_sets="test test_words"
spk_tag=

spk_config=conf/train_thin_resnet.yaml
previous=
for word in "$@"; do
    [ "${previous}" != --spk_config ] || spk_config=${word}
    previous=${word}
done

if [ -n "${LIBRISPEECH:-}${SPEECHOCEAN:-}" ]; then
    train_set=train_real
    # Another set to train on has a folder of its own.
    spk_tag=$(basename "${spk_config}" .yaml)_real
    [ -z "${LIBRISPEECH:-}" ] || score_sets+=" test_clean"
    [ -z "${SPEECHOCEAN:-}" ] || score_sets+=" speechocean_test"
fi

inference_config=conf/decode.yaml

./train_speaker.sh \
    --data_key "${LIBRISPEECH:-} ${SPEECHOCEAN:-}" \
    --train_set "${train_set}" \
    --valid_set "${valid_set}" \
    --score_sets "${score_sets}" \
    --spk_tag "${spk_tag}" \
    --spk_config "${spk_config}" \
    --inference_config "${inference_config}" \
    --feats_type raw_copy \
    --ngpu 0 \
    --nj 1 \
    "$@"
