#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR

# A speaker model from its data to its scores: local/data.sh, ESPnet's spk.sh, and what
# the finished model makes of sets that spk.sh has not seen. Called by a recipe's run.sh.
#
# Options of spk.sh that are not listed here are passed on to it.

set -e
set -u
set -o pipefail

_template=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
. "${_template}"/../probe1/probe_functions.sh

SECONDS=0

# General configuration
stage=1               # 1 data, 3-5 training and 6-8 scores of spk.sh, 9-10 packing and upload of
                      # spk.sh (see skip_packing), 11 verification on score_sets.
stop_stage=10000      # Last stage.
ngpu=1                # The number of gpus in training ("0" uses cpu).
nj=32                 # The number of parallel jobs.
dumpdir=dump          # Directory to dump features.
expdir=exp            # Directory to save experiments.
python=python3        # Specify python to execute the commands.
seed=0                # Seed of the training, of sampling trials and of intervals.

# Data
local_data_opts=      # Options given to local/data.sh.
data_key=             # What else the data depend on, e.g. the folder of a corpus.
feats_type=raw        # raw (spk.sh formats the audio) or raw_copy (it is 16 kHz mono already).
speed_perturb_factors= # Perturbed copies count as other speakers, e.g. "0.9 1.0 1.1"; none.

# Speaker model
spk_config=           # Config for training.
spk_args=             # Arguments for training, e.g., "--max_epoch 10".
spk_tag=              # Suffix to the result dir; by default the config's name and spk_args.
spk_exp=              # Directory of the result.
inference_config=conf/decode.yaml # Config of spk.sh's own scores.
inference_model=valid.eer.best.pth # Weights that are scored.
group_speakers=       # For the loss ge2e: speakers of a batch,
group_utterances=     # and utterances of each.

# [Task dependent] Set the datadir name created by local/data.sh
train_set=            # Name of training set.
valid_set=            # Name of validation set; with spk.sh also the set of stages 6-8.
score_sets=           # Names of the sets of stage 11, with a speaker per person in utt2spk.
num_pairs=2000        # Trials of each of them that has no data/<set>/trials: half of them target,
                      # fewer where a set has fewer.

help_message=$(cat << EOF
Usage: $0 [options]

Options of spk.sh (see ./spk.sh --help) and, as --name <default>:
$(list_options "${BASH_SOURCE[0]}")
EOF
)

