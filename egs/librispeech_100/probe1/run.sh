#!/usr/bin/env bash

# LibriSpeech train-clean-100: the paper's model in full size, and what its layers hear.
# LIBRISPEECH=<folder> ./run.sh takes the corpus from there.
# Options: those of train_and_probe.sh; --stage and --stop_stage are probe.sh's. A
# corpus of the same layout with little in it, on a CPU:
#   ./run.sh --asr_config conf/tuning/train_asr_blstm_mini.yaml --nbpe 300 --ngpu 0 --nj 2 \
#       --inference_nj 2 --test_sets test_clean
# The paper's four models in clean and noisy speech; MUSAN=<folder> has the noise:
#   ./run.sh --models all --study_args --paper

set -e
set -u
set -o pipefail

train_set=train_clean_100
valid_set=dev_clean
test_sets="test_clean"

asr_config=conf/train_asr_vgg_blstm.yaml
inference_config=conf/decode_asr.yaml
probe_config=conf/train_probe.yaml
# The environment goes before db.sh, of which nothing but this name is taken.
musan=${MUSAN:-$([ ! -f db.sh ] || . ./db.sh 2>/dev/null; echo "${MUSAN:-}")}
if [ -z "${musan}" ] && [ -d downloads/musan ]; then
    musan=downloads/musan
fi

# The paper's LSTM trained on clean speech has a WER of 31 % on test-clean, and counts.
./train_and_probe.sh \
    --max_wer 35 \
    --data_key "${LIBRISPEECH:-}" \
    --musan "${musan}" \
    --train_set "${train_set}" \
    --valid_set "${valid_set}" \
    --test_sets "${test_sets}" \
    --lang en \
    --asr_config "${asr_config}" \
    --token_type bpe \
    --nbpe 5000 \
    --max_wav_duration 30 \
    --inference_config "${inference_config}" \
    --probe_config "${probe_config}" \
    --ngpu 1 \
    --nj 32 \
    --inference_nj 32 \
    "$@"
