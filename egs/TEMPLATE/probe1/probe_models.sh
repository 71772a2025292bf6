# shellcheck shell=bash
# shellcheck disable=SC2154
# Several models one after the other, for train_and_probe.sh --models: each is a run of
# train_and_probe.sh with its configuration and its training set, on the same test sets.
# To be sourced after the options are known.

# One word stands for the four models of the paper.
[ "${models}" != all ] || models="vgg_blstm_baseline vgg_blstm_robust blstm_baseline blstm_robust"

# model_config <model>: prints the configuration of its architecture.
model_config() {
    echo "${model_configs//\{\}/${1%_*}}"
}

# A mistake in the last model is found before the first is trained.
check_models() {
    local model config i seen=" "
    for model in ${models}; do
        if [[ "${seen}" == *" ${model} "* ]]; then
            log "Error: --models names ${model} twice: expected each once"
            exit 2
        fi
        seen+="${model} "
        if ! [[ "${model}" =~ ^[A-Za-z0-9_-]+_(baseline|robust)$ ]]; then
            log "Error: --models: got '${model}', expected <architecture>_baseline or <architecture>_robust, or all"
            exit 2
        fi
        config=$(model_config "${model}")
        if [ ! -f "${config}" ]; then
            log "Error: --models ${model}: there is no configuration ${config} (--model_configs \"${model_configs}\")"
            exit 2
        fi
    done
    case "${robust_train}" in
        noisy | noisy_only) ;;
        *) log "Error: --robust_train ${robust_train}: expected noisy (clean and one noisy copy) or noisy_only"; exit 2 ;;
    esac
    case "${probe_train}" in
        noisy | noisy_only | clean) ;;
        *) log "Error: --probe_train ${probe_train}: expected noisy (clean and one noisy copy), noisy_only or clean"; exit 2 ;;
    esac
    # It is filtered as the training set is, its noisy copies are not: the trials would differ.
    if [[ " ${test_sets} " =~ [[:space:]]"${valid_set}"[[:space:]] ]]; then
        log "Error: --valid_set ${valid_set} is in --test_sets (${test_sets}): --models needs test sets of their own"
        exit 2
    fi
    for ((i = 0; i < ${#all_opts[@]}; i += 2)); do
        # Both scripts take a name with dashes for one with underscores.
        case "--$(echo "${all_opts[i]#--}" | tr - _)" in
            --probe_exp | --probe_stats_dir | --asr_stats_dir)
                log "Error: ${all_opts[i]} ${all_opts[i + 1]} is one folder, and --models needs one for each model: leave it out"
                exit 2 ;;
            --probe_train_set | --probe_set_tag)
                log "Error: ${all_opts[i]} ${all_opts[i + 1]}: with --models it follows from --train_set and --probe_train: leave it out"
                exit 2 ;;
            --bpe_train_text | --lm_train_text)
                log "Error: ${all_opts[i]} ${all_opts[i + 1]}: with --models the tokens of all models are those of data/${train_set}/text: leave it out"
                exit 2 ;;
            --asr_name_suffix | --paths_file)
                log "Error: ${all_opts[i]} ${all_opts[i + 1]}: --models has one for each model: leave it out"
                exit 2 ;;
        esac
    done
    if [ "${max_wer}" != none ] && ! [[ "${max_wer}" =~ ^[0-9]+(\.[0-9]+)?$ ]]; then
        log "Error: --max_wer ${max_wer}: expected a word error rate in percent, or none"
        exit 2
    fi
    [ -z "${claims_args}${study_args}" ] \
        || ${python} -m espnet_probe.bin.check_args "--claims_args=${claims_args}" "--study_args=${study_args}" >/dev/null \
        || exit 2
    if [ -n "${upstream_exp}${upstream_tag}${upstream_zip}${asr_exp}${asr_tag}" ]; then
        log "Error: --models trains and names the models: leave out --upstream_exp, --upstream_tag, --upstream_zip, --asr_exp and --asr_tag"
        exit 2
    fi
}

# noise_names: prints which noise the noisy sets of the study are made with, as stage 2
# left it beside them: this call may have left out stage 2, or may name another folder.
noise_names() {
    local dset snr sets=()
    for dset in ${test_sets}; do
        for snr in ${snrs}; do
            sets+=("${dset}_snr${snr}")
        done
    done
    if [ "${probe_train}" != clean ] || [[ " ${models} " == *"_robust "* ]]; then
        sets+=("${train_set}_noisy_only")
    fi
    for dset in "${sets[@]}"; do
        if [ -s "data/${dset}/noise_name" ]; then
            cat "data/${dset}/noise_name"
        else
            echo "not known"
        fi
    done | awk '!seen[$0]++' | paste -s -d , - | sed -e 's/,/, /g'
}

