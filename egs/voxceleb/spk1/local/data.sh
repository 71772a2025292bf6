#!/usr/bin/env bash
# Makes data/{voxceleb2_dev,voxceleb1_test} with ESPnet's own programs for VoxCeleb, and
# the tables of noise and rooms that spk.sh wants.
#
# VOXCELEB, from the environment or else from db.sh, is a folder that holds
#   voxceleb2/dev/SPEAKER/VIDEO/NUMBER.wav   5994 speakers, 1 092 009 files, as WAV
#   voxceleb1/test/SPEAKER/VIDEO/NUMBER.wav  40 speakers, 4874 files
#   veri_test2.txt                           the cleaned trials, VoxCeleb1-O
# VoxCeleb is to be had from its authors; ESPnet's egs2/voxceleb/spk1/local/data.sh
# shows how the recordings can be collected, and fetches the trials, MUSAN and rooms.
# MUSAN=<folder> and RIRS=<folder RIRS_NOISES> are needed for augmentation only; without
# them the tables are made of generated sounds, which no configuration here uses.
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
python=python3  # Specify python to execute.

log "$0 $*"
. utils/parse_options.sh
. ./path.sh

if [ $# -ne 0 ]; then
    log "Error: No positional arguments are required."
    exit 2
fi

# The environment goes before db.sh, of which nothing but this name is taken.
corpus=${VOXCELEB:-$([ ! -f db.sh ] || . ./db.sh 2>/dev/null; echo "${VOXCELEB:-}")}
if [ -z "${corpus}" ]; then
    log "Error: VOXCELEB is not set: expected a folder with voxceleb2/dev, voxceleb1/test and veri_test2.txt; $0 says more"
    exit 1
fi
for f in voxceleb2/dev voxceleb1/test veri_test2.txt; do
    if [ ! -e "${corpus}/${f}" ]; then
        log "Error: ${corpus}/${f} is not there: expected VOXCELEB to hold voxceleb2/dev, voxceleb1/test and veri_test2.txt"
        exit 1
    fi
done
# The programs of ESPnet's recipe.
programs=${MAIN_ROOT}/egs2/voxceleb/spk1/local

if [ "${stage}" -le 1 ] && [ "${stop_stage}" -ge 1 ]; then
    log "Stage 1: Write the data folders"
    for part in voxceleb2/dev voxceleb1/test; do
        dset=data/${part/\//_}
        mkdir -p "${dset}"
        ${python} "${programs}"/data_prep.py --src "${corpus}/${part}" --dst "${dset}"
        if [ ! -s "${dset}/wav.scp" ]; then
            log "Error: ${corpus}/${part} has no SPEAKER/VIDEO/NUMBER.wav: VoxCeleb2 comes as m4a and has to be converted, e.g. with ffmpeg -i X.m4a -ar 16000 -ac 1 X.wav"
            exit 1
        fi
        for f in wav.scp utt2spk; do
            sort "${dset}/${f}" -o "${dset}/${f}"
        done
        utils/utt2spk_to_spk2utt.pl "${dset}/utt2spk" > "${dset}/spk2utt"
        utils/validate_data_dir.sh --no-feats --no-text "${dset}"
    done
fi

if [ "${stage}" -le 2 ] && [ "${stop_stage}" -ge 2 ]; then
    log "Stage 2: Write the trials"
    ${python} "${programs}"/convert_trial.py --trial "${corpus}/veri_test2.txt" \
        --scp data/voxceleb1_test/wav.scp --out data/voxceleb1_test
    # As they are, for published rates are over all of them: pairs that come twice, too.
    cp data/voxceleb1_test/trial_label data/voxceleb1_test/trials
fi

# write_scp <table> <folder>...: the sound files of folders, each with a name.
write_scp() {
    local scp=$1
    shift
    find "$@" -name '*.wav' | sort | awk '{ n = $1; gsub(/[\/ ]/, "_", n); print n, $1 }' > "${scp}"
    [ -s "${scp}" ] || { log "Error: no *.wav in $*"; exit 1; }
}

if [ "${stage}" -le 3 ] && [ "${stop_stage}" -ge 3 ]; then
    log "Stage 3: Write the tables of noise and rooms"
    musan=${MUSAN:-}
    if [ -z "${musan}" ]; then
        ${python} -m espnet_probe.bin.make_noise --output_dir data/noise --music 1 --noise 1 --speech 1 --seconds 2
        musan=data/noise
    fi
    for x in music noise speech; do
        write_scp "data/musan_${x}.scp" "${musan}/${x}"
    done
    if [ -n "${RIRS:-}" ]; then
        # As in ESPnet's recipe, without the large rooms.
        write_scp data/rirs.scp "${RIRS}"/simulated_rirs/{mediumroom,smallroom}
    else
        write_scp data/rirs.scp data/noise/noise
    fi
fi

log "Successfully finished. [elapsed=${SECONDS}s]"
