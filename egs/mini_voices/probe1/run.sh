#!/usr/bin/env bash

# Voices made on the spot: train a small ASR model on them, and listen to its layers.
# Options: those of train_and_probe.sh; --stage and --stop_stage are probe.sh's. E.g.
#   ./run.sh --models all       # four models, in noise of MUSAN=<folder>, or generated

set -e
set -u
set -o pipefail

train_set=train
valid_set=dev
test_sets="test"

asr_config=conf/train_asr.yaml
inference_config=conf/decode_asr.yaml
probe_config=conf/train_probe.yaml
# The model is run once over the training set instead of once per epoch.
states=dump

# Several models are compared on more test voices, in sets of their own.
study_opts=()
if [[ " $* " == *" --models "* ]]; then
    train_set+=_study
    valid_set+=_study
    test_sets+=_study
    study_opts+=(--local_data_opts "--suffix _study --voices local/voices_study.tsv --train_utts 55 --test_utts 8")
    study_opts+=(--dump_dtype float16 --vocoder_preset fast --quality_args "--measures stoi estoi")
    # 56 000 sounds to recognise: more than an hour of a core.
    study_opts+=(--skip_recognition true)
fi

./train_and_probe.sh \
    --musan "${MUSAN:-generated}" \
    --train_set "${train_set}" \
    --valid_set "${valid_set}" \
    --test_sets "${test_sets}" \
    --asr_config "${asr_config}" \
    --token_type word \
    --inference_config "${inference_config}" \
    --probe_config "${probe_config}" \
    --states "${states}" \
    --ngpu 0 \
    --nj 2 \
    --inference_nj 2 \
    "${study_opts[@]}" \
    "$@"
