# shellcheck shell=bash
# shellcheck disable=SC2154
# What users hand on to the commands of the stages (--vocoder_args, --quality_args and
# others) is checked before any work. To be sourced after the upstream is known.

# check_args <option>...: refuses words that the options' commands would not take, and
# files that are not there.
check_args() {
    local option files file opts=()
    local config=${judge_exp:-${upstream_exp}}/config.yaml
    for option in "$@"; do
        [ -z "${!option// /}" ] || opts+=("--${option}=${!option}")
    done
    [ ${#opts[@]} -gt 0 ] || return 0
    # What settings of decoding there are depends on the model, once it is trained.
    if [[ "${opts[*]}" == *"--recognition_args="* ]] && [ -f "${config}" ]; then
        opts+=(--judge_config "${config}")
        [ -n "${judge_exp}" ] || [ -z "${upstream_task}" ] || opts+=(--judge_task "${upstream_task}")
    fi
    files=$(${python} -m espnet_probe.bin.check_args "${opts[@]}") || exit 2
    for file in ${files}; do
        # Stage 1 may be what makes it.
        [ -e "${file}" ] || will_run 1 1 || fail "${opts[*]}: there is no file ${file}"
    done
}

# check_all_args: those of the stages that will run.
check_all_args() {
    local options=()
    # Costs seconds; worth it where the training does not begin at once.
    if will_run 6 7 && { in_range 1 2 || [ "${states}" = dump ]; }; then
        options+=(probe_args)
    fi
    ! will_run 8 8 || options+=(inference_args)
    ! will_run 9 9 || options+=(vocoder_args)
    ! will_run 10 10 || options+=(trials_args)
    ! will_run 11 11 || options+=(quality_args)
    # A model that is in no folder is looked into by the stage itself.
    if will_run 12 12 && [ -z "${judge_tag}${judge_zip}" ]; then
        [ -n "${upstream_tag}${upstream_zip}" ] && [ -z "${judge_exp}" ] || options+=(recognition_args)
    fi
    ! will_run 13 13 || options+=(listening_args)
    check_args "${options[@]}"
}
