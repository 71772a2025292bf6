#!/usr/bin/env bash
# Makes data/{train,dev,test} with the voices of espeak-ng.
set -e
set -u
set -o pipefail

log() {
    local fname=${BASH_SOURCE[1]##*/}
    echo -e "$(date '+%Y-%m-%dT%H:%M:%S') (${fname}:${BASH_LINENO[0]}:${FUNCNAME[1]}) $*"
}
SECONDS=0

stage=1
stop_stage=100
nj=2            # Parallel processes.
seed=0          # Decides sentences, rates and pitches.
train_utts=40   # Utterances of each of the 40 training voices,
dev_utts=16     # of each of the 5 development voices,
test_utts=6     # of each of the 24 test voices.
voices=local/voices.tsv # Table of voices; voices_study.tsv has 40 for test, 29 for training.
suffix=         # What the names of the sets end with.
python=python3  # Specify python to execute.

log "$0 $*"
. utils/parse_options.sh
. ./path.sh

if [ $# -ne 0 ]; then
    log "Error: No positional arguments are required."
    exit 2
fi

if [ "${stage}" -le 1 ] && [ "${stop_stage}" -ge 1 ]; then
    log "Stage 1: Speak the utterances that are not there yet"
    ${python} local/make_voices.py --nj "${nj}" --seed "${seed}" --train_utts "${train_utts}" \
        --dev_utts "${dev_utts}" --test_utts "${test_utts}" --voices "${voices}" --suffix "${suffix}"
fi

if [ "${stage}" -le 2 ] && [ "${stop_stage}" -ge 2 ]; then
    log "Stage 2: Complete and check the data folders"
    for dset in train dev test; do
        dset+=${suffix}
        utils/utt2spk_to_spk2utt.pl "data/${dset}/utt2spk" > "data/${dset}/spk2utt"
        utils/validate_data_dir.sh --no-feats "data/${dset}"
    done
fi

log "Successfully finished. [elapsed=${SECONDS}s]"
