#!/usr/bin/env bash

# Make a recipe folder ready: provide ESPnet's recipe tree, and link what the recipe
# shares with ESPnet and with the other recipes. A folder called spk1 trains a speaker
# model, any other one is for probes.

set -e
set -u
set -o pipefail

log() {
    local fname=${BASH_SOURCE[1]##*/}
    echo -e "$(date '+%Y-%m-%dT%H:%M:%S') (${fname}:${BASH_LINENO[0]}:${FUNCNAME[1]}) $*"
}
help_message=$(cat << EOF
Usage: $0 <recipe-dir> [<recipe-dir>...]
e.g. $0 egs/mini_voices/probe1 egs/mini_voices/spk1

Links are made to ESPnet's tree (asr.sh, cmd.sh, db.sh, utils, scripts, pyscripts, steps,
conf/{slurm,queue,pbs}.conf) and to egs/TEMPLATE/probe1 (path.sh, probe.sh,
train_and_probe.sh). In a folder called spk1, spk.sh stands for asr.sh, and
train_speaker.sh of egs/TEMPLATE/spk1 for probe.sh and train_and_probe.sh.
A file, folder or working link that is there already is left as it is, so that probe.sh
can be linked into a recipe of ESPnet's own.

ESPnet's tree is the checkout in the variable ESPNET_ROOT, or else the source distribution
of the installed ESPnet, which is downloaded.
EOF
)

if [ $# -eq 0 ] || [ "$1" = --help ] || [ "$1" = -h ]; then
    echo "${help_message}"
    [ $# -ne 0 ] || { log "Error: 1 positional argument is required."; exit 2; }
    exit 0
fi

template=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
root=$(cd "${template}"/../../.. && pwd)

python=python3
if [ -x "${root}"/.venv/bin/python3 ]; then
    python=${root}/.venv/bin/python3
fi
# By its folder, not by an installation: the package need not be installed for this.
PYTHONPATH=${root}${PYTHONPATH:+:${PYTHONPATH}} \
    "${python}" -m espnet_probe.bin.fetch_espnet --tools_dir "${root}"/tools

espnet=${root}/tools/espnet/egs2/TEMPLATE/asr1
speakers=${root}/tools/espnet/egs2/TEMPLATE/spk1

# make_link <target> <link>: a relative link, through tools/espnet and not to where that
# leads, so that a tree can be exchanged without touching the recipes.
make_link() {
    local target=$1 link=$2 folder
    if [ -e "${link}" ]; then
        return
    fi
    if [ ! -e "${target}" ]; then
        log "Error: ${target} does not exist, which ${link} should lead to"
        exit 1
    fi
    folder=$(cd "$(dirname "${link}")" && pwd -P)
    ln -sfn "$(realpath -s --relative-to="${folder}" "${target}")" "${link}"
    made+=" ${link##*/}"
}

for dir in "$@"; do
    mkdir -p "${dir}"/conf "${dir}"/local
    made=
    case $(basename "${dir}") in
        spk1)
            make_link "${speakers}/spk.sh" "${dir}/spk.sh"
            make_link "${template}/path.sh" "${dir}/path.sh"
            make_link "${template}/../spk1/train_speaker.sh" "${dir}/train_speaker.sh"
            ;;
        *)
            make_link "${espnet}/asr.sh" "${dir}/asr.sh"
            for f in path.sh probe.sh train_and_probe.sh; do
                make_link "${template}/${f}" "${dir}/${f}"
            done
            ;;
    esac
    for f in cmd.sh db.sh utils scripts pyscripts steps; do
        make_link "${espnet}/${f}" "${dir}/${f}"
    done
    for f in slurm.conf queue.conf pbs.conf; do
        make_link "${espnet}/conf/${f}" "${dir}/conf/${f}"
    done
    log "${dir}: linked${made:- nothing, all is there}"
done