# write_study <file>: what was trained and probed, for the record.
write_study() {
    local model dset snr
    # Of a list of test sets the first is the one that models are compared on.
    dset=${test_sets%% *}
    {
        echo "# Written by train_and_probe.sh --models; folders are relative to the recipe's."
        echo "probe_train: ${probe_train}"
        echo "robust_train: ${robust_train}"
        echo "seed: ${seed}"
        echo "noise: $(noise_names)"
        echo "probe_config: ${probe_config}"
        echo "conditions:"
        echo "  clean: ${dset}"
        for snr in ${snrs}; do
            echo "  snr${snr}: ${dset}_snr${snr}"
        done
        echo "models:"
        for model in ${models}; do
            echo "- name: ${model}"
            echo "  architecture: ${model%_*}"
            echo "  training: ${model##*_}"
            echo "  asr_config: $(model_config "${model}")"
            sed -e 's/^/  /' "${study_dir}/models/${model}.yaml"
        done
    } >"$1.tmp"
    mv "$1.tmp" "$1"
}

# chosen_controls: prints the controls that the probes of each model have; the last
# --controls counts.
chosen_controls() {
    local i found=
    for ((i = 0; i < ${#probe_opts[@]}; i += 2)); do
        [ "${probe_opts[i]}" != --controls ] || found=${probe_opts[i + 1]}
    done
    echo "${found}"
}

# run_models <option>...: the options are those of the whole command.
run_models() {
    local model set all_sets=() dset snr suffix marker key file files=() named=() conditions=(clean)
    local tag decoding shared name controls=()
    study_dir=${study_tag:-${probe_train}}
    if [ -z "${study_tag}" ]; then
        [ "${robust_train}" = noisy ] || study_dir+=_robust_${robust_train}
        [ "${seed}" = 0 ] || study_dir+=_seed${seed}
    fi
    study_dir=${expdir}/study_${study_dir}
    for dset in ${test_sets}; do
        all_sets+=("${dset}")
        for snr in ${snrs}; do
            all_sets+=("${dset}_snr${snr}")
        done
    done
    for model in ${models}; do
        log "Model ${model}"
        set=${train_set}
        suffix=_${model##*_}
        if [ "${model##*_}" = robust ]; then
            set+=_${robust_train}
            [ "${robust_train}" = noisy ] || suffix+=_${robust_train}
        fi
        # The pieces of words are those of the clean text, so that all models have the
        # same. The last value of an option counts.
        ./train_and_probe.sh "$@" --models "" \
            --noise true --snrs "${snrs}" --test_sets "${all_sets[*]}" --train_set "${set}" \
            --probe_train_set "${train_set}$([ "${probe_train}" = clean ] || echo "_${probe_train}")" \
            --probe_set_tag "${probe_train}" --paths_file "${study_dir}/models/${model}.yaml" \
            --asr_config "$(model_config "${model}")" --asr_name_suffix "${suffix}" \
            --bpe_train_text "data/${train_set}/text" --lm_train_text "data/${train_set}/text"
    done
    if [ "${stage}" -gt 14 ] || [ "${stop_stage}" -lt 14 ] \
        || [[ " ${skip_stages} " =~ [[:space:]]14[[:space:]] ]]; then
        return 0
    fi
    log "Joined report: ${study_dir}"
    stage_begin "models" "joined report"
    write_study "${study_dir}/study.yaml"
    for model in ${models}; do
        file=$(sed -n 's/^probe_exp: //p' "${study_dir}/models/${model}.yaml")
        files+=("${file}/report/.done")
        named+=("${model%_*}:${model##*_}=${file}")
        for name in $(chosen_controls); do
            files+=("${file}_${name}/.done")
            controls+=("${model%_*}:${model##*_}:${name}=${file}_${name}")
        done
        # Those that this call made, of several: their names are the same for all models.
        tag=$(sed -n 's|^reconstruct: .*/reconstruct_||p' "${study_dir}/models/${model}.yaml")
        decoding=$(sed -n 's|^decode: .*/||p' "${study_dir}/models/${model}.yaml")
    done
    [ ${#controls[@]} -eq 0 ] || controls=(--control "${controls[@]}")
    for snr in ${snrs}; do
        conditions+=("snr${snr}")
    done
    marker=${study_dir}/.done
    key=$(work_key "joined report ${study_args} ${claims_args} ${max_wer}${controls[*]:+ ${controls[*]}}" "${study_dir}/study.yaml" "${files[@]}")
    if todo "${marker}" "${key}" "${study_dir}/RESULTS.md"; then
        shared=(--model "${named[@]}" --set "${test_sets%% *}" --conditions "${conditions[@]}" --max_wer "${max_wer}"
            --inference_tag "${tag}" --decoding "${decoding}" --output_dir "${study_dir}")
        # The claims first: the report shows what they came to.
        # shellcheck disable=SC2086
        ${python} -m espnet_probe.bin.check_claims --seed "${seed}" "${shared[@]}" ${claims_args} \
            | tee "${study_dir}/claims.txt"
        # shellcheck disable=SC2086
        ${python} -m espnet_probe.bin.make_report --stage_times "${stage_times}" "${shared[@]}" "${controls[@]}" ${study_args} \
            >"${study_dir}/make_report.log"
        mark_done "${marker}" "${key}" "${study_dir}"/{RESULTS.md,report/index.html,claims.md,claims.json,claims.txt}
    else
        cat "${study_dir}/claims.txt"
    fi
    stage_end "${stage_times}" "${study_dir}"
    log "The tables of all models are in '${study_dir}/RESULTS.md', their sounds in '${study_dir}/report/index.html'"
}
