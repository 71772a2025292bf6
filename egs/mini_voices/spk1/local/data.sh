#!/usr/bin/env bash
# Makes the speakers' data folders: data/{train,dev,test,test_words} with espeak-ng, and what spk.sh
# wants beside them: the trials of dev, and noise and rooms to augment with, all generated.
#
# LIBRISPEECH=<folder> and SPEECHOCEAN=<folder> add real speech, if they are set: the
# readers of train-clean-100 and the speakers of speechocean's train to data/train_real,
# and data/test_clean and data/speechocean_test.
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
seed=0          # Decides voices, sentences, rates, pitches and trials.
train_drawn=220 # Voices to draw for train, beside 29 of espeak-ng's,
dev_drawn=15    # and for dev, beside 5.
train_utts=7    # Utterances of each voice of train,
dev_utts=6      # of dev,
test_utts=8     # and of each of the 40 voices of test, in test and in test_words.
dev_trials=400  # Trials of dev.
voices=../probe1/local/voices_study.tsv # Table of espeak-ng's voices.
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
    ${python} local/make_speakers.py --nj "${nj}" --seed "${seed}" --voices "${voices}" \
        --train_drawn "${train_drawn}" --dev_drawn "${dev_drawn}" --train_utts "${train_utts}" \
        --dev_utts "${dev_utts}" --test_utts "${test_utts}"
fi

# complete_set <set>
complete_set() {
    utils/utt2spk_to_spk2utt.pl "data/$1/utt2spk" > "data/$1/spk2utt"
    utils/validate_data_dir.sh --no-feats --no-text "data/$1"
}

if [ "${stage}" -le 2 ] && [ "${stop_stage}" -ge 2 ]; then
    log "Stage 2: Complete and check the data folders, draw the trials of dev"
    for dset in train dev test test_words; do
        complete_set "${dset}"
    done
    ${python} -m espnet_probe.bin.make_trials --utt2spk data/dev/utt2spk --num_pairs "${dev_trials}" \
        --at_most --seed "${seed}" --output data/dev/trials
    # In spk.sh's notation: three files with a key that names both utterances.
    for n in 1 2; do
        [ "${n}" = 1 ] && name=trial || name=trial2
        awk -v n="${n}" 'NR == FNR { path[$1] = $2; next } { print $1 "*" $2, path[$n] }' \
            data/dev/wav.scp data/dev/trials > "data/dev/${name}.scp"
    done
    awk '{ print $1 "*" $2, ($3 == "target") ? 1 : 0 }' data/dev/trials > data/dev/trial_label
fi

if [ "${stage}" -le 3 ] && [ "${stop_stage}" -ge 3 ]; then
    log "Stage 3: Generate noise and rooms"
    ${python} -m espnet_probe.bin.make_noise --output_dir data/noise --music 4 --noise 6 --speech 6 --seconds 4
    for x in music noise speech; do
        find data/noise/${x} -name '*.wav' | sort | awk '{ n = $1; gsub(/.*\/|\.wav/, "", n); print n, $1 }' \
            > data/musan_${x}.scp
    done
    ${python} local/make_rooms.py --output_dir data/rooms --scp data/rirs.scp --seed "${seed}"
fi

if [ "${stage}" -le 4 ] && [ "${stop_stage}" -ge 4 ]; then
    real=()
    if [ -n "${LIBRISPEECH:-}" ]; then
        log "Stage 4: Add LibriSpeech of ${LIBRISPEECH}"
        corpus=${LIBRISPEECH}
        [ ! -d "${corpus}/LibriSpeech" ] || corpus=${corpus}/LibriSpeech
        for part in train-clean-100 test-clean; do
            dset=${part//-/_}
            ${python} ../../librispeech_100/probe1/local/prepare_part.py --part "${corpus}/${part}" --output_dir "data/${dset}"
            # A speaker is a person here, not a person and a chapter.
            cp "data/${dset}/utt2reader" "data/${dset}/utt2spk"
            complete_set "${dset}"
        done
        real+=(data/train_clean_100)
    fi
    if [ -n "${SPEECHOCEAN:-}" ]; then
        log "Stage 4: Add speechocean of ${SPEECHOCEAN}"
        for part in train test; do
            dset=speechocean_${part}
            mkdir -p "data/${dset}"
            # Their paths start from the corpus' own folder.
            awk -v root="$(cd "${SPEECHOCEAN}" && pwd)" '{ print $1, ($2 ~ /^\//) ? $2 : root "/" $2 }' \
                "${SPEECHOCEAN}/data/${part}/wav.scp" > "data/${dset}/wav.scp"
            cp "${SPEECHOCEAN}/data/${part}"/{utt2spk,text} "data/${dset}"
            complete_set "${dset}"
        done
        real+=(data/speechocean_train)
    fi
    if [ ${#real[@]} -gt 0 ]; then
        rm -rf data/train_real
        utils/combine_data.sh data/train_real data/train "${real[@]}"
    fi
fi

log "Successfully finished. [elapsed=${SECONDS}s]"
