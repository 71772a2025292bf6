#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR

# A recipe from its data to its report: probe.sh makes the data, ESPnet's asr.sh trains
# and decodes the model, probe.sh probes it. Called by a recipe's run.sh.
#
# Any option of probe.sh or asr.sh can be given, and goes to the script that has it, or
# to both. Of the names that mean different things there, these are probe.sh's:
# --stage --stop_stage --skip_stages --inference_tag --inference_args; asr.sh's are
# --asr_stage --asr_stop_stage --asr_inference_tag --asr_inference_args.
#
# asr.sh runs just before stage 3 of probe.sh, so only if the range of stages holds 3:
# "run.sh --stage 5 --stop_stage 9" runs no stage of it.

set -e
set -u
set -o pipefail

_template=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
. "${_template}"/probe_functions.sh
. "${_template}"/probe_data.sh

SECONDS=0

# General configuration
stage=1               # First stage of probe.sh.
stop_stage=10000      # Last stage of probe.sh.
skip_stages=          # Stages of probe.sh to be skipped; 3 skips asr.sh too.
asr_stage=2           # First stage of asr.sh.
asr_stop_stage=13     # Last stage of asr.sh.
ngpu=1                # The number of gpus in training ("0" uses cpu).
nj=32                 # The number of parallel jobs.
inference_nj=32       # The number of parallel jobs in decoding, reconstruction and scoring.
dumpdir=dump          # Directory to dump features.
expdir=exp            # Directory to save experiments.
python=python3        # Specify python to execute the commands.
seed=0                # Seed of all trainings, of sampling trials and of intervals; that of
                      # a made corpus is in local_data_opts.
paths_file=           # A file to write the names of the experiments to.

# Several models, one after the other, and noise
models=               # E.g. "blstm_baseline blstm_robust": architecture and training; or "all":
                      # these two and the same of vgg_blstm. Instead of asr_config and asr_tag.
model_configs="conf/train_asr_{}.yaml" # Their configurations, {} standing for the architecture.
robust_train=noisy    # What robust models are trained on: noisy (clean and one noisy copy) or noisy_only.
probe_train=noisy     # What the probes of all models are trained on: noisy, noisy_only or clean.
study_tag=            # Suffix to the result dir of the joined report; by default probe_train,
                      # robust_train if it is not noisy, and seed if it is not 0.
study_args=           # Arguments for the joined report, e.g. "--paper" for the paper's values beside.
claims_args=          # Arguments for checking the claims, e.g. "--alike 2 --layers all".
max_wer=30            # WER in percent above which a model decides no claim; or none.
snrs="20 10 0"        # SNRs of noisy test sets in dB.

# ASR model related
upstream_exp=         # If specified, this trained model is probed, and no ASR is trained.
upstream_model=       # File name of the probed weights; by default inference_asr_model.
upstream_tag=         # If specified, this published model is probed, and no ASR is trained.
upstream_zip=         # If specified, this packed model is probed, and no ASR is trained.
asr_config=           # Config for asr model training.
asr_args=             # Arguments for asr model training, e.g., "--max_epoch 10".
asr_tag=              # Suffix to the result dir for asr model training.
asr_name_suffix=      # What follows the name of asr_config in the result dirs.
asr_exp=              # Specify the directory path for ASR experiment.
asr_stats_dir=        # Specify the directory path for ASR statistics.
token_type=bpe        # Tokenization type (char, word or bpe).
nbpe=30               # The number of BPE vocabulary.
bpemode=unigram       # Mode of BPE (unigram or bpe).
lang=noinfo           # The language type of corpus.
inference_asr_model=valid.loss.ave.pth # ASR model for decoding, and for probing.
inference_config=     # Config for decoding.
asr_inference_tag=    # Suffix to the result dir for decoding.
asr_inference_args=   # Arguments for decoding.

# Probe model related
probe_config=conf/train_probe.yaml # Config for probe training.

# [Task dependent] Set the datadir name created by local/data.sh
train_set=            # Name of training set.
probe_train_set=      # Name of training set of the probes; by default train_set.
valid_set=            # Name of validation set.
test_sets=            # Names of test sets.

help_message=$(cat << EOF
Usage: $0 [options]

Options of probe.sh (see ./probe.sh --help) and of asr.sh (see ./asr.sh --help), each
given to the script that has it. Those that both need, or that only stand here, as
--name <default>:
$(list_options "${BASH_SOURCE[0]}")
EOF
)

