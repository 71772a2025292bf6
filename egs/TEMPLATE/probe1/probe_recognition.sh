# shellcheck shell=bash
# shellcheck disable=SC2154
# Stage 12 of probe.sh: what a recogniser, the judge, understands of the originals, the
# oracle and the layers. To be sourced after probe_check.sh.

judge_opts=()   # For Python.
judge_files=()  # Files that the recognised texts follow from.

_judges=()
for _option in judge_exp judge_tag judge_zip; do
    [ -z "${!_option}" ] || _judges+=("--${_option} ${!_option}")
done
if [ ${#_judges[@]} -gt 1 ]; then
    fail "got ${_judges[0]} and ${_judges[1]}: there is one judge, leave out the other"
fi
if [ -n "${judge_model}" ] && [ -z "${judge_exp}" ]; then
    fail "--judge_model ${judge_model} is a file in --judge_exp: leave it out"
fi
case "${skip_recognition}" in
    "" | true | false) ;;
    *) fail "--skip_recognition ${skip_recognition}: expected true or false, or nothing: where there is no text or no recogniser" ;;
esac
if will_run 12 12; then
    [ -z "${judge_exp}" ] || [ -f "${judge_exp}/config.yaml" ] \
        || fail "there is no ${judge_exp}/config.yaml: --judge_exp is the folder of a trained model"
    [ -z "${judge_model}" ] || [ -f "${judge_exp}/${judge_model}" ] \
        || fail "there is no ${judge_exp}/${judge_model}: choose other weights with --judge_model"
    [ -z "${judge_zip}" ] || [ -f "${judge_zip}" ] \
        || fail "there is no --judge_zip ${judge_zip}: expected a file that ESPnet's pack made"
    [ -z "${recognition_config}" ] || [ -f "${recognition_config}" ] \
        || fail "there is no --recognition_config ${recognition_config}"
fi

# upstream_recognises: whether the probed model can be the judge. Says it early and
# without Python; the judge itself looks closer.
upstream_recognises() {
    local task=${upstream_task} config=${upstream_exp}/config.yaml
    if [ -z "${task}" ] && [ -n "${upstream_exp}" ]; then
        # As upstream/task_kinds.py: a list of tokens, and nothing of the other tasks.
        grep -q '^token_list:' "${config}" \
            && ! grep -Eq '^(extra_asr_decoder|postdecoder|pred_masked_weight|pooling|util):' "${config}"
        return
    elif [ -z "${task}" ]; then
        task=$(sed -n 's/^ *"task": *"\([a-z0-9_]*\)",*$/\1/p' "${upstream_config[0]}" | head -n 1)
    fi
    [[ " asr asr_transducer s2t s2t_ctc " == *" ${task} "* ]]
}

# find_judge: which model it is; by default the one that is probed, with which the
# reconstructions are heard as the model itself hears them.
find_judge() {
    if [ -n "${judge_exp}" ]; then
        judge_opts=(--judge_exp "${judge_exp}" ${judge_model:+--judge_model "${judge_model}"})
        judge_files=("${judge_exp}"/{config.yaml,valid.*.pth})
        [ -z "${judge_model}" ] || judge_files=("${judge_exp}"/{config.yaml,"${judge_model}"})
    elif [ -n "${judge_tag}" ]; then
        judge_opts=(--judge_tag "${judge_tag}")
    elif [ -n "${judge_zip}" ]; then
        judge_opts=(--judge_zip "${judge_zip}")
        judge_files=("${judge_zip}")
    else
        judge_opts=("${upstream_opts[@]/#--upstream_/--judge_}")
    fi
}

# leave_out <reason>: an error where recognition was asked for, by its option or by a
# range that holds no other stage.
leave_out() {
    if [ "${skip_recognition}" = false ] || ! { in_range 1 11 || in_range 13 16; }; then
        fail "Stage 12: $1"
    fi
    log "Stage 12: left out: $1"
}

# score_recognition: stage 12.
score_recognition() {
    local dset dir text speakers names name work key marker tasks jobs share n outs
    if [ ${#_judges[@]} -eq 0 ] && ! upstream_recognises; then
        leave_out "${upstream_name} does not recognise speech: name a judge with --judge_exp, --judge_tag or --judge_zip"
        return 0
    fi
    find_judge
    log "Stage 12: Score: recognition, by ${judge_opts[*]}"
    stage_begin 12 "recognition"
    for dset in ${test_sets}; do
        dir="${inference_dir}/${dset}"
        text="${data_feats}/${dset}/text"
        if [ ! -s "${text}" ]; then
            leave_out "there is no ${text}, which says what is said in ${dset}"
            continue
        fi
        need_done "${dir}/.vocode.done" 9
        names=$(scored_names)
        speakers=$(speaker_map "${data_feats}/${dset}")
        # Each folder records it: one that was finished before a failure stays as it is.
        work=$(work_key "recognition ${judge_opts[*]} ${recognition_args} ${seed} ${upstream_key}" \
            "${dir}"/.{reconstruct,vocode}.done "${text}" "${speakers}" "${recognition_config}" "${judge_files[@]}")
        marker="${dir}/.recognition.done"
        key=$(work_key "recognition ${names} ${work}")
        if todo "${marker}" "${key}" "${dir}/*/recognition.json"; then
            # A share of the folders per job, for a start costs seconds.
            jobs=$(min "${inference_nj}" "$(echo "${names}" | wc -w)")
            tasks=$(new_tasks "${dir}"/logdir/recognition)
            for n in $(seq "${jobs}"); do
                share=$(echo "${names}" | tr ' ' '\n' | awk -v n="${n}" -v nj="${jobs}" 'NR % nj == n % nj')
                # shellcheck disable=SC2046,SC2086
                add_task "${tasks}" "${n}" "" "" -- \
                    ${python} -m espnet_probe.bin.score_recognition "${judge_opts[@]}" \
                        --text "${text}" --utt2spk "${speakers}" --seed "${seed}" \
                        ${recognition_config:+--inference_config "${recognition_config}"} \
                        --ngpu "${inference_ngpu}" --work_key "${work}" \
                        --wav_scp $(printf "${dir}/%s/wav.scp " ${share}) \
                        --output_dir $(printf "${dir}/%s " ${share}) ${recognition_args}
            done
            run_tasks "${inference_cmd}" "${inference_ngpu}" "${jobs}" "${tasks}" recognition
            outs=()
            for name in ${names}; do
                outs+=("${dir}/${name}"/recognition.{json,csv})
            done
            mark_done "${marker}" "${key}" "${outs[@]}"
        fi
    done
    stage_end "${stage_times}" "${probe_exp}"
}
