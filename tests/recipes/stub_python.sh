#!/usr/bin/env bash
# Stands in for Python in tests/recipes: notes every module that a recipe's scripts call,
# with its arguments, in $CALLS, and leaves what the module promises to leave. It fails
# on the module named in $FAIL_ON.
set -e -u -o pipefail

# value <option>: prints the (last) value of an option of the call.
value() {
    local wanted=$1 found='' i
    for ((i = 0; i < ${#args[@]} - 1; i++)); do
        [ "${args[i]}" != "${wanted}" ] || found=${args[i + 1]}
    done
    echo "${found}"
}

# values <option>: prints all values of an option that takes several.
values() {
    local wanted=$1 inside=false word
    for word in "${args[@]}"; do
        if [ "${word}" = "${wanted}" ]; then
            inside=true
        elif [[ "${word}" == --* ]]; then
            inside=false
        elif "${inside}"; then
            echo "${word}"
        fi
    done
}

# leave <file>...: writes a line into each file.
leave() {
    local file
    for file in "$@"; do
        mkdir -p "$(dirname "${file}")"
        echo "made by ${module}" >"${file}"
    done
}

entry=
if [ "$1 ${2:-}" = "-m espnet_probe.run" ]; then
    entry=" by espnet_probe.run"
    shift 2
fi
[ "$1" = -m ]
module=$2
shift 2
args=("$@")
echo "${module} ${args[*]}${entry}" >>"${CALLS}"
if [ "${module}" = "${FAIL_ON:-}" ]; then
    echo "the reason why ${module} failed"
    exit 1
fi
output=$(value --output_dir)
layers="blstm1 blstm2"

case "${module}" in
    espnet2.bin.launch)
        while [ "$1" != "--" ]; do shift; done
        shift
        "$@" --log_of_launch "$(value --log)"
        ;;
    espnet2.bin.aggregate_stats_dirs)
        leave "${output}"/{train,valid}/speech_shape "${output}"/{train,valid}/text_shape \
            "${output}"/train/feats_stats.npz
        ;;
    espnet2.bin.tokenize_text)
        leave "$(value --output)"
        ;;
    espnet2.bin.asr_train)
        [ -n "$(value --collect_stats)" ] || leave "${output}"/{config.yaml,valid.loss.ave.pth}
        ;;
    espnet2.bin.spk_train)
        [ -n "$(value --collect_stats)" ] || leave "${output}"/{config.yaml,valid.eer.best.pth}
        ;;
    espnet2.bin.asr_inference)
        sed -e 's/ .*/ a word/' "$(value --key_file)" >"$(mktemp)"
        leave "${output}"/1best_recog/text
        ;;
    espnet_probe.bin.probe_train)
        if [ -z "$(value --collect_stats)" ]; then
            leave "${output}"/config.yaml
            for layer in ${layers}; do
                leave "${output}/valid.loss_${layer}.best.pth"
            done
        fi
        ;;
    espnet_probe.bin.list_layers)
        mkdir -p "$(dirname "$(value --json)")"
        printf '{\n  "origin": "%s",\n  "task": "%s",\n  "fs": 16000,\n  "target": {\n    "fs": 16000\n  }\n}\n' \
            "${ORIGIN:-a model}" "${TASK:-ssl}" >"$(value --json)"
        [ -z "${PINNED:-}" ] || echo "${PINNED}" >"$(value --pinned_tag)"
        ;;
    espnet_probe.bin.dump_hidden)
        for layer in ${layers}; do
            leave "${output}/${layer}/hidden.scp"
        done
        ;;
    espnet_probe.bin.probe_inference)
        if [ -n "$(value --merge)" ]; then
            leave "${output}"/mel.yaml "${output}"/natural/wav.scp
            [ "$(value --oracle)" = false ] || leave "${output}"/oracle/feats.scp
            for layer in ${layers}; do
                leave "${output}/${layer}/feats.scp"
            done
            echo '[{"name": "blstm1"}, {"name": "blstm2"}]' >"$(dirname "${output}")/layers.json"
        fi
        ;;
    espnet_probe.bin.vocode)
        if [[ " ${args[*]} " == *" --merge "* ]]; then
            for dir in $(values --dirs); do
                leave "${dir}/wav.scp"
            done
        fi
        ;;
    espnet_probe.bin.make_noise)
        leave "${output}"/{music,noise,speech}/generated/1.wav
        ;;
    espnet_probe.bin.mix_noise)
        if [[ " ${args[*]} " == *" --merge "* ]]; then
            suffix=
            [[ " ${args[*]} " != *" --kind train "* ]] || suffix=-noisy
            leave "${output}"/noise.jsonl
            for table in wav.scp text utt2spk; do
                sed -e "s/ /${suffix} /" "$(value --data_dir)/${table}" >"${output}/${table}"
            done
            sed -e "s/\(-[0-9]\)/\1${suffix}/g" "$(value --data_dir)/spk2utt" >"${output}/spk2utt"
        fi
        ;;
    espnet_probe.bin.make_trials)
        leave "$(value --output)"
        ;;
    espnet_probe.bin.check_embedders)
        for spec in "${args[@]}"; do
            [ "${spec}" = "${spec#*:}" ] || spec="${spec%%:*}-$(basename "${spec#*:}")"
            echo "${spec}"
        done
        ;;
    espnet_probe.bin.check_args)
        for word in "${args[@]}"; do
            [[ "${word}" != --trials_args=*--gender\ * ]] || echo "${word##*--gender }"
        done
        ;;
    espnet_probe.bin.score_verification)
        suffix=$(value --suffix)
        for dir in $(values --output_dir); do
            leave "${dir}/verification${suffix:+_${suffix}}".{json,csv} \
                "${dir}/embeddings${suffix:+_${suffix}}.npz"
        done
        ;;
    espnet_probe.bin.score_recognition)
        for dir in $(values --output_dir); do
            leave "${dir}"/recognition.{json,csv}
        done
        ;;
    espnet_probe.bin.score_quality)
        leave "${output}"/quality.{json,csv}
        ;;
    espnet_probe.bin.score_wer)
        leave "${output}"/wer.{json,csv}
        ;;
    espnet_probe.bin.make_listening_test)
        if [ -n "${NO_TEST:-}" ]; then
            echo "no listening test: too few triplets"
        else
            leave "$(value --exp)"/listening/{key.json,page/index.html}
            echo "the page"
        fi
        ;;
    espnet_probe.bin.score_listening_test)
        leave "${output}"/listening.{json,csv}
        ;;
    espnet_probe.bin.make_report)
        if [ -n "$(value --model)" ]; then
            leave "${output}"/{RESULTS.md,report/index.html}
        elif [ -n "${output}" ]; then
            leave "${output}"/{RESULTS.md,index.html}
        else
            leave "$(value --exp)"/{RESULTS.md,report/index.html}
        fi
        ;;
    espnet_probe.bin.check_claims)
        leave "${output}"/claims.{md,json}
        echo "the answers"
        ;;
    *)
        echo "stub_python.sh: nobody promised what ${module} leaves" >&2
        exit 1
        ;;
esac
