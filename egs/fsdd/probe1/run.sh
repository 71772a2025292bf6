#!/usr/bin/env bash

# Strings of real spoken digits: train a small ASR model, and listen to its layers.
# FSDD=<folder> ./run.sh takes the corpus from there; without it, it is downloaded.
# Options: those of train_and_probe.sh; --stage and --stop_stage are probe.sh's. E.g.
#   ./run.sh --asr_config conf/train_asr_vgg_blstm.yaml
#   MUSAN=<folder> ./run.sh --models all

set -e
set -u
set -o pipefail

train_set=train
valid_set=dev
test_sets="test"

asr_config=conf/train_asr_blstm.yaml
inference_config=conf/decode_asr.yaml
probe_config=conf/train_probe.yaml
# The model is run once over the training set instead of once per epoch; the BLSTM's
# states take 0.8 GB, the VGG-BLSTM's 7 GB. --states live needs no disk.
states=dump
probe_args="--max_epoch 8"

# Several models in four conditions: thousands of sounds, and a probe's training set twice
# as large.
study_opts=()
if [[ " $* " == *" --models "* ]]; then
    probe_args="--max_epoch 4"
    study_opts+=(--dump_dtype float16 --vocoder_preset fast --quality_args "--measures stoi estoi")
fi

./train_and_probe.sh \
    --data_key "${FSDD:-}" \
    --musan "${MUSAN:-}" \
    --train_set "${train_set}" \
    --valid_set "${valid_set}" \
    --test_sets "${test_sets}" \
    --asr_config "${asr_config}" \
    --token_type word \
    --inference_config "${inference_config}" \
    --probe_config "${probe_config}" \
    --states "${states}" \
    --probe_args "${probe_args}" \
    --ngpu 0 \
    --nj 2 \
    --inference_nj 2 \
    "${study_opts[@]}" \
    "$@"
