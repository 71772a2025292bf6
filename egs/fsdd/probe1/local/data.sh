#!/usr/bin/env bash
# Makes data/{train,dev,test}: strings of digits from the Free Spoken Digit Dataset.
#
# FSDD (environment, or FSDD=... ./run.sh) is the folder that holds "recordings";
# without it, the corpus is downloaded.
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
seed=0           # Decides the strings and their pauses.
train_passes=3   # How often each training take is used.
python=python3   # Specify python to execute.

log "$0 $*"
. utils/parse_options.sh
. ./path.sh

if [ $# -ne 0 ]; then
    log "Error: No positional arguments are required."
    exit 2
fi

FSDD=${FSDD:-}
if [ -z "${FSDD}" ]; then
    FSDD=downloads/free-spoken-digit-dataset
elif [ ! -d "${FSDD}" ] && [ -d "${PROBE_ROOT}/${FSDD}" ]; then
    # A relative path may also be meant from the root of the clone.
    FSDD="${PROBE_ROOT}/${FSDD}"
fi

if [ "${stage}" -le 1 ] && [ "${stop_stage}" -ge 1 ]; then
    if [ -d "${FSDD}/recordings" ]; then
        log "Stage 1: ${FSDD}/recordings is there. Skip the download"
    elif [ "${FSDD}" = downloads/free-spoken-digit-dataset ]; then
        log "Stage 1: Download the corpus to ${FSDD}"
        ${python} local/download.py --output_dir "${FSDD}"
    else
        log "Error: FSDD=${FSDD} has no folder 'recordings'. Correct it, or unset it to download the corpus."
        exit 1
    fi
fi

if [ "${stage}" -le 2 ] && [ "${stop_stage}" -ge 2 ]; then
    log "Stage 2: Make the strings that are not there yet"
    ${python} local/make_strings.py --recordings "${FSDD}/recordings" --seed "${seed}" \
        --train_passes "${train_passes}"
fi

if [ "${stage}" -le 3 ] && [ "${stop_stage}" -ge 3 ]; then
    log "Stage 3: Complete and check the data folders"
    for dset in train dev test; do
        utils/utt2spk_to_spk2utt.pl "data/${dset}/utt2spk" > "data/${dset}/spk2utt"
        utils/validate_data_dir.sh --no-feats "data/${dset}"
    done
fi

log "Successfully finished. [elapsed=${SECONDS}s]"
