#!/usr/bin/env bash
# Makes data/{train,dev,test} of the few utterances of AN4 that ESPnet's recipe tree holds.
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
archive=        # By default the one in ESPnet's egs2/mini_an4/asr1.
python=python3  # Specify python to execute.

log "$0 $*"
. utils/parse_options.sh
. ./path.sh

if [ $# -ne 0 ]; then
    log "Error: No positional arguments are required."
    exit 2
fi

archive=${archive:-${MAIN_ROOT}/egs2/mini_an4/asr1/downloads.tar.gz}
if [ ! -f "${archive}" ]; then
    log "Error: there is no ${archive}: run 'make setup', or name the archive with --archive"
    exit 1
fi

if [ "${stage}" -le 1 ] && [ "${stop_stage}" -ge 1 ]; then
    log "Stage 1: Unpack ${archive}"
    mkdir -p downloads
    tar -xzf "${archive}" -C downloads --strip-components 1 downloads/an4
fi

if [ "${stage}" -le 2 ] && [ "${stop_stage}" -ge 2 ]; then
    log "Stage 2: Write the data folders"
    ${python} local/prepare.py --an4 downloads/an4 --output_dir data
    for dset in train dev test; do
        utils/utt2spk_to_spk2utt.pl "data/${dset}/utt2spk" > "data/${dset}/spk2utt"
        utils/validate_data_dir.sh --no-feats "data/${dset}"
    done
fi

log "Successfully finished. [elapsed=${SECONDS}s]"
