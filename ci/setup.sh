#!/usr/bin/env bash

# Set up the clone, step by step: what "make setup" does.
# usage: ci/setup.sh [<extra>...]      extras of setup.py, as "test" or "dev"
#
# Each step leaves a stamp when it has succeeded, never before; a stamp holds what the
# step depends on. So a second run does nothing, a run that was killed goes on where it
# stopped, and a change of setup.py installs again.

set -e
set -u
set -o pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")"/.. && pwd)
cd "${root}"

venv=.venv
python=${venv}/bin/python
stamps=${venv}/.stamps

# Nothing of ours outside the clone; the same place is set in egs/TEMPLATE/probe1/path.sh.
export ESPNET_PROBE_CACHE=${ESPNET_PROBE_CACHE:-${root}/tools/cache}
export PIP_DISABLE_PIP_VERSION_CHECK=1
export PYTHONUNBUFFERED=1
# A user's site-packages or modules must not be taken for what is installed here.
export PYTHONNOUSERSITE=1
unset PYTHONPATH PYTHONHOME VIRTUAL_ENV

SECONDS=0
say() {
    printf '[setup %4d s] %s\n' "${SECONDS}" "$*" >&2
}

is_done() { # <step> <key>
    [ -f "${stamps}/$1" ] && [ "$(<"${stamps}/$1")" = "$2" ]
}

mark_done() { # <step> <key>
    mkdir -p "${stamps}"
    printf '%s\n' "$2" >"${stamps}/.$1.tmp"
    mv "${stamps}/.$1.tmp" "${stamps}/$1"
}

# watched <command>...: run it, show the lines that tell its progress, and a sign of life
# when it is silent for long, as pip is while it unpacks. All it said goes to a log.
log=${venv}/setup.log
watched() {
    local pid rc=0 shown=0 line quiet=0 total
    "$@" >"${log}" 2>&1 &
    pid=$!
    # shellcheck disable=SC2064
    trap "kill ${pid} 2>/dev/null || true" EXIT
    while kill -0 "${pid}" 2>/dev/null; do
        sleep 1
        quiet=$((quiet + 1))
        total=$(wc -l <"${log}")
        if [ "${total}" -gt "${shown}" ]; then
            # Not "-q": what is downloaded is worth seeing, what was there is not.
            while read -r line; do
                say "  ${line:0:110}"
                quiet=0
            done < <(sed -n "$((shown + 1)),${total}p" "${log}" |
                grep -E '^ *(Downloading|Building wheel for|Installing collected|WARNING: Retrying)' |
                sed -E 's/^ +//; s/^(Installing collected packages).*/\1 …/; s/^(Downloading [^-]+-[^-]+)-[^ ]* /\1 /')
            shown=${total}
        fi
        if [ "${quiet}" -ge 15 ]; then
            say "  still at it: $(du -sh "${venv}" | cut -f 1) in ${venv}"
            quiet=0
        fi
    done
    wait "${pid}" || rc=$?
    trap - EXIT
    return "${rc}"
}