own_names=" $(option_names "${BASH_SOURCE[0]}") "
spk_names=" $(option_names spk.sh) "
spk_opts=()
while [ $# -gt 0 ]; do
    _name=$(echo "${1#--}" | tr - _)
    if [ "$1" = --help ] || [ "$1" = -h ]; then
        echo "${help_message}"
        exit 0
    elif [ "${1#--}" = "$1" ] || [ $# -lt 2 ]; then
        log "Error: got '$1', expected options of the form --name value"
        exit 2
    elif [[ "${own_names}" == *" ${_name} "* ]]; then
        printf -v "${_name}" '%s' "$2"
    elif [[ "${spk_names}" == *" ${_name} "* ]]; then
        spk_opts+=("--${_name}" "$2")
    else
        log "Error: invalid option $1: neither train_speaker.sh nor spk.sh has it"
        exit 2
    fi
    shift 2
done

. ./path.sh
. ./cmd.sh

for _file in "${spk_config}" "${inference_config}"; do
    if [ ! -f "${_file}" ]; then
        log "Error: there is no configuration '${_file}'"
        exit 2
    fi
done
if [ -n "${group_speakers}" ] && [ -z "${group_utterances}" ] || [ -z "${group_speakers}" ] && [ -n "${group_utterances}" ]; then
    log "Error: --group_speakers and --group_utterances belong together"
    exit 2
fi

# ---------------------------------------------------------------- names
if [ -z "${spk_tag}" ]; then
    spk_tag="$(basename "${spk_config}" .yaml)_${feats_type}"
    spk_tag+=$(echo "${spk_args}" | sed -e 's/--/_/g' -e 's/[ |=/]//g')
    [ "${seed}" = 0 ] || spk_tag+="_seed${seed}"
fi
spk_exp=${spk_exp:-${expdir}/spk_${spk_tag}}
result_dir=${spk_exp}
trained_set=${train_set}
# spk.sh adds this to what it is given.
if [ -n "${speed_perturb_factors}" ]; then
    result_dir+=_sp
    trained_set+=_sp
fi
stage_times=${expdir}/stage_times.jsonl

# spk <first stage> <last stage>: spk.sh gives what it is given for training to stage 6,
# too, whose program has few of these options.
spk() {
    local args="--seed ${seed}"
    [ "$2" -gt 5 ] || args+=" ${spk_args}"
    ./spk.sh --stage "$1" --stop_stage "$2" --python "${python} -m espnet_probe.run" \
        --ngpu "${ngpu}" --nj "${nj}" --dumpdir "${dumpdir}" --expdir "${expdir}" \
        --feats_type "${feats_type}" --speed_perturb_factors "${speed_perturb_factors}" \
        --train_set "${train_set}" --valid_set "${valid_set}" --test_sets "${valid_set}" \
        --spk_config "${spk_config}" --spk_args "${args}" --spk_exp "${spk_exp}" \
        --inference_config "${inference_config}" --inference_model "${inference_model}" \
        "${spk_opts[@]}"
}

# wanted <first> <last>: whether a stage of these is asked for.
wanted() {
    [ "${stage}" -le "$2" ] && [ "${stop_stage}" -ge "$1" ]
}

# ---------------------------------------------------------------- 1: data
if wanted 1 1; then
    stage_begin 1 "data"
    marker=data/.data_${train_set}.done
    key=$(work_key "data ${local_data_opts} ${data_key}" local/*)
    outputs=()
    for dset in ${train_set} ${valid_set} ${score_sets}; do
        outputs+=("data/${dset}"/{wav.scp,utt2spk})
    done
    if todo "${marker}" "${key}" "Stage 1: data"; then
        log "Stage 1: data"
        # shellcheck disable=SC2086
        local/data.sh --python "${python}" ${local_data_opts}
        mark_done "${marker}" "${key}" "${outputs[@]}"
    fi
    stage_end "${stage_times}" "${spk_exp}"
fi

# ---------------------------------------------------------------- 3-5: training
files=(data/"${train_set}"/{wav.scp,utt2spk} data/"${valid_set}"/{wav.scp,trial_label} "${spk_config}")
train_key=$(work_key "speaker ${feats_type} ${speed_perturb_factors} ${seed} ${group_speakers} ${group_utterances} ${spk_args} ${spk_opts[*]}" "${files[@]}")
marker=${result_dir}/.train.done
if wanted 2 5; then
    stage_begin 3-5 "train the speaker model"
    if todo "${marker}" "${train_key}" "Stages 2-5: ${result_dir}"; then
        begin_training "${result_dir}" "${train_key}" --spk_tag
        log "Stages 2-5: train ${result_dir}"
        follow "${result_dir}/train.log"
        if [ "${stage}" -le 4 ]; then
            # Of another training with the same folder: spk.sh has one name for all.
            rm -rf "${expdir}/spk_stats_16k${speed_perturb_factors:+_sp}"
            spk 2 4
            if [ -n "${group_speakers}" ]; then
                shapes=${expdir}/spk_stats_16k${speed_perturb_factors:+_sp}/train/speech_shape
                ${python} -m espnet_probe.bin.group_by_speaker --shape_file "${shapes}" \
                    --utt2spk "data/${trained_set}/utt2spk" --speakers "${group_speakers}" \
                    --utterances "${group_utterances}" --seed "${seed}" --output "${shapes}"
            fi
        fi
        if [ "${stop_stage}" -ge 5 ]; then
            spk 5 5
            mark_done "${marker}" "${train_key}" "${result_dir}"/{config.yaml,"${inference_model}"}
        fi
        stop_following
    fi
    stage_end "${stage_times}" "${result_dir}"
fi

# ---------------------------------------------------------------- 6-8: spk.sh's own scores
if wanted 6 8; then
    stage_begin 6-8 "ESPnet's scores of ${valid_set}"
    score_key=$(work_key "scores ${inference_model}" "${marker}" "${inference_config}")
    if todo "${result_dir}/.scores.done" "${score_key}" "Stages 6-8: ${result_dir}/RESULTS.md"; then
        spk 6 8
        mark_done "${result_dir}/.scores.done" "${score_key}" "${result_dir}/RESULTS.md"
    fi
    stage_end "${stage_times}" "${result_dir}"
fi
if wanted 9 10; then
    spk 9 10
fi

# scored_model: prints the embedder of the weights that are scored. It takes what a folder
# has as valid.eer.best.pth: for others there is one with links.
scored_model() {
    local dir=${result_dir} name=espnet
    ! grep -q '^encoder: thin_resnet34$' "${dir}/config.yaml" || name=thin_resnet
    if [ "${inference_model}" != valid.eer.best.pth ]; then
        dir+=/${inference_model%.pth}
        mkdir -p "${dir}"
        ln -sfn ../config.yaml "${dir}/config.yaml"
        ln -sfn "../${inference_model}" "${dir}/valid.eer.best.pth"
    fi
    echo "${name}:${dir}"
}

# ---------------------------------------------------------------- 11: other sets
if wanted 11 11 && [ -n "${score_sets}" ]; then
    if [ ! -f "${result_dir}/config.yaml" ] || [ ! -f "${result_dir}/${inference_model}" ]; then
        log "Error: there is no ${result_dir}/${inference_model}: run stage 5 first, or choose other weights with --inference_model"
        exit 2
    fi
    stage_begin 11 "verification"
    embedder=$(scored_model)
    embedder_key=
    [ "${embedder}" = "thin_resnet:${result_dir}" ] || embedder_key=" ${embedder}"
    for dset in ${score_sets}; do
        out=${result_dir}/verification/${dset}
        score_key=$(work_key "verification ${num_pairs} ${seed}${embedder_key}" "${marker}" "${result_dir}/${inference_model}" \
            "data/${dset}"/{wav.scp,utt2spk,trials})
        if todo "${out}/.done" "${score_key}" "Stage 11: ${out}/verification.json"; then
            log "Stage 11: verification on ${dset}"
            if [ -f "data/${dset}/trials" ]; then
                mkdir -p "${out}"
                cp "data/${dset}/trials" "${out}/trials"
            else
                ${python} -m espnet_probe.bin.make_trials --utt2spk "data/${dset}/utt2spk" --num_pairs "${num_pairs}" \
                    --at_most --seed "${seed}" --output "${out}/trials"
            fi
            _opts="--trials ${out}/trials --wav_scp data/${dset}/wav.scp --utt2spk data/${dset}/utt2spk"
            # shellcheck disable=SC2086
            ${python} -m espnet_probe.bin.score_verification ${_opts} --seed "${seed}" \
                --embedder "${embedder}" --output_dir "${out}"
            # shellcheck disable=SC2086
            ${python} "${PROBE_ROOT}"/benchmarks/speaker_baseline.py ${_opts} --seed "${seed}" --output_dir "${out}"
            mark_done "${out}/.done" "${score_key}" "${out}"/{trials,verification.json,verification_baseline.json}
        fi
    done
    # shellcheck disable=SC2046,SC2086
    ${python} "${_template}"/speaker_table.py $(printf "${result_dir}/verification/%s " ${score_sets}) \
        --output "${result_dir}/VERIFICATION.md"
    stage_end "${stage_times}" "${result_dir}"
fi

log "Successfully finished. [elapsed=${SECONDS}s]"