# ---------------------------------------------------------------- whose option is it?
own_names=" $(option_names "${BASH_SOURCE[0]}") "
asr_names=" $(option_names asr.sh) "
probe_names=" $(option_names probe.sh) "
# asr.sh never prepares the data here.
for _name in local_data_opts inference_tag inference_args; do
    asr_names=${asr_names/ ${_name} / }
done
all_opts=("$@")
asr_opts=()
probe_opts=()
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
    elif [[ "${asr_names}${probe_names}" == *" ${_name} "* ]]; then
        [[ "${asr_names}" != *" ${_name} "* ]] || asr_opts+=("--${_name}" "$2")
        [[ "${probe_names}" != *" ${_name} "* ]] || probe_opts+=("--${_name}" "$2")
    else
        log "Error: invalid option $1: neither probe.sh nor asr.sh has it"
        exit 2
    fi
    shift 2
done

. ./path.sh
. ./cmd.sh

stage_times=${expdir}/stage_times.jsonl
if [ -n "${models}" ]; then
    . "${_template}"/probe_models.sh
    check_models
    run_models "${all_opts[@]}"
    log "Successfully finished. [elapsed=${SECONDS}s]"
    exit 0
fi

for _file in "${asr_config}" "${inference_config}" "${probe_config}"; do
    if [ -n "${_file}" ] && [ ! -f "${_file}" ]; then
        log "Error: there is no configuration ${_file}"
        exit 2
    fi
done

# ---------------------------------------------------------------- names
# The folders are given to asr.sh, so that both scripts have the same. Unlike ESPnet's,
# the one of the statistics depends on the configuration: front ends differ in width.
if [ -z "${asr_tag}" ]; then
    asr_tag=$(basename "${asr_config:-train}" .yaml)${asr_name_suffix}_raw
    [ "${lang}" = noinfo ] || asr_tag+="_${lang}"
    asr_tag+="_${token_type}"
    [ "${token_type}" != bpe ] || asr_tag+="${nbpe}"
    asr_tag+=$(echo "${asr_args}" | sed -e 's/--/_/g' -e 's/[ |=/]//g')
    [ "${seed}" = 0 ] || asr_tag+="_seed${seed}"
fi
asr_exp=${asr_exp:-${expdir}/asr_${asr_tag}}
asr_stats_dir=${asr_stats_dir:-${expdir}/asr_stats_${asr_tag}}
if [ -z "${asr_inference_tag}" ]; then
    asr_inference_tag=$(basename "${inference_config:-decode}" .yaml)
    asr_inference_tag+=$(echo "${asr_inference_args}" | sed -e 's/--/_/g' -e 's/[ |=]//g')
    asr_inference_tag+=_asr_model_${inference_asr_model%.*}
fi
decode_dir=${asr_exp}/${asr_inference_tag}

# ---------------------------------------------------------------- ESPnet's asr.sh
# run_asr <first> <last> <marker> <key> <name> <log files> <output>...: a group of
# asr.sh's stages, cut to the wanted ones. Only a whole group is marked as done.
run_asr() {
    local first last numbers marker=$3 key=$4 name=$5 logs=$6 whole=true
    first=$(($1 > asr_stage ? $1 : asr_stage))
    last=$(($2 < asr_stop_stage ? $2 : asr_stop_stage))
    [ "${first}" -le "${last}" ] || return 0
    if [ "${first}" -ne "$1" ] || [ "${last}" -ne "$2" ]; then
        whole=false
    fi
    numbers=${first}
    [ "${first}" -eq "${last}" ] || numbers+=-${last}
    stage_begin "asr ${numbers}" "${name}"
    if todo "${marker}" "${key}" "${name} (asr.sh, ${numbers})"; then
        log "asr.sh, stages ${numbers}: ${name}"
        [ -z "${logs}" ] || follow "${logs}"
        ./asr.sh --stage "${first}" --stop_stage "${last}" --python "${python} -m espnet_probe.run" \
            --use_lm false --token_type "${token_type}" --nbpe "${nbpe}" --bpemode "${bpemode}" --lang "${lang}" \
            --ngpu "${ngpu}" --nj "${nj}" --inference_nj "${inference_nj}" \
            --dumpdir "${dumpdir}" --expdir "${expdir}" \
            --asr_config "${asr_config}" --asr_args "--seed ${seed} ${asr_args}" \
            --asr_exp "${asr_exp}" --asr_stats_dir "${asr_stats_dir}" \
            --inference_asr_model "${inference_asr_model}" \
            --inference_config "${inference_config}" --inference_tag "${asr_inference_tag}" \
            --inference_args "${asr_inference_args}" \
            --train_set "${train_set}" --valid_set "${valid_set}" --test_sets "${test_sets}" \
            "${asr_opts[@]}"
        stop_following
        ! "${whole}" || mark_done "${marker}" "${key}" "${@:7}"
    fi
    stage_end "${stage_times}" "${asr_exp}"
}