install() { # <requirement>...
    local info
    # pip writes INSTALLER when all of a package is there. One that a killed run left
    # without it would count as installed: make pip see that it is not.
    for info in "${venv}"/lib/python*/site-packages/*.dist-info; do
        if [ -d "${info}" ] && [ ! -f "${info}"/INSTALLER ]; then
            say "  $(basename "${info}" .dist-info) is incomplete, it will be installed again"
            rm -rf "${info}"
        fi
    done
    # Bytecode is compiled when a module is first imported, which is what few of the
    # packages' files ever are.
    watched "${python}" -m pip install --no-compile --progress-bar off "$@"
}

# fail <message>: with the last words of the step that failed.
fail() {
    grep -E '^(ERROR|error)' "${log}" | tail -n 3 >&2 || tail -n 5 "${log}" >&2 || true
    say "Error: $*"
    exit 1
}

for program in perl git; do
    command -v "${program}" >/dev/null ||
        { say "Error: ${program} is needed: install it, e.g. 'apt-get install ${program}'"; exit 1; }
done

# ---- the virtual environment
# Asked for itself, not by a stamp: it may have been made by hand, or half.
if ! "${python}" -c 'import pip, sys; sys.exit(sys.version_info[:2] not in ((3, 12), (3, 13)))' 2>/dev/null; then
    base=$(ci/find_python.sh)
    say "making ${venv} with ${base}"
    rm -rf "${venv}"
    "${base}" -m venv "${venv}"
fi

# ---- packages
key=$(cat setup.py pyproject.toml <("${python}" -V) | sha256sum | cut -d ' ' -f 1)
if ! is_done packages "${key}"; then
    say "installing the packages (the first time two to three GB, several minutes)"
    install -e '.[voices,families,speakers]' ||
        fail "the packages could not be installed, see ${log}: connect to the network and run it again"
    mark_done packages "${key}"
fi

# requirements_of <extra>: as setup.py has them. Installing only these is much faster than
# ".[extra]", which goes through all the others again.
requirements_of() {
    "${python}" - "$1" <<'EOF'
import importlib.metadata
import sys

from packaging.requirements import Requirement

for line in importlib.metadata.requires("espnet_probe") or []:
    requirement = Requirement(line)
    marker = requirement.marker
    if marker and marker.evaluate({"extra": sys.argv[1]}) and "extra" in str(marker):
        requirement.marker = None
        print(requirement)
EOF
}

for extra in "$@"; do
    if ! is_done "packages-${extra}" "${key}"; then
        mapfile -t requirements < <(requirements_of "${extra}")
        say "installing the packages of [${extra}]"
        install "${requirements[@]}" ||
            fail "the packages of [${extra}] could not be installed, see ${log}: connect to the network and run it again"
        mark_done "packages-${extra}" "${key}"
    fi
done

# ---- fairseq, for the tests of ESPnet's encoders that are built with it
# A fork, since fairseq itself cannot be imported on these Pythons; without its pins, which
# ask for other patch releases than ESPnet's. It is in no extra: see docs/loading.md.
if [[ " $* " == *" test "* ]] && ! is_done fairseq "${key}"; then
    say "installing a fork of fairseq for the tests"
    if install --no-deps --only-binary fairseq-fixed fairseq-fixed==0.12.3.1 && install bitarray sacrebleu; then
        mark_done fairseq "${key}"
    else
        say "NOTE: the fork of fairseq could not be installed: the tests of encoders that need it will be skipped"
    fi
fi

# ---- PESQ
# On its own, since it has no binary package: where it cannot be compiled all the rest
# still works.
without_pesq="going on without it, PESQ will be left out of the scores. It needs a C compiler and Python's headers, e.g. 'apt-get install gcc python3-dev'"
if ! is_done pesq "${key}"; then
    if ! command -v "${CC:-cc}" >/dev/null; then
        say "NOTE: there is no C compiler for pesq: ${without_pesq}, then 'make setup'"
    else
        say "installing pesq, which compiles C"
        mapfile -t requirements < <(requirements_of pesq)
        if install "${requirements[@]}"; then
            mark_done pesq "${key}"
        elif grep -qiE 'failed (to build|building)|metadata-generation-failed' "${log}"; then
            say "NOTE: pesq could not be compiled: ${without_pesq}, then 'rm ${stamps}/pesq; make setup'"
            # Trying at each run would cost half a minute and fail again.
            mark_done pesq "${key}"
        else
            say "NOTE: pesq could not be downloaded: going on without it, PESQ will be left out of the scores until a 'make setup' with a network"
        fi
    fi
fi

# ---- ESPnet's recipe tree and the links into it; both look for themselves what is there
linker=egs/TEMPLATE/probe1/setup.sh
recipes=(egs/[!T]*/{probe1,spk1})
tree_key="${key} $(sha256sum <"${linker}") ${ESPNET_ROOT:-} ${recipes[*]}"
if ! is_done recipes "${tree_key}" || [ ! -f tools/espnet/tools/extra_path.sh ] ||
    ! ls "${recipes[@]/%//cmd.sh}" >/dev/null 2>&1; then
    say "providing ESPnet's recipe tree in tools/, and the recipes' links"
    "${linker}" "${recipes[@]}"
    mark_done recipes "${tree_key}"
fi

# ---- weights of the speaker embedder
if ! is_done ge2e "${key} ${ESPNET_PROBE_CACHE}"; then
    say "fetching the weights of the speaker embedder ge2e"
    if "${python}" -m espnet_probe.bin.fetch_ge2e; then
        mark_done ge2e "${key} ${ESPNET_PROBE_CACHE}"
    else
        say "NOTE: without the weights speaker verification with ge2e will refuse to start: run 'make setup' again with a network"
    fi
fi

say "ready"
