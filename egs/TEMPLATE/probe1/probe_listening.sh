# shellcheck shell=bash
# shellcheck disable=SC2154
# Stage 13 of probe.sh: the page of a listening test, and the scores of the answers that
# have come in. To be sourced after probe_check.sh. docs/listening_test.md says how a
# test is held.

# answer_files <folder>: prints the files of answers, as score_listening_test finds them.
answer_files() {
    [ -d "$1/answers" ] || return 0
    (cd "$1/answers" && find . -xtype f ! -path '*/.*' -print0) | LC_ALL=C sort -z \
        | sed -z "s|^\.|$1/answers|"
}

# is_half_made <folder>: whether a run was killed after it wrote the key, and before the
# page. Once the page was whole (.page.done) it may have been moved to a server.
is_half_made() {
    local test
    [ -f "$1/key.json" ] && [ ! -f "$1/.page.done" ] || return 1
    test=$(sed -n 's/.*"test": *"\([0-9A-Za-z_-]*\)".*/\1/p' "$1/key.json" | head -n 1)
    ! grep -qs "\"test\":\"${test}\"" "$1/page/index.html" \
        && [ -z "$(answer_files "$1" | tr -d '\0')" ]
}

# make_listening_page <folder>: makes the page and its key, once: listeners may be at it,
# and their answers can only be scored with the key that was made with it.
make_listening_page() {
    local dir=$1 sets set marker key opts again=
    read -r -a sets <<<"${test_sets}"
    set=${sets[0]}
    need_done "${inference_dir}/${set}/.vocode.done" 9
    marker="${dir}/.page.done"
    key=$(work_key "listening ${set} ${listening_args} ${seed}" \
        "${inference_dir}/${set}/.vocode.done" "$(speaker_map "${data_feats}/${set}")")
    if is_half_made "${dir}"; then
        log "${dir}/key.json has no page of its own, and no answers: a run was killed between the two; both are made anew"
        again=--overwrite
    fi
    if [ -z "${again}" ] && [ -e "${dir}/key.json" ] && ! is_done "${marker}" "${key}" \
        && [[ " ${listening_args} " != *" --overwrite "* ]]; then
        log "Kept: ${dir}/key.json is of a test with other sounds or options, and listeners may be at it; --listening_args \"--overwrite\" makes another"
    elif todo "${marker}" "${key}" "${dir}/page"; then
        opts="--exp ${probe_exp} --inference_tag $(basename "${inference_dir}") --set ${set}"
        opts+=" --dumpdir ${data_feats} --seed ${seed}"
        # Stage 10 has their embeddings.
        [ ! -f "${inference_dir}/${set}/.verification.done" ] || opts+=" --embedder ${embedder}"
        # Asked for, it has to be possible; else a set may be too small for it.
        [ "${skip_listening}" = false ] || ! { in_range 1 12 || in_range 14 16; } || opts+=" --or_none"
        # shellcheck disable=SC2086
        ${python} -m espnet_probe.bin.make_listening_test ${opts} ${listening_args} ${again} \
            | tee "${dir}/page.txt"
        mark_done "${marker}" "${key}" "${dir}/page.txt"
    fi
}

# score_listening_answers <folder>: scores the answers that were put there, if any. What
# people sent may be of no use; that is said, and does not end the run.
score_listening_answers() {
    local dir=$1 files marker key
    [ -e "${dir}/key.json" ] || return 0
    readarray -d '' -t files < <(answer_files "${dir}")
    if [ ${#files[@]} -eq 0 ]; then
        log "No answers in ${dir}/answers; scored with --stage 13 --stop_stage 13 once they are there"
        return 0
    fi
    marker="${dir}/.score.done"
    key=$(work_key "score ${seed}" "${dir}/key.json" "${files[@]}")
    if todo "${marker}" "${key}" "${dir}/listening.json"; then
        if ${python} -m espnet_probe.bin.score_listening_test --key "${dir}/key.json" \
            --answers "${dir}/answers" --output_dir "${dir}" --seed "${seed}"; then
            mark_done "${marker}" "${key}" "${dir}"/listening.{json,csv}
        else
            log "The answers in ${dir}/answers were not scored, for the reason above"
        fi
    fi
}

# run_listening_test: stage 13.
run_listening_test() {
    log "Stage 13: Listening test: ${probe_exp}/listening/page; answers in ${probe_exp}/listening/answers"
    stage_begin 13 "listening test"
    make_listening_page "${probe_exp}/listening"
    score_listening_answers "${probe_exp}/listening"
    stage_end "${stage_times}" "${probe_exp}"
}
