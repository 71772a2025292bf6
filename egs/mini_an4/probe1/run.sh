#!/usr/bin/env bash

# Seven utterances of AN4: every stage in a few minutes, to see that all works. Nothing is
# learnt from so little.
# Options: those of train_and_probe.sh; --stage and --stop_stage are probe.sh's. E.g.
#   ./run.sh --models all       # four models, in noise of MUSAN=<folder>, or generated

set -e
set -u
set -o pipefail

train_set=train
valid_set=dev
test_sets="test"

asr_config=conf/train_asr_blstm.yaml
inference_config=conf/decode_asr.yaml
probe_config=conf/train_probe.yaml
probe_args="--max_epoch 2"

./train_and_probe.sh \
    --musan "${MUSAN:-generated}" \
    --train_set "${train_set}" \
    --valid_set "${valid_set}" \
    --test_sets "${test_sets}" \
    --asr_config "${asr_config}" \
    --token_type char \
    --inference_config "${inference_config}" \
    --probe_config "${probe_config}" \
    --probe_args "${probe_args}" \
    --ngpu 0 \
    --nj 1 \
    --inference_nj 1 \
    "$@"
