# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154
# Sourced by probe_check.sh: the controls that have probes of their own. Each is a run of
# probe.sh with --control, which goes through stages 5-12 with the options of the whole,
# in a folder of its own; sounds that are the same, and their scores, are not made again.
# docs/controls.md says what they mean.

init_opts=()     # For Python, where states come from: the upstream untrained.
control_opts=()  # For Python, in training the probes.

# check_controls: refuses what is no control, before any work.
check_controls() {
    local name seen=" "
    for name in ${controls} ${control}; do
        case "${name}" in
            random | shuffled) ;;
            natural | oracle) fail "--controls ${controls}: ${name} is always there, expected random and shuffled, or one of them" ;;
            *) fail "--controls ${controls}${control:+ --control ${control}}: got ${name}, expected random and shuffled, or one of them" ;;
        esac
        [[ "${seen}" != *" ${name} "* ]] || fail "--controls names ${name} twice: expected each once"
        seen+="${name} "
    done
    if [ -n "${control}" ] && [[ "${control}" == *" "* || -n "${controls// /}" ]]; then
        fail "--control ${control} is a run of one control: for several give --controls \"random shuffled\" alone"
    fi
}

# control_exp <control>: prints the folder of its probes, given the model's own.
control_exp() {
    echo "${probe_exp}_$1"
}

# name_control: what is another in the run of a control.
name_control() {
    case "${control}" in
        random)
            # Other weights have other states, but the same target.
            hidden_dir+=_random
            init_opts=(--upstream_init random)
            if [ "${seed}" != 0 ]; then
                hidden_dir+=_seed${seed}
                init_opts+=(--upstream_seed "${seed}")
            fi
            state_key=$(work_key "random ${seed} ${state_key}")
            ;;
        shuffled)
            control_opts=(--shuffle_states true)
            ;;
    esac
    probe_exp=$(control_exp "${control}")
    states_exp=${probe_exp}
}

# share_trials <folder of the set's reconstructions>: the control's trials are the
# model's, whose folder is beside its own. Scores of trials that were drawn before these go,
# also those of embedders that are not asked for now.
share_trials() {
    local own
    own="${reference_dir}/$(basename "$1")/trials"
    need_done "$(dirname "${own}")/.trials.done" 10
    if ! cmp -s "$(dirname "${own}")/.trials.done" "$1/.trials.done"; then
        drop_scores "$1" verification
        cp "$(dirname "${own}")/.trials.done" "$1/.trials.done"
    fi
    ln -sfn "../../../${own#"$(dirname "${probe_exp}")/"}" "$1/trials"
}

# run_controls: those that were asked for, after the same stages of the model's own.
run_controls() {
    local name
    in_range 5 12 || return 0
    for name in ${controls}; do
        log "Control ${name}: ${upstream_name}"
        # The last value of an option counts. All that is in range for the whole is so
        # here, but for the stages that a control has no part in.
        "${BASH}" "$0" "${all_args[@]}" --control "${name}" --controls "" --paths_file "" \
            --skip_stages "${skip_stages} 1 2 3 4 13 14 15 16"
    done
}
