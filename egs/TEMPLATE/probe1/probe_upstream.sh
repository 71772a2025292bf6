# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154
# Sourced by probe_check.sh: which model is probed, the names of folders that follow from
# it, and what the work depends on of it.

upstream_exp=${upstream_exp%/}
upstream_name=      # Part of the names of folders.
upstream_opts=()    # For Python.
upstream_key=       # Checksum of the model.
upstream_config=()  # Files that the target follows from.
upstream_wers=()    # Word error rates of the model.

_named=()
for _option in upstream_exp upstream_tag upstream_zip; do
    [ -z "${!_option}" ] || _named+=("--${_option} ${!_option}")
done
if [ ${#_named[@]} -gt 1 ]; then
    fail "got ${_named[0]} and ${_named[1]}: one model is probed at a time, leave out the other"
fi
if [ -n "${upstream_model}" ] && [ -n "${upstream_tag}${upstream_zip}" ]; then
    fail "--upstream_model ${upstream_model} is a file in --upstream_exp: leave it out with ${_named[0]}"
fi

# The scripts that submit jobs hand their commands to a shell again.
_special='[][$`&|;<>(){}*!"'"'"'\]'
for _option in upstream_exp upstream_model upstream_tag upstream_zip upstream_task; do
    if [[ "${!_option}" =~ ${_special} ]]; then
        fail "--${_option} ${!_option}: ${BASH_REMATCH[0]} means something to a shell; choose another name for the folder or file (a published model can be downloaded, and given by --upstream_zip)"
    fi
done

# describe_upstream: for a model without an exp folder, leaves a file about it, from one
# look at it. Also says early whether it can be had at all, and whether the audio fits.
describe_upstream() {
    local dir=${expdir}/upstream_${upstream_name} key wanted got code
    # What is said about a model also follows from the code that looks at it.
    code=$(find "${_template}"/../../../espnet_probe/{upstream,layers} -name '*.py' \
        -exec sha256sum {} + 2>/dev/null | cut -d ' ' -f 1 | sort | sha256sum || true)
    key=$(work_key "upstream ${upstream_tag} ${upstream_task} ${code}" ${upstream_zip:+"${upstream_zip}"})
    if ! is_done "${dir}/.done" "${key}"; then
        log "Looking at ${_named[0]} ... log: '${dir}/list_layers.log'"
        todo "${dir}/.done" "${key}" "${dir}"
        rm -f "${dir}/pinned_tag"
        if ! ${python} -m espnet_probe.bin.list_layers "${upstream_opts[@]}" \
            --json "${dir}/upstream.json" --pinned_tag "${dir}/pinned_tag" \
            >"${dir}/list_layers.log" 2>&1; then
            grep -h 'error: ' "${dir}/list_layers.log" || tail -n 20 "${dir}/list_layers.log"
            fail "${_named[0]} cannot be probed"
        fi
        mark_done "${dir}/.done" "${key}" "${dir}/upstream.json"
    fi
    # All stages work on the revision that was looked at, also when a newer one has been
    # published since. It is no part of any key: a revision may change the text alone.
    if [ -n "${upstream_tag}" ] && [ -s "${dir}/pinned_tag" ]; then
        upstream_opts[1]=$(<"${dir}/pinned_tag")
        log "The model is ${upstream_opts[1]}; to look for a newer one, remove ${dir}"
    fi
    upstream_config=("${dir}/upstream.json")
    wanted=$(sed -n 's/^ *"fs": *\([0-9]*\),*$/\1/p' "${dir}/upstream.json" | head -n 1)
    got=$(in_samples 1 "${fs}")
    if in_range 3 7 && [ "${got}" -ne "${wanted}" ]; then
        fail "--fs ${fs}: ${_named[0]} needs ${wanted} Hz; format the audio with --fs ${wanted} (and another --dumpdir, if ${dumpdir} has audio of another rate)"
    fi
}

if [ -n "${upstream_exp}" ]; then
    upstream_name=$(basename "${upstream_exp}")
    upstream_opts=(--upstream_exp "${upstream_exp}")
    upstream_config=("${upstream_exp}/config.yaml")
    upstream_wers=("${upstream_exp}"/*/*/score_wer/wer.json)
elif [ -n "${upstream_tag}" ]; then
    upstream_name=$(echo "${upstream_tag}" | sed -e 's/[^A-Za-z0-9._-]/_/g')
    upstream_opts=(--upstream_tag "${upstream_tag}")
elif [ -n "${upstream_zip}" ]; then
    upstream_name=$(basename "${upstream_zip}" \
        | sed -e 's/\.\(zip\|tar\|tgz\|tbz2\|txz\|tar\.[a-z0-9]*\)$//' -e 's/[^A-Za-z0-9._-]/_/g')
    upstream_opts=(--upstream_zip "${upstream_zip}")
fi
[ -z "${upstream_model}" ] || upstream_opts+=(--upstream_model "${upstream_model}")
[ -z "${upstream_task}" ] || upstream_opts+=(--upstream_task "${upstream_task}")

if [ -n "${upstream_zip}" ]; then
    [ -f "${upstream_zip}" ] || fail "there is no --upstream_zip ${upstream_zip}: expected a file that ESPnet's pack made"
fi
if in_range 5 14; then
    [ -n "${upstream_name}" ] || fail "no model is named: give --upstream_exp <folder of a trained model, such as exp/asr_train>, --upstream_tag <published model> or --upstream_zip <packed model>"
    if [ -n "${upstream_exp}" ]; then
        [ -f "${upstream_exp}/config.yaml" ] || fail "there is no ${upstream_exp}/config.yaml: expected the folder of a trained model"
        if [ -n "${upstream_model}" ] && [ ! -f "${upstream_exp}/${upstream_model}" ]; then
            fail "there is no ${upstream_exp}/${upstream_model}: choose other weights with --upstream_model"
        fi
    fi
fi
if in_range 3 14 && [ -n "${upstream_tag}${upstream_zip}" ]; then
    for _option in train_set valid_set test_sets; do
        [ -n "${!_option// /}" ] || fail "--${_option} is required: ${_named[0]} does not say which sets this recipe has"
    done
    describe_upstream
    upstream_key=$(work_key "${upstream_task}" "${upstream_config[@]}")
elif in_range 5 14; then
    _weights=("${upstream_exp}"/valid.*.pth)
    [ -z "${upstream_model}" ] || _weights=("${upstream_exp}/${upstream_model}")
    upstream_key=$(work_key "${upstream_task}" "${upstream_config[@]}" "${_weights[@]}")
fi
