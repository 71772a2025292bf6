# shellcheck shell=bash
# shellcheck disable=SC2154
# Sourced by probe_check.sh: stage 10, speaker verification by one embedder or several.
# An embedder is NAME or NAME:MODEL, as in espnet_probe/speakers/spec.py, MODEL being a
# folder or a published model.

declare -A embedder_labels=([ge2e]=ge2e) # As check_embedders was told them.

# embedder_label <embedder>: prints what its files and tables call it.
embedder_label() {
    echo "${embedder_labels[$1]}"
}

# embedder_files <embedder>: prints the files of a model on this machine, one a line.
embedder_files() {
    local model=${1#*:}
    if [ "${model}" != "$1" ] && [ -f "${model}" ]; then
        echo "${model}"
    elif [ "${model}" != "$1" ] && [ -d "${model}" ]; then
        find -L "${model}" -maxdepth 1 -type f \( -name '*.yaml' -o -name '*.pth' -o -name '*.ckpt' \) | LC_ALL=C sort
    fi
}

# check_embedders: refuses what no embedder can be made of, before any work.
check_embedders() {
    local spec name model said labels number=0
    [ -n "${embedder// /}" ] || fail "--embedder is empty: expected ge2e, or NAME:MODEL"
    for spec in ${embedder}; do
        name=${spec%%:*}
        model=${spec#*:}
        case "${name}" in
            ge2e)
                [ "${spec}" = ge2e ] || fail "--embedder ${spec}: ge2e has its own weights; a model of yours is espnet:DIR"
                ;;
            espnet | speechbrain | thin_resnet)
                [ "${model}" != "${spec}" ] && [ -n "${model}" ] \
                    || fail "--embedder ${spec}: expected ${name}:MODEL, a folder or a published model"
                ;;
            *)
                fail "--embedder ${spec}: expected one or several of ge2e, espnet:MODEL, speechbrain:MODEL, thin_resnet:MODEL"
                ;;
        esac
    done
    for spec in ${embedder}; do
        [ "${spec}" != ge2e ] || check_ge2e
    done
    # Python knows which packages and files a model needs and what it is called; the
    # default has been checked.
    if [ "${embedder}" != ge2e ]; then
        said=$(${python} -m espnet_probe.bin.check_embedders ${embedder}) || exit 2
        readarray -t labels <<<"${said}"
        for spec in ${embedder}; do
            embedder_labels[${spec}]=${labels[number]}
            number=$((number + 1))
        done
    fi
}

# drop_scores <folder of the set's reconstructions> <kind>...: removes scores of sounds or
# trials that are to be made anew. Not all are scored again in the same call: those of
# another embedder, or of a stage that is left out, would pass for scores of the new ones.
drop_scores() {
    local dir=$1 kind
    shift
    for kind in "$@"; do
        rm -f "${dir}"/*/"${kind}"{,_*}.{json,csv}
    done
}

# check_ge2e: the weights lie where espnet_probe.bin.fetch_ge2e puts them.
check_ge2e() {
    local dir weights=
    for dir in "${ESPNET_PROBE_CACHE:-}" "${_template}"/../../../tools/cache "${HOME:-}"/.cache/espnet_probe; do
        [ ! -f "${dir}/ge2e/pretrained.pt" ] || weights=${dir}
    done
    [ -n "${weights}" ] || fail "the weights of ge2e are not there: run '${python} -m espnet_probe.bin.fetch_ge2e', or leave out stage 10 with --skip_stages 10"
}

# make_set_trials <folder of the set's reconstructions> <utt2spk>: the trials, once per
# set, the same for all layers, controls and embedders.
make_set_trials() {
    local dir=$1 utt2spk=$2 marker key
    marker="${dir}/.trials.done"
    key=$(work_key "trials ${num_pairs} ${seed} ${utt2spk}${trials_args:+ ${trials_args}}" "${utt2spk}" "${dir}"/natural/wav.scp)
    if todo "${marker}" "${key}" "${dir}/trials"; then
        drop_scores "${dir}" verification
        ${python} -m espnet_probe.bin.make_trials --utt2spk "${utt2spk}" \
            --num_pairs "${num_pairs}" --at_most --seed "${seed}" ${trials_args} --output "${dir}/trials"
        mark_done "${marker}" "${key}" "${dir}/trials"
    fi
}

# verify_set <folder of the set's reconstructions> <utt2spk> <embedder> <suffix>: scores
# the originals, then the oracle and the layers. The suffix tells the files of the second
# embedder and of those after it from the first one's; it is empty for that.
verify_set() {
    local dir=$1 utt2spk=$2 spec=$3 suffix=$4 names opts files out marker key nj tasks n share
    names=$(vocoded_names)
    # A control has the trials and the originals of the model's own reconstructions.
    out="${reference_dir}/$(basename "${dir}")"
    opts="--trials ${out}/trials --utt2spk ${utt2spk} --embedder ${spec} --seed ${seed}"
    [ -z "${suffix}" ] || opts+=" --suffix ${suffix#_}"
    readarray -t files < <(embedder_files "${spec}")

    # 1. The originals, with which the others are compared
    key=$(work_key "verification ${spec} ${seed}" "${out}"/.{trials,reconstruct}.done "${files[@]}")
    out+=/natural
    marker="${out}/.verification${suffix}.done"
    if [ -n "${control}" ]; then
        is_done "${marker}" "${key}" \
            || fail "the originals in ${out} have not been scored with these options: run stage 10 without --control first"
    elif todo "${marker}" "${key}" "${out}/verification${suffix}.json"; then
        run_jobs "${decode_cmd}" 0 1 "${dir}/logdir/verification_natural${suffix}.JOB.log" \
            ${python} -m espnet_probe.bin.score_verification ${opts} \
                --wav_scp "${out}/wav.scp" --output_dir "${out}"
        mark_done "${marker}" "${key}" "${out}/verification${suffix}".{json,csv} "${out}/embeddings${suffix}.npz"
    fi

    # 2. The oracle and the layers: a share of them per job, for a start costs seconds
    marker="${dir}/.verification${suffix}.done"
    key=$(work_key "verification ${names}" "${dir}"/.vocode.done "${out}/.verification${suffix}.done")
    if todo "${marker}" "${key}" "${dir}/*/verification${suffix}.json"; then
        nj=$(min "${inference_nj}" "$(echo "${names}" | wc -w)")
        tasks=$(new_tasks "${dir}/logdir/verification${suffix}")
        for n in $(seq "${nj}"); do
            share=$(echo "${names}" | tr ' ' '\n' | awk -v n="${n}" -v nj="${nj}" 'NR % nj == n % nj')
            # shellcheck disable=SC2046
            add_task "${tasks}" "${n}" "" "" -- \
                ${python} -m espnet_probe.bin.score_verification ${opts} \
                    --ref_embeddings "${out}/embeddings${suffix}.npz" \
                    --wav_scp $(printf "${dir}/%s/wav.scp " ${share}) \
                    --output_dir $(printf "${dir}/%s " ${share})
        done
        run_tasks "${decode_cmd}" 0 "${nj}" "${tasks}" verification
        # shellcheck disable=SC2046
        mark_done "${marker}" "${key}" $(printf "${dir}/%s/verification${suffix}.json " ${names})
    fi
}
