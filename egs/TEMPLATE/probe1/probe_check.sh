# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154
# Sourced by probe.sh once its options are known: checks them before any work starts,
# and derives the names that the stages use.

# fail <message>: for what the user has to put right.
fail() {
    log "Error: $*"
    exit 2
}

# in_range <first> <last>: whether any stage from first to last may run.
in_range() {
    [ "${stage}" -le "$2" ] && [ "${stop_stage}" -ge "$1" ]
}

# will_run <first> <last>: whether any of these stages may run, now or in a later call
# of the same chain (--check_until), and is not skipped.
will_run() {
    local number last=$((stop_stage > check_until ? stop_stage : check_until))
    for number in $(seq "$1" "$2"); do
        if [ "${stage}" -le "${number}" ] && [ "${last}" -ge "${number}" ] \
            && ! [[ " ${skip_stages} " =~ [[:space:]]${number}[[:space:]] ]]; then
            return 0
        fi
    done
    return 1
}

# not_there_yet <stage> <what>
not_there_yet() {
    log "Error: Stage $1: $2 is not there yet"
    exit 1
}

# need_done <marker> <stage>: a stage refuses to work on what is not complete.
need_done() {
    if [ ! -f "$1" ]; then
        log "Error: $(dirname "$1") is not complete (no $(basename "$1")): run stage $2 first"
        exit 1
    fi
}

for _option in stage stop_stage check_until ngpu num_nodes nj inference_nj seed num_pairs; do
    if ! [[ "${!_option}" =~ ^[0-9]+$ ]]; then
        fail "--${_option} ${!_option}: expected a number"
    fi
done
if [ "${nj}" -lt 1 ] || [ "${inference_nj}" -lt 1 ]; then
    fail "--nj ${nj} --inference_nj ${inference_nj}: expected at least 1"
fi
case "${states}" in
    live | dump) ;;
    *) fail "--states ${states}: expected live or dump" ;;
esac
case "${dump_dtype}" in
    float32) hidden_type=kaldi_ark ;;
    float16) hidden_type=npy ;;
    *) fail "--dump_dtype ${dump_dtype}: expected float32 or float16" ;;
esac
if [ -z "${layers// /}" ]; then
    fail "--layers is empty: expected names or globs, such as \"cnn1 blstm*\""
fi

case "${vocoder_preset}" in
    default | fast | paper) ;;
    *) fail "--vocoder_preset ${vocoder_preset}: expected default, fast or paper" ;;
esac
. "${_template}"/probe_controls.sh
check_controls
if [ "${num_pairs}" -lt 2 ] || [ $((num_pairs % 2)) -ne 0 ]; then
    fail "--num_pairs ${num_pairs}: expected a positive even number, half of it target"
fi

case "${skip_listening}" in
    "" | true | false) ;;
    *) fail "--skip_listening ${skip_listening}: expected true or false, or nothing: where the set is too small" ;;
esac

# Some stages are left out unless they were asked for: by their option, or by a range
# that holds no other stage.
if in_range 1 11 || in_range 14 14; then
    [ "${skip_recognition}" != true ] || skip_stages+=" 12"
    [ "${skip_listening}" != true ] || skip_stages+=" 13"
    ! "${skip_packing}" || skip_stages+=" 15"
    ! "${skip_upload_hf}" || skip_stages+=" 16"
fi
! "${skip_data_prep}" || skip_stages+=" 1 2 3 4"
! "${skip_train}" || skip_stages+=" 6 7"
! "${skip_eval}" || skip_stages+=" 8 9 10 11 12 13 14"
skip_stages=$(echo "${skip_stages}" | tr ' ' '\n' | sort -nu | tr '\n' ' ')
log "Skipped stages: ${skip_stages}"

. "${_template}"/probe_verification.sh
if will_run 10 10; then
    check_embedders
fi

# The upstream
. "${_template}"/probe_upstream.sh

# Names of sets: in a recipe that has been trained, its model knows them.
if [ -n "${upstream_exp}" ]; then
    train_set=${train_set:-$(trained_on "${upstream_exp}" train)}
    valid_set=${valid_set:-$(trained_on "${upstream_exp}" valid)}
    test_sets=${test_sets:-$(decoded_sets "${upstream_exp}")}
fi
if in_range 1 7; then
    [ -n "${train_set}" ] || fail "--train_set is required"
    [ -n "${valid_set}" ] || fail "--valid_set is required"
    [ "${train_set}" != "${valid_set}" ] || fail "train_set and valid_set must be different, both are ${train_set}"
fi
if in_range 1 4 || in_range 8 14; then
    [ -n "${test_sets// /}" ] || fail "--test_sets is required"
fi
# A set may be named twice, as valid_set and as one of test_sets.
all_sets=$(echo "${train_set} ${valid_set} ${test_sets}" | tr ' ' '\n' | awk 'NF && !seen[$1]++' | tr '\n' ' ')

data_feats=${dumpdir}/raw
train_dir=${data_feats}/${train_set}
valid_dir=${data_feats}/${valid_set}
stage_times=${expdir}/stage_times.jsonl

# For commands that run.pl and the others hand to a shell again, where a bare * would
# become the names of files.
layer_opts=()
if [ "${layers}" != "*" ]; then
    layer_opts=(--layers "$(printf '%q' "$(echo "${layers}" | tr -s ' ' ,)")")
