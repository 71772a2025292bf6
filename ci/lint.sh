#!/usr/bin/env bash

# All linters over all files; every one runs, also after one that complained.
# usage: ci/lint.sh

set -u
cd "$(dirname "${BASH_SOURCE[0]}")"/.. || exit 1
export PATH=$PWD/.venv/bin:$PATH

# Of the tree, not of ESPnet's links in it; new files that are not committed yet count.
mapfile -t python_files < <(git ls-files -co --exclude-standard -- '*.py' | sort -u)
mapfile -t shell_files < <(git ls-files -co --exclude-standard -- '*.sh' .ci/run | sort -u |
    while read -r file; do if [ -f "${file}" ] && [ ! -L "${file}" ]; then echo "${file}"; fi; done)

failed=()
check() {
    local start=${SECONDS}
    echo "== $1"
    if ! "$@"; then
        failed+=("$1")
    fi
    echo "   $((SECONDS - start)) s"
}

check black --quiet --check --diff "${python_files[@]}"
check isort --check --diff "${python_files[@]}"
check flake8 "${python_files[@]}"
check mypy
# ESPnet's own flags.
check shellcheck -x -e SC2001 -e SC1091 -e SC2086 "${shell_files[@]}"

if [ ${#failed[@]} -ne 0 ]; then
    echo "lint: complaints of ${failed[*]}" >&2
    exit 1
fi
echo "lint: ${#python_files[@]} Python and ${#shell_files[@]} shell files, no complaints"
