# shellcheck shell=bash
# The data folders of probe.sh: formatting, filtering, who speaks. To be sourced after
# probe_functions.sh. The folders are the same as those that ESPnet's asr.sh leaves, so
# that sets formatted by either are taken over by the other.

# in_samples <seconds> <sampling rate, such as 16k>: prints a number of samples.
in_samples() {
    awk -v seconds="$1" -v fs="$2" \
        'BEGIN { if (fs ~ /k$/) { sub(/k$/, "", fs); fs *= 1000 } printf "%d\n", seconds * fs }'
}

# is_formatted <source> <set>: whether a set is complete and not older than its source.
# format_wav_scp.sh removes wav.scp first and writes utt2num_samples last; asr.sh drops
# utterances without words from wav.scp only.
is_formatted() {
    local source=$1 dir=$2 file
    for file in wav.scp utt2spk utt2num_samples feats_type; do
        [ -s "${dir}/${file}" ] || return 1
    done
    [ "$(<"${dir}/wav.scp" wc -l)" -le "$(<"${dir}/utt2num_samples" wc -l)" ] || return 1
    ! [ "${source}/wav.scp" -nt "${dir}/utt2num_samples" ]
}

# format_set <source> <set>: audio files of one format and sampling rate.
format_set() {
    local source=$1 dir=$2 opts=()
    if [ ! -s "${source}/wav.scp" ]; then
        log "Error: ${source}/wav.scp is missing or empty: run stage 1 first, or check the name of the set"
        return 1
    fi
    rm -f "${dir}/feats_type"
    utils/copy_data_dir.sh --validate_opts --non-print "${source}" "${dir}"
    rm -f "${dir}"/{segments,wav.scp,reco2file_and_channel,reco2dur}
    if [ -e "${source}/segments" ]; then
        opts+=(--segments "${source}/segments")
    fi
    # shellcheck disable=SC2154
    scripts/audio/format_wav_scp.sh --nj "${nj}" --cmd "${train_cmd}" \
        --audio-format "${audio_format}" --fs "${fs}" "${opts[@]}" \
        "${source}/wav.scp" "${dir}"
    echo "${audio_format}" >"${dir}/audio_format"
    echo raw >"${dir}/feats_type"
}

# filter_set <source> <set>: leaves out what is too long, too short or without words.
filter_set() {
    local source=$1 dir=$2
    if ! is_formatted "${source}" "${source}"; then
        log "Error: ${source} is not complete: run stage 3 first"
        return 1
    fi
    rm -f "${dir}/feats_type"
    utils/copy_data_dir.sh --validate_opts --non-print "${source}" "${dir}"
    # shellcheck disable=SC2154
    <"${source}/utt2num_samples" awk -v shortest="$(in_samples "${min_wav_duration}" "${fs}")" \
        -v longest="$(in_samples "${max_wav_duration}" "${fs}")" \
        '$2 > shortest && $2 < longest' >"${dir}/utt2num_samples"
    if [ ! -s "${dir}/utt2num_samples" ]; then
        log "Error: no utterance of ${source} is between ${min_wav_duration} and ${max_wav_duration} s long: see --min_wav_duration, --max_wav_duration"
        return 1
    fi
    utils/filter_scp.pl "${dir}/utt2num_samples" "${source}/wav.scp" >"${dir}/wav.scp"
    if [ -f "${source}/text" ]; then
        awk 'NF != 1' "${source}/text" >"${dir}/text"
    fi
    # Leaves the utterances that are in all files.
    utils/fix_data_dir.sh --utt_extra_files utt2num_samples "${dir}"
    cp "${source}/audio_format" "${dir}/audio_format"
    cp "${source}/feats_type" "${dir}/feats_type"
}

# add_extras <source> <set>: who the person is, where utt2spk is finer than that, and
# what was mixed in; ESPnet's scripts do not know these files.
add_extras() {
    local source=$1 dir=$2
    if [ -f "${source}/noise.jsonl" ] && [ -s "${dir}/wav.scp" ]; then
        cp "${source}/noise.jsonl" "${dir}/noise.jsonl.tmp"
        mv "${dir}/noise.jsonl.tmp" "${dir}/noise.jsonl"
    fi
    if [ -f "${source}/utt2reader" ] && [ -s "${dir}/wav.scp" ]; then
        utils/filter_scp.pl "${dir}/wav.scp" "${source}/utt2reader" >"${dir}/utt2reader.tmp"
        if [ "$(<"${dir}/utt2reader.tmp" wc -l)" -ne "$(<"${dir}/wav.scp" wc -l)" ]; then
            log "Error: ${source}/utt2reader does not name the reader of every utterance of ${dir}"
            return 1
        fi
        mv "${dir}/utt2reader.tmp" "${dir}/utt2reader"
    fi
}

# speaker_map <set>: prints the file that says which person speaks an utterance.
speaker_map() {
    if [ -f "$1/utt2reader" ]; then
        echo "$1/utt2reader"
    else
        echo "$1/utt2spk"
    fi
}

# trained_on <exp> <train or valid>: prints the name of the set that a model was trained
# on, from the configuration that ESPnet's training left.
trained_on() {
    [ -f "$1/config.yaml" ] || return 0
    sed -n "/^$2_data_path_and_name_and_type:/,/^[a-z]/s|^- *- .*/raw/\(.*\)/[^/]*\$|\1|p" \
        "$1/config.yaml" | head -n 1
}

# decoded_sets <exp>: prints the names of the sets that ESPnet's decoding left.
decoded_sets() {
    local file
    for file in "$1"/*/*/text; do
        if [ -f "${file}" ]; then
            basename "$(dirname "${file}")"
        fi
    done | sort -u | tr '\n' ' '
}
