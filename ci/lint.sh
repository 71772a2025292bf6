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
mapfile -t script_files < <(git ls-files -co --exclude-standard -- '*.js' | sort -u)

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
# Only whether the pages' scripts can be read; one file a call is all that node takes.
if command -v node >/dev/null; then
    for file in "${script_files[@]}"; do
        check node --check "${file}"
    done
else
    echo "NOTE: there is no node: ${#script_files[@]} scripts were not checked" >&2
fi

if [ ${#failed[@]} -ne 0 ]; then
    echo "lint: complaints of ${failed[*]}" >&2
    exit 1
fi
echo "lint: ${#python_files[@]} Python, ${#shell_files[@]} shell and ${#script_files[@]} JavaScript files, no complaints"