# What decides the result of asr.sh: its options, but for those about how it is run and
# for those of decoding.
training_opts() {
    printf '%s ' "${dumpdir}" "${train_set}" "${valid_set}" "${token_type}" "${nbpe}" "${bpemode}" "${lang}"
    local i
    for ((i = 0; i < ${#asr_opts[@]}; i += 2)); do
        case "${asr_opts[i]}" in
            --inference_* | --gpu_inference | --num_nodes | --batch_size | --skip_*) ;;
            *) printf '%s ' "${asr_opts[i]}" "${asr_opts[i + 1]}" ;;
        esac
    done
}

# token_opts: as above, of what decides the tokens; the text has a file of its own.
token_opts() {
    printf '%s ' "${token_type}" "${nbpe}" "${bpemode}" "${lang}"
    local i
    for ((i = 0; i < ${#asr_opts[@]}; i += 2)); do
        case "${asr_opts[i]}" in
            --*bpe* | --*token* | --*text* | --nlsyms* | --cleaner | --g2p)
                printf '%s ' "${asr_opts[i]}" "${asr_opts[i + 1]}" ;;
        esac
    done
}

# token_text: prints the file that the tokens are taken from.
token_text() {
    local i text=data/${train_set}/text name=--lm_train_text
    [ "${token_type}" != bpe ] || name=--bpe_train_text
    for ((i = 0; i < ${#asr_opts[@]}; i += 2)); do
        [ "${asr_opts[i]}" != "${name}" ] || text=${asr_opts[i + 1]}
    done
    echo "${text}"
}

train_upstream() {
    local dset dir files=() outputs=() tokens list data_key train_key marker

    for dset in ${train_set} ${valid_set}; do
        files+=(data/"${dset}"/{wav.scp,utt2spk,text,noise.jsonl})
        outputs+=("${dumpdir}/raw/${dset}/wav.scp")
    done
    # Other test sets are no reason to train anew.
    train_key=$(work_key "asr train $(training_opts) ${seed} ${asr_args}" "${files[@]}" "${asr_config}")
    for dset in ${test_sets}; do
        files+=(data/"${dset}"/{wav.scp,utt2spk,text,noise.jsonl})
        outputs+=("${dumpdir}/raw/${dset}/wav.scp")
    done
    data_key=$(work_key "asr data $(training_opts)" "${files[@]}")
    tokens=${token_type}
    [ "${token_type}" != bpe ] || tokens=bpe_${bpemode}${nbpe}
    list=data/${lang}_token_list/${tokens}
    [ "${lang}" != noinfo ] || list=data/token_list/${tokens}
    run_asr 2 4 "data/.asr_data_${train_set}.done" "${data_key}" "data for the ASR model" "" "${outputs[@]}"
    # Once for all models with the same tokens: those that are trained depend on the files.
    run_asr 5 5 "${list}/.done" "$(work_key "asr tokens $(token_opts)" "$(token_text)")" \
        "tokens for the ASR model" "" "${list}/tokens.txt"

    run_asr 10 10 "${asr_stats_dir}/.done" "${train_key}" "statistics for the ASR model" \
        "${asr_stats_dir}/logdir/stats.*.log" "${asr_stats_dir}"/{train,valid}/speech_shape
    if [ "${asr_stage}" -le 11 ] && [ "${asr_stop_stage}" -ge 11 ] \
        && ! is_done "${asr_exp}/.train.done" "${train_key}"; then
        begin_training "${asr_exp}" "${train_key}" --asr_tag
    fi
    run_asr 11 11 "${asr_exp}/.train.done" "${train_key}" "train the ASR model" \
        "${asr_exp}/train.log" "${asr_exp}"/{config.yaml,"${inference_asr_model}"}

    files=("${inference_config}")
    outputs=()
    for dset in ${test_sets}; do
        # asr.sh decodes a validation set before its filtering.
        [ "${dset}" != "${valid_set}" ] || continue
        files+=("${dumpdir}/raw/${dset}/wav.scp" "data/${dset}/noise.jsonl")
        outputs+=("${decode_dir}/${dset}/text")
    done
    marker="${decode_dir}/.done"
    run_asr 12 12 "${marker}" \
        "$(work_key "decode ${train_key} ${asr_inference_args} ${inference_asr_model} ${asr_opts[*]}" "${files[@]}")" \
        "decode with the ASR model" "${decode_dir}/*/logdir/asr_inference.*.log" "${outputs[@]}"
    if [ "${asr_stage}" -gt 13 ] || [ "${asr_stop_stage}" -lt 13 ]; then
        return 0
    fi
    # Debian keeps sclite's programs here.
    export PATH=${PATH}:/usr/lib/sctk/bin
    if command -v sclite >/dev/null; then
        run_asr 13 13 "${decode_dir}/.score.done" "$(work_key "sclite" "${marker}")" \
            "score the ASR model" "" "${asr_exp}/RESULTS.md"
    fi
    # The same rate without sclite, with an interval, for the report.
    stage_begin "asr wer" "score the ASR model"
    for dir in "${outputs[@]}"; do
        dir=$(dirname "${dir}")
        score_upstream "${dir}" "$(basename "${dir}")"
    done
    stage_end "${stage_times}" "${asr_exp}"
}

# score_upstream <decoded set> <name of the set>: one person's errors go together, so the
# interval is over speakers. They are those of data/: dump/raw has no utt2reader yet.
score_upstream() {
    local dir=$1 ref=${dumpdir}/raw/$2/text speakers key
    speakers=$(speaker_map "data/$2")
    [ -f "${speakers}" ] || speakers=$(speaker_map "${dumpdir}/raw/$2")
    key=$(work_key "wer over speakers" "${dir}/text" "${ref}" "${speakers}")
    if todo "${dir}/.wer.done" "${key}" "${dir}/score_wer"; then
        ${python} -m espnet_probe.bin.score_wer --ref "${ref}" --hyp "${dir}/text" --utt2spk "${speakers}" \
            --output_dir "${dir}/score_wer"
        mark_done "${dir}/.wer.done" "${key}" "${dir}"/score_wer/wer.{json,csv}
    fi
}

# ---------------------------------------------------------------- the order
probe() {
    local upstream=(--upstream_exp "${upstream_exp}" --upstream_tag "${upstream_tag}" --upstream_zip "${upstream_zip}")
    ! "${train_asr}" || upstream=(--upstream_exp "${asr_exp}")
    # The model recognises the reconstructions as it did the recordings.
    if "${train_asr}" && [[ "${probe_opts[*]}" != *--judge_* ]]; then
        upstream+=(--recognition_config "${inference_config}" --recognition_args "${asr_inference_args}")
    fi
    ./probe.sh --stage "$1" --stop_stage "$2" --skip_stages "${skip_stages}" \
        --python "${python}" --seed "${seed}" --ngpu "${ngpu}" --nj "${nj}" --inference_nj "${inference_nj}" \
        --dumpdir "${dumpdir}" --expdir "${expdir}" --probe_config "${probe_config}" \
        --train_set "${probe_train_set:-${train_set}}" --valid_set "${valid_set}" --test_sets "${test_sets}" \
        --snrs "${snrs}" "${upstream[@]}" --upstream_model "${upstream_model}" \
        --check_until "${stop_stage}" --paths_file "${paths_file}" "${probe_opts[@]}"
    # What decides on the model's word error rate, of several decodings that there may be.
    if [ -n "${paths_file}" ] && "${train_asr}"; then
        echo "decode: ${decode_dir}" >>"${paths_file}"
    fi
}

train_asr=false
if [ -z "${upstream_exp}${upstream_tag}${upstream_zip}" ]; then
    train_asr=true
    upstream_model=${upstream_model:-${inference_asr_model}}
    if [ "${stage}" -le 3 ] && [ "${stop_stage}" -ge 3 ] \
        && ! [[ " ${skip_stages} " =~ [[:space:]]3[[:space:]] ]]; then
        if [ "${stage}" -le 2 ]; then
            probe "${stage}" 2
            stage=3
        fi
        # No stage: what can be known before the ASR training is checked, data included.
        probe 0 0
        train_upstream
    fi
fi
probe "${stage}" "${stop_stage}"
