# shellcheck shell=bash
# What probe.sh and train_and_probe.sh share: markers of finished work, the record of stage
# times, array jobs, and a follower that shows on the terminal what jobs write into
# their logs. To be sourced.

log() {
    local fname=${BASH_SOURCE[1]##*/}
    echo -e "$(date '+%Y-%m-%dT%H:%M:%S') (${fname}:${BASH_LINENO[0]}:${FUNCNAME[1]}) $*"
}

min() {
    local a b
    a=$1
    for b in "$@"; do
        if [ "${b}" -le "${a}" ]; then
            a="${b}"
        fi
    done
    # BSD's wc pads its counts with blanks.
    echo "$((a))"
}

# list_options <script>: prints the options that a script sets before its help message,
# with their defaults and what is said about them there.
list_options() {
    sed -n -e '/^help_message=/q' -e '/^# General configuration/,$p' "$1" \
        | sed -e 's/^\([a-z]\)/--\1/' -e 's/^\(--[a-z_]*\)=/\1 /' -e 's/^/    /'
}

# option_names <script>: prints the names of the options that a script of this kind has.
option_names() {
    sed -n -e '/^help_message=/q' -e 's/^\([a-z][a-z0-9_]*\)=.*/\1/p' "$1" | tr '\n' ' '
}

# ---------------------------------------------------------------- markers
# A marker is a small file that is written when a piece of work is complete, never
# before. Its first line is a key, a checksum of all that the work depends on; the
# other lines name the outputs. The work is done if the key is still the same and no
# output has gone.

# work_key <text> [<file>...]: prints the checksum of the text and of what the files
# hold. A file that does not exist counts as such; folders, such as Python's caches,
# do not count.
work_key() {
    local text=$1 file
    shift
    {
        printf '%s\n' "${text}"
        for file in "$@"; do
            [ ! -d "${file}" ] || continue
            printf '%s ' "${file}"
            if [ -f "${file}" ]; then
                sha256sum <"${file}"
            else
                echo absent
            fi
        done
    } | sha256sum | cut -d ' ' -f 1
}

# is_done <marker> <key>: whether the work is complete.
is_done() {
    local marker=$1 key=$2 line
    [ -f "${marker}" ] || return 1
    {
        read -r line
        [ "${line}" = "${key}" ] || return 1
        while read -r line; do
            [ -s "${line}" ] || return 1
        done
    } <"${marker}"
}

# todo <marker> <key> <what>: whether work has to be done. If so the marker goes, so
# that half of it is never taken for all, and the stage counts as one that worked.
todo() {
    local marker=$1 key=$2 what=$3
    if is_done "${marker}" "${key}"; then
        log "Done before: ${what}"
        return 1
    fi
    rm -f "${marker}"
    mkdir -p "$(dirname "${marker}")"
    stage_worked=true
}

# mark_done <marker> <key> [<output>...]: writes the marker, if the outputs are there.
mark_done() {
    local marker=$1 file
    shift
    for file in "${@:2}"; do
        if [ ! -s "${file}" ]; then
            log "Error: ${file} should have been written, but is missing or empty"
            return 1
        fi
    done
    printf '%s\n' "$@" >"${marker}.tmp"
    mv "${marker}.tmp" "${marker}"
}

# begin_training <exp> <key> <option>: a training goes on from its checkpoint only
# with the settings that it began with; the option would choose another folder. ESPnet
# itself would go on with any, train nothing if the last epoch has been reached, and write
# the new settings beside the old model.
begin_training() {
    local exp=$1 key=$2 option=$3
    if [ -f "${exp}/checkpoint.pth" ]; then
        if [ -f "${exp}/.train.key" ] && [ "$(<"${exp}/.train.key")" != "${key}" ]; then
            log "Error: ${exp} is a training with other options, configuration or data: remove the folder to train anew, or choose another name with ${option}"
            return 1
        fi
        log "Training goes on from ${exp}/checkpoint.pth, if it is not finished"
    fi
    mkdir -p "${exp}"
    echo "${key}" >"${exp}/.train.key.tmp"
    mv "${exp}/.train.key.tmp" "${exp}/.train.key"
}

# begin_dump <dir> <key>: states that are there are taken by name and length of their
# audio, which the same set with other noise has, too.
begin_dump() {
    local dir=$1 key=$2
    if [ -f "${dir}/.audio.key" ] && [ "$(<"${dir}/.audio.key")" != "${key}" ]; then
        log "Error: ${dir} has states of audio with other noise: remove the folder to dump anew, or give another --dumpdir"
        return 1
    fi
    mkdir -p "${dir}"
    echo "${key}" >"${dir}/.audio.key.tmp"
    mv "${dir}/.audio.key.tmp" "${dir}/.audio.key"
}

# ---------------------------------------------------------------- stages
stage_number=
stage_name=
stage_start=0
stage_worked=false

# stage_begin <number> <name>
stage_begin() {
    stage_number=$1
    stage_name=$2
    stage_start=${SECONDS}
    stage_worked=false
}

# stage_end <stage_times.jsonl> <exp>: adds the seconds that the stage took, if it had
# something to do.
stage_end() {
    if "${stage_worked}"; then
        mkdir -p "$(dirname "$1")"
        printf '{"stage": "%s", "name": "%s", "seconds": %d, "exp": "%s"}\n' \
            "${stage_number}" "${stage_name}" "$((SECONDS - stage_start))" "$2" >>"$1"
    fi
}

# write_resume <dir> <stage>: leaves <dir>/run.sh, which goes on from a stage.
write_resume() {
    log "Generate '$1/run.sh'. You can resume the process from stage $2 using this script"
    mkdir -p "$1"
    # shellcheck disable=SC2154
    echo "${run_args} --stage $2 \"\$@\"; exit \$?" >"$1/run.sh"
    chmod +x "$1/run.sh"
}

# ---------------------------------------------------------------- jobs
follower=

# stop_following: also runs when the script ends, for whatever reason.
stop_following() {
    if [ -n "${follower}" ]; then
        kill "${follower}" 2>/dev/null || true
        wait "${follower}" 2>/dev/null || true
        follower=
    fi
}
trap stop_following EXIT

# Prints what is new in training logs: a short line per epoch. "seen" is the number of
# epochs already shown; it starts again when the log was rotated away.
show_epochs() {
    local logfile=$1 count
    [ -f "${logfile}" ] || return 0
    count=$(grep -c 'epoch results:' "${logfile}" || true)
    if [ "${count}" -lt "${seen}" ]; then
        seen=0
    fi
    if [ "${count}" -gt "${seen}" ]; then
        grep 'epoch results:' "${logfile}" | tail -n "+$((seen + 1))" \
            | sed -e 's/^.* \([0-9][0-9]*\)epoch results: /epoch \1: /' \
                -e 's/\[train\].*\[valid\]/valid/' -e 's/, time=.*$//' \
                -e 's/[a-z_]*=nan, //g' | cut -c 1-300
        seen=${count}
        quiet=0
    fi
}

# Prints the last line of the log that was written to last. A progress bar writes
# carriage returns.
show_last_line() {
    local newest line
    # shellcheck disable=SC2012,SC2086
    newest=$(ls -t $1 2>/dev/null | head -n 1 || true)
    [ -n "${newest}" ] || return 0
    line=$(tail -c 2000 "${newest}" | tr '\r' '\n' | grep -v -e '^#' -e 'Flash Attention' | grep '[^[:space:]]' \
        | tail -n 1 | cut -c 1-160 || true)
    if [ -n "${line}" ] && [ "${line}" != "${shown}" ]; then
        echo "    ${newest##*/}: ${line}"
        shown=${line}
    fi
}

# follow <log file, may hold *>: shows the progress of jobs until stop_following.
follow() {
    local parent=$$
    stop_following
    (
        seen=$(grep -c 'epoch results:' "$1" 2>/dev/null || true)
        seen=${seen:-0}
        quiet=0
        shown=
        trap 'show_epochs "$1"; exit 0' TERM
        # The parent may be killed without a chance to end this one.
        while kill -0 "${parent}" 2>/dev/null; do
            # Its own outputs closed: a sleep left over must not hold a reader's pipe.
            sleep 2 >/dev/null 2>&1 &
            wait $!
            quiet=$((quiet + 2))
            show_epochs "$1"
            if [ "${quiet}" -ge 20 ]; then
                show_last_line "$1"
                quiet=0
            fi
        done
    ) &
    follower=$!
}

# show_failed <log file with *>: prints the end of the logs of jobs that failed.
show_failed() {
    local logfile found=false
    # shellcheck disable=SC2086
    for logfile in $1; do
        if [ -f "${logfile}" ] && ! grep -q '^# Ended (code 0)' "${logfile}"; then
            found=true
            log "Error: the end of ${logfile}:"
            tail -n 20 "${logfile}"
        fi
    done
    "${found}" || log "Error: a job failed, but no log says so: $1"
}

# run_jobs <cmd> <gpus a job> <number of jobs> <log file with JOB> <command>...
run_jobs() {
    local cmd=$1 gpus=$2 jobs=$3 logfile=$4 failed=false
    shift 4
    # shellcheck disable=SC2086
    rm -f ${logfile//JOB/*}
    follow "${logfile//JOB/*}"
    # shellcheck disable=SC2086
    ${cmd} --gpu "${gpus}" JOB=1:"${jobs}" "${logfile}" "$@" || failed=true
    stop_following
    if "${failed}"; then
        show_failed "${logfile//JOB/*}"
        return 1
    fi
}

# run_tasks <cmd> <gpus a job> <number of jobs> <folder of tasks> <name>: runs the
# scripts <folder>/task.*.sh, dealt out to array jobs. Each script marks its own work,
# so that what was finished before a failure is not done again.
run_tasks() {
    local cmd=$1 gpus=$2 jobs=$3 folder=$4 name=$5 task n=0
    local tasks=("${folder}"/task.*.sh)
    [ -f "${tasks[0]}" ] || return 0
    jobs=$(min "${jobs}" "${#tasks[@]}")
    rm -f "${folder}"/job.*.sh
    for task in "${tasks[@]}"; do
        # A failing task ends its job: the ones after it would fail for the same reason.
        echo "bash '${task}' || exit 1" >>"${folder}/job.$((n % jobs + 1)).sh"
        n=$((n + 1))
    done
    log "${name} started... log: '${folder}/${name}.*.log'"
    run_jobs "${cmd}" "${gpus}" "${jobs}" "${folder}/${name}.JOB.log" \
        bash "${folder}/job.JOB.sh"
}

# new_tasks <folder>: makes an empty folder for tasks and prints its name.
new_tasks() {
    mkdir -p "$1"
    rm -f "$1"/task.*.sh
    echo "$1"
}

# add_task <folder> <name> <marker> <key> <output>... -- <command>...: writes a task
# that runs the command and then writes its marker, if it has one.
add_task() {
    local folder=$1 name=$2 marker=$3 key=$4 outputs=()
    shift 4
    while [ "$1" != "--" ]; do
        outputs+=("$1")
        shift
    done
    shift
    {
        echo "set -e -u -o pipefail"
        printf '. %q\n' "${BASH_SOURCE[0]}"
        printf '%q ' "$@"
        echo
        if [ -n "${marker}" ]; then
            printf '%q ' mark_done "${marker}" "${key}" "${outputs[@]}"
            echo
        fi
    } >"${folder}/task.${name}.sh"
}

# split_keys <scp> <number of parts> <prefix>: writes <prefix>.1.scp and so on.
split_keys() {
    local scp=$1 n parts=()
    for n in $(seq "$2"); do
        parts+=("$3.${n}.scp")
    done
    utils/split_scp.pl "${scp}" "${parts[@]}"
}
