# shellcheck shell=bash
# shellcheck disable=SC2154
# The noisy sets of probe.sh: which are made of which, and how. To be sourced after
# probe_check.sh; checks the options of stage 2 before any work starts.

if "${noise}" && in_range 2 2 && ! [[ " ${skip_stages} " =~ [[:space:]]2[[:space:]] ]]; then
    [ -n "${musan}" ] || fail "--noise true needs --musan: a folder with MUSAN's music, noise and speech, or 'generated' for synthetic noise"
    [ "${musan}" = generated ] || [ -d "${musan}" ] || fail "there is no folder --musan ${musan}"
    # Commands are handed to a shell again by run.pl and the others.
    [[ "${musan}" != *[[:space:]]* ]] || fail "--musan '${musan}': expected a path without white space; make a link to it"
    for _snr in ${snrs}; do
        [[ "${_snr}" =~ ^-?[0-9]+(\.[0-9]+)?$ ]] || fail "--snrs \"${snrs}\": expected numbers in dB, such as \"20 10 0\""
    done
fi

# clean_names <set>...: prints the sets that these are made of, each once: data/train of
# train_noisy, data/test of test_snr10. Without --noise true all names are what they are.
clean_names() {
    if "${noise}"; then
        printf '%s\n' "$@" | sed -E -e 's/_noisy(_only)?$//' -e 's/_snr-?[0-9]+(\.[0-9]+)?$//'
    else
        printf '%s\n' "$@"
    fi | awk 'NF && !seen[$1]++' | paste -s -d ' ' -
}

# quality_reference <set>: prints the wav.scp that the sounds of a set are compared with.
# It is the clean original of a set that was made at a fixed SNR.
quality_reference() {
    local clean=${1%_snr*}
    # The record is in both folders; either may have been removed.
    if [ "${clean}" = "$1" ] || { [ ! -f "data/$1/noise.jsonl" ] && [ ! -f "${data_feats}/$1/noise.jsonl" ]; }; then
        echo "${inference_dir}/$1/natural/wav.scp"
    elif [ -s "${data_feats}/${clean}/wav.scp" ]; then
        echo "${data_feats}/${clean}/wav.scp"
    else
        log "Error: $1 is compared with ${clean}, which is not in ${data_feats}: run stage 3 with ${clean} in --test_sets" >&2
        return 1
    fi
}

# mix_set <clean set> <noisy set> <option of mix_noise>...
mix_set() {
    local clean=data/$1 noisy=data/$2 marker=data/$2/.noise.done key jobs opts name
    shift 2
    if [ ! -s "${clean}/wav.scp" ]; then
        log "Error: ${clean}/wav.scp is missing or empty: run stage 1 first, or check the name of the set"
        return 1
    fi
    opts="--data_dir ${clean} --output_dir ${noisy} --musan ${musan} --seed ${seed} $*"
    # An ark is made of these files in stage 3.
    [ "${audio_format%.ark}" = flac ] || opts+=" --audio_format ${audio_format%.ark}"
    key=$(work_key "noise ${opts} ${noise_files}" "${clean}"/{wav.scp,segments,utt2spk,text,utt2reader})
    if todo "${marker}" "${key}" "${noisy}"; then
        jobs=$(min "${nj}" "$(<"${clean}"/wav.scp wc -l)")
        mkdir -p "${noisy}/logdir"
        log "Mixing started... log: '${noisy}/logdir/mix_noise.*.log'"
        rm -f "${noisy}/noise_name"
        # shellcheck disable=SC2086
        run_jobs "${train_cmd}" 0 "${jobs}" "${noisy}"/logdir/mix_noise.JOB.log \
            ${python} -m espnet_probe.bin.mix_noise --job "JOB/${jobs}" ${opts}
        # shellcheck disable=SC2086
        ${python} -m espnet_probe.bin.mix_noise --merge ${opts}
        mark_done "${marker}" "${key}" "${noisy}"/{wav.scp,utt2spk,spk2utt,noise.jsonl}
    fi
    # Of which noise the set is, for a study's record; also of a set that was made before.
    # The name alone: where the folder lies says nothing.
    name=$(basename "${musan}")
    [ "${musan}" != data/generated_noise ] || name=generated
    echo "${name}" >"${noisy}/noise_name.tmp"
    mv "${noisy}/noise_name.tmp" "${noisy}/noise_name"
}

# make_noisy_sets: stage 2. Of data/<train>, data/<train>_noisy_only and, with the clean
# set, data/<train>_noisy; of each data/<test>, data/<test>_snr<dB>.
make_noisy_sets() {
    local train noise_files dset snr marker key log_file
    if ! "${noise}"; then
        log "Stage 2: Nothing to do: noisy copies of the sets are made with --noise true --musan <dir>"
        return 0
    fi
    train=$(clean_names "${train_set}")
    log "Stage 2: Noisy copies: data/${train}_noisy, and $(clean_names ${test_sets}) at SNRs of ${snrs:-(none)} dB"
    stage_begin 2 "noise"
    if [ "${musan}" = generated ]; then
        # Made here, and below as good as any other folder; its own seed, so that it is
        # the same noise for all seeds of a study.
        musan=data/generated_noise
        marker=data/.generated_noise.done
        key=$(work_key "generated noise")
        if todo "${marker}" "${key}" "${musan}"; then
            log "Generating noise, since no folder of recorded noise is given: ${musan}"
            ${python} -m espnet_probe.bin.make_noise --output_dir "${musan}"
            mark_done "${marker}" "${key}"
        fi
    fi
    noise_files=$(find -L "${musan}" \( -name '*.wav' -o -name '*.flac' \) | sort | sha256sum)
    mix_set "${train}" "${train}_noisy_only" --kind train
    marker=data/${train}_noisy/.noise.done
    key=$(work_key "combine" data/"${train}"/{wav.scp,utt2spk,text,utt2reader} data/"${train}"_noisy_only/.noise.done)
    if todo "${marker}" "${key}" "data/${train}_noisy"; then
        # It lists all the tables that there might be.
        log_file=data/${train}_noisy_only/logdir/combine_data.log
        utils/combine_data.sh --extra_files utt2reader data/"${train}"_noisy \
            data/"${train}" data/"${train}"_noisy_only >"${log_file}" 2>&1 || { cat "${log_file}"; return 1; }
        cp data/"${train}"_noisy_only/noise.jsonl data/"${train}"_noisy
        mark_done "${marker}" "${key}" data/"${train}"_noisy/{wav.scp,utt2spk,spk2utt,noise.jsonl}
    fi
    # shellcheck disable=SC2086
    for dset in $(clean_names ${test_sets}); do
        for snr in ${snrs}; do
            mix_set "${dset}" "${dset}_snr${snr}" --kind test "--snr=${snr}"
        done
    done
    stage_end "${stage_times}" "data"
}
