#!/usr/bin/env bash
# Fetches MUSAN (openslr.org/17, 11 GB) to downloads/musan, if it is not there. Called by
# data.sh --download_musan true.
set -e
set -u
set -o pipefail

log() {
    local fname=${BASH_SOURCE[1]##*/}
    echo -e "$(date '+%Y-%m-%dT%H:%M:%S') (${fname}:${BASH_LINENO[0]}:${FUNCNAME[1]}) $*"
}

url=https://www.openslr.org/resources/17/musan.tar.gz
dir=downloads  # Where the archive and the folder musan go.

log "$0 $*"
. utils/parse_options.sh

if [ $# -ne 0 ]; then
    log "Error: No positional arguments are required."
    exit 2
fi

if [ -d "${dir}/musan/speech" ]; then
    log "${dir}/musan is there. Skip the download"
    exit 0
fi
mkdir -p "${dir}"
if [ ! -f "${dir}/musan.tar.gz" ]; then
    # Goes on with what an interrupted download left.
    if ! wget --no-verbose --continue --output-document "${dir}/musan.tar.gz.part" "${url}"; then
        log "Error: could not fetch ${url}. Fetch it otherwise, unpack it, and set MUSAN to the folder."
        exit 1
    fi
    mv "${dir}/musan.tar.gz.part" "${dir}/musan.tar.gz"
fi
rm -rf "${dir}/musan.part"
mkdir "${dir}/musan.part"
if ! tar -xzf "${dir}/musan.tar.gz" -C "${dir}/musan.part"; then
    log "Error: ${dir}/musan.tar.gz is damaged: remove it and start again"
    exit 1
fi
for part in music noise speech; do
    if [ ! -d "${dir}/musan.part/musan/${part}" ]; then
        log "Error: ${dir}/musan.tar.gz has no folder musan/${part}: remove it and start again"
        exit 1
    fi
done
mv "${dir}/musan.part/musan" "${dir}/musan"
rmdir "${dir}/musan.part"
log "${dir}/musan: $(find "${dir}/musan" -name '*.wav' | wc -l) files"
