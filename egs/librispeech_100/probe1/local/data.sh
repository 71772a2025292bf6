#!/usr/bin/env bash
# Makes data/{train_clean_100,dev_clean,test_clean,...} from the parts of LibriSpeech
# that exist; train-clean-100, dev-clean and test-clean are required.
#
# LIBRISPEECH, from the environment or else from db.sh, is the folder "LibriSpeech" that
# holds the parts, or the folder above it. With --download true, parts that are required
# and absent are fetched; ESPnet's db.sh has them go to downloads/.
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
download_musan=false # Whether to download MUSAN (11 GB) to downloads/musan.
download=false   # Whether to download required parts that are absent (6.8 GB in all).
data_url=https://www.openslr.org/resources/12
python=python3   # Specify python to execute.

log "$0 $*"
. utils/parse_options.sh
. ./path.sh

if [ $# -ne 0 ]; then
    log "Error: No positional arguments are required."
    exit 2
fi

required="train-clean-100 dev-clean test-clean"
optional="dev-other test-other"

corpus=${LIBRISPEECH:-}
if [ -z "${corpus}" ]; then
    # It asks for the name of the host, which not every machine tells.
    . ./db.sh 2>/dev/null
    corpus=${LIBRISPEECH:-downloads}
fi
if [ ! -d "${corpus}" ] && [ -d "${PROBE_ROOT}/${corpus}" ]; then
    # A relative path may also be meant from the root of the clone.
    corpus="${PROBE_ROOT}/${corpus}"
fi
if [ -d "${corpus}/LibriSpeech" ] || [ "$(basename "${corpus}")" != LibriSpeech ]; then
    corpus=${corpus}/LibriSpeech
fi

if [ "${stage}" -le 1 ] && [ "${stop_stage}" -ge 1 ]; then
    log "Stage 1: Look for the parts in ${corpus}"
    for part in ${required}; do
        if [ -d "${corpus}/${part}" ]; then
            continue
        fi
        if ! "${download}"; then
            log "Error: ${corpus}/${part} is not there. Set LIBRISPEECH to the folder that holds it, or add --download true (run.sh: --local_data_opts \"--download true\")."
            exit 1
        fi
        mkdir -p "$(dirname "${corpus}")"
        "${MAIN_ROOT}"/egs2/librispeech_100/asr1/local/download_and_untar.sh \
            "$(dirname "${corpus}")" "${data_url}" "${part}"
    done
fi

if [ "${stage}" -le 2 ] && [ "${stop_stage}" -ge 2 ]; then
    log "Stage 2: Write the data folders"
    for part in ${required} ${optional}; do
        if [ ! -d "${corpus}/${part}" ] && [[ " ${optional} " =~ [[:space:]]${part}[[:space:]] ]]; then
            log "${part} is not there and not required"
            continue
        fi
        dset=data/${part//-/_}
        ${python} local/prepare_part.py --part "${corpus}/${part}" --output_dir "${dset}"
        utils/utt2spk_to_spk2utt.pl "${dset}/utt2spk" > "${dset}/spk2utt"
        utils/validate_data_dir.sh --no-feats "${dset}"
    done
fi

if [ "${stage}" -le 3 ] && [ "${stop_stage}" -ge 3 ] && "${download_musan}"; then
    log "Stage 3: Fetch the noise"
    local/musan.sh
fi

log "Successfully finished. [elapsed=${SECONDS}s]"
