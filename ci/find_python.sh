#!/usr/bin/env bash

# Print the path of a Python that the project runs on, or say what to do.
# usage: ci/find_python.sh      PYTHON=/path/to/python3.12 names one.

set -e
set -u
set -o pipefail

versions="3.12 3.13"

# suits <python>: whether it starts (a shim of pyenv may only print an error), has a right
# version, and can make virtual environments (Debian splits that off). Its own path is
# printed, since a shim may give another Python in another folder.
suits() {
    "$1" - "${versions}" 2>/dev/null <<'EOF'
import sys
if "%d.%d" % sys.version_info[:2] not in sys.argv[1].split():
    sys.exit(1)
import ensurepip, venv
print(sys.executable)
EOF
}

if [ -n "${PYTHON:-}" ]; then
    if ! suits "${PYTHON}"; then
        echo "PYTHON=${PYTHON} is no Python ${versions// / or } with venv and ensurepip: set PYTHON to one, or unset it" >&2
        exit 1
    fi
    exit 0
fi

candidates=()
for version in ${versions}; do
    # All on PATH, not the first: a broken shim may come before a good one.
    while read -r path; do
        candidates+=("${path}")
    done < <(type -ap "python${version}" || true)
    for path in "${PYENV_ROOT:-${HOME}/.pyenv}/versions/${version}".*/bin/python3; do
        candidates+=("${path}")
    done
    if command -v uv >/dev/null; then
        candidates+=("$(uv python find --no-python-downloads "${version}" 2>/dev/null || true)")
    fi
done
candidates+=(python3)

for path in "${candidates[@]}"; do
    if [ -n "${path}" ] && suits "${path}"; then
        exit 0
    fi
done

echo "No Python ${versions// / or } with venv was found (on PATH, among pyenv's, uv's): install one, e.g. 'apt-get install python3.12-venv', 'pyenv install 3.12' or 'uv python install 3.12', or name it: PYTHON=/path/to/python3.12 make setup" >&2
exit 1