fi

# dashes <text>: prints the dashes in a name or glob, but for those in brackets.
dashes() {
    echo "$1" | sed -e 's/\[[^]]*\]//g' -e 's/[^-]//g'
}

# is_chosen <layer>: whether one of the names and globs in --layers matches. No wildcard
# crosses the dash before a part of a block: "block*" are blocks, "block*-attention" parts.
# Paths of modules count too, as in Python: encoder.layers.3 is layers-3.
is_chosen() {
    local patterns pattern
    # Read, not split by the shell, which would replace a glob by names of files.
    read -r -a patterns <<<"${layers//,/ }"
    for pattern in "${patterns[@]}"; do
        pattern=${pattern#encoder.}
        pattern=${pattern//./-}
        [ "$(dashes "$1")" = "$(dashes "${pattern}")" ] || continue
        # shellcheck disable=SC2053
        [[ $1 != ${pattern} ]] || return 0
    done
    return 1
}

# The probes
config_opts=()
if will_run 6 7; then
    # A recipe of ESPnet's has none of its own.
    [ -n "${probe_config}" ] || probe_config=$(readlink -f "${_template}"/../../../conf/train_probe.yaml)
    [ -f "${probe_config}" ] || fail "there is no --probe_config ${probe_config}"
    config_opts=(--config "${probe_config}")
fi

. "${_template}"/probe_args.sh
check_all_args
if [ -z "${probe_tag}" ]; then
    probe_tag=$(basename "${probe_config:-train_probe}" .yaml)
    if [ "${layers}" != "*" ]; then
        probe_tag+="_$(echo "${layers}" | sed -e 's/[ ,][ ,]*/-/g' -e 's/[^A-Za-z0-9_-]/X/g')"
    fi
    if [ "${states}" = dump ]; then
        probe_tag+="_dump_${dump_dtype}"
    fi
    # Add overwritten arg's info
    if [ -n "${probe_args}" ]; then
        probe_tag+=$(echo "${probe_args}" | sed -e 's/--/_/g' -e 's/[ |=/]//g')
    fi
fi
[ -z "${probe_set_tag}" ] || probe_tag+=_${probe_set_tag}
hidden_dir=${dumpdir}/hidden/${upstream_name}
probe_stats_dir=${probe_stats_dir:-${expdir}/probe_stats_${upstream_name}${probe_set_tag:+_${probe_set_tag}}}
probe_exp=${probe_exp:-${expdir}/probe_${upstream_name}_${probe_tag}}
# States follow from the upstream, unless a control says otherwise.
state_key=${upstream_key}
states_exp=${upstream_exp:-${probe_exp}}
# Where natural and oracle are, and the trials: once for the model and its controls.
reference_dir=${probe_exp}/reconstruct_${inference_tag:-${vocoder_preset}}
[ -z "${control}" ] || name_control
inference_dir=${probe_exp}/reconstruct_${inference_tag:-${vocoder_preset}}
if [ -n "${paths_file}" ]; then
    mkdir -p "$(dirname "${paths_file}")"
    printf '%s: %s\n' asr_exp "${upstream_exp}" probe_exp "${probe_exp}" reconstruct "${inference_dir}" \
        >"${paths_file}.tmp"
    mv "${paths_file}.tmp" "${paths_file}"
fi

to_dump=${dump_sets}
if [ "${states}" = dump ]; then
    to_dump="${train_set} ${valid_set} ${dump_sets}"
fi
# Whoever starts after the data preparation hears at once that a set is missing.
if [ "${stage}" -ge 5 ]; then
    _needed=
    ! in_range 5 5 || _needed+=" ${to_dump}"
    ! in_range 6 7 || _needed+=" ${train_set} ${valid_set}"
    ! in_range 8 10 || _needed+=" ${test_sets}"
    for _set in ${_needed}; do
        [ -s "${data_feats}/${_set}/wav.scp" ] \
            || fail "${data_feats}/${_set}/wav.scp is missing or empty: run stages 3 and 4, or check the name of the set"
    done
fi

# Two speakers, or there is no non-target trial; as far as the sets are there.
if will_run 10 10; then
    for _set in ${test_sets}; do
        for _map in {"${data_feats}","data"}/"${_set}"/{utt2reader,utt2spk}; do
            [ -s "${_map}" ] || continue
            [ "$(awk '{ print $2 }' "${_map}" | sort -u | wc -l)" -ge 2 ] \
                || fail "${_map} has one speaker, expected two or more for speaker verification: leave out stage 10 with --skip_stages 10"
            break
        done
    done
fi

if "${gpu_inference}"; then
    inference_cmd="${cuda_cmd}"
    inference_ngpu=1
else
    inference_cmd="${decode_cmd}"
    inference_ngpu=0
fi

# layer_names: prints the layers that were reconstructed, in network order.
layer_names() {
    grep -o '"name": *"[^"]*"' "${inference_dir}/layers.json" | cut -d '"' -f 4 | paste -s -d ' ' -
}

# vocoded_names: prints what becomes sound: the layers, and the oracle once.
vocoded_names() {
    echo "$([ -n "${control}" ] || echo "oracle ")$(layer_names)"
}

# scored_names: prints what is scored.
scored_names() {
    echo "$([ -n "${control}" ] || echo "natural ")$(vocoded_names)"
}
