# shellcheck shell=bash
# The environment of a recipe: ESPnet's tools, its job scripts, the project's Python.
# To be sourced in a recipe folder, which holds a link to this file.

# The clone of espnet_probe that the link leads to, and ESPnet's recipe tree in it
# (a link made by setup.sh).
PROBE_ROOT=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"/../../.. && pwd)
MAIN_ROOT=${PROBE_ROOT}/tools/espnet

if [ ! -f "${MAIN_ROOT}"/tools/extra_path.sh ]; then
    echo "path.sh: error: no ESPnet tree at ${MAIN_ROOT}: run 'make setup' in ${PROBE_ROOT}, or egs/TEMPLATE/probe1/setup.sh" >&2
    # Ends the script that sources this under "set -e"; "exit" would end a user's shell.
    return 1
fi

export PATH=$PWD/utils/:$PATH
export LC_ALL=C

# A checkout that ESPnet's own installer has set up names its Python here.
if [ -f "${MAIN_ROOT}"/tools/activate_python.sh ]; then
    . "${MAIN_ROOT}"/tools/activate_python.sh
fi
. "${MAIN_ROOT}"/tools/extra_path.sh

# The project's own Python goes before all others: some of ESPnet's helpers call plain
# "python3". Without .venv it is the one of the user's environment.
if [ -x "${PROBE_ROOT}"/.venv/bin/python3 ]; then
    export PATH=${PROBE_ROOT}/.venv/bin:$PATH
fi
if ! python3 -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("espnet_probe") is None)'; then
    echo "path.sh: error: $(command -v python3) does not have espnet_probe: run 'make setup' in ${PROBE_ROOT}, or activate the environment that you have installed it into" >&2
    return 1
fi

# Debian's package sctk puts sclite where no PATH leads.
if [ -d /usr/lib/sctk/bin ]; then
    export PATH=$PATH:/usr/lib/sctk/bin
fi

# Where downloaded models of embedders are kept.
export ESPNET_PROBE_CACHE=${ESPNET_PROBE_CACHE:-${PROBE_ROOT}/tools/cache}

# One thread per process: the work is spread over processes.
export OMP_NUM_THREADS=1

# UTF-8 in Python in spite of LC_ALL=C.
export PYTHONIOENCODING=UTF-8

# As ESPnet sets it; to be changed to fit the network of a cluster.
export NCCL_SOCKET_IFNAME="^lo,docker,virbr,vmnet,vboxnet"

# Last, so that a recipe can overwrite all of the above.
if [ -f local/path.sh ]; then
    . ./local/path.sh
fi
