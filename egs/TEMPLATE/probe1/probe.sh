#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR

# What does each layer of a trained ASR model still hear? From its hidden states to
# mels, sound, scores and a report. To be run in a recipe folder, of this project or of
# ESPnet; docs/stages.md has the stages one by one.

set -e
set -u
set -o pipefail

# A recipe holds a link to this script; what belongs to it lies beside the real file.
_template=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
. "${_template}"/probe_functions.sh
. "${_template}"/probe_data.sh

SECONDS=0

# General configuration
stage=1               # Processes starts from the specified stage.
stop_stage=10000      # Processes is stopped at the specified stage.
skip_stages=          # Stages to be skipped, e.g. "1 5".
skip_data_prep=false  # Skip data preparation: stages 1-4.
skip_train=false      # Skip statistics and training: stages 6-7.
skip_eval=false       # Skip reconstruction, scores and report: stages 8-14.
skip_recognition=     # Skip stage 12; by default where there is no text or no recogniser.
skip_listening=       # Skip stage 13; by default where the set is too small for it.
skip_packing=true     # Skip the packing stage: stage 15.
skip_upload_hf=true   # Skip uploading to huggingface: stage 16.
ngpu=1                # The number of gpus in training ("0" uses cpu).
num_nodes=1           # The number of nodes.
nj=32                 # The number of parallel jobs.
inference_nj=32       # The number of parallel jobs in dumping, reconstruction and scoring.
gpu_inference=false   # Whether to dump, reconstruct and score on a gpu.
dumpdir=dump          # Directory to dump features.
expdir=exp            # Directory to save experiments.
python=python3        # Specify python to execute the commands.
seed=0                # Seed of training, of sampling trials and of intervals.
check_until=0         # Also check the options of the stages up to this one.
paths_file=           # A file to write the names of the experiments to.

# Data preparation related
local_data_opts=      # The options given to local/data.sh.
data_key=             # What else the data depend on, e.g. the corpus root: if it changes,
                      # stage 1 is done again.
noise=false           # Whether to make noisy copies of the sets in stage 2.
musan=                # Folder with music, noise and speech to make them with; or "generated".
snrs="20 10 0"        # SNRs of noisy test sets in dB.

# Feature extraction related
audio_format=flac     # Audio format: wav, flac.
fs=16k                # Sampling rate.
min_wav_duration=0.1  # Minimum duration in second (training and validation).
max_wav_duration=20   # Maximum duration in second (training and validation).

# Upstream related
upstream_exp=         # Experiment directory of the probed model (it, a tag or a zip from stage 5 on).
upstream_model=       # File name of its weights; by default the best average there is.
upstream_tag=         # Or a published model, e.g. "espnet/owsm_ctc_v4_1B".
upstream_zip=         # Or a file that ESPnet's pack made.
upstream_task=        # The model's ESPnet task, e.g. "s2t", where what it brings does not tell.
layers="*"            # Layers: names or globs, separated by space or comma.

# Hidden states related
states=live           # Where training takes states from: live (forward pass) or dump.
dump_dtype=float32    # Type of dumped states: float32 or float16.
dump_sets=            # Sets to dump besides those that training needs, e.g. "test".

# Probe model related
probe_config=         # Config for probe training; by default the one that works best here.
probe_args=           # Arguments for probe training, e.g., "--max_epoch 10".
                      # Note that it will overwrite args in probe config.
probe_tag=            # Suffix to the result dir for probe training.
probe_set_tag=        # Another suffix, to it and to the statistics: what the probes are trained on.
probe_exp=            # Specify the directory path for the probe experiment.
                      # If this option is specified, probe_tag is ignored.
probe_stats_dir=      # Specify the directory path for probe statistics.
controls=             # Controls with probes of their own: "random shuffled" or one of them.
control=              # Run stages 5-12 as this control; --controls does so for each.
probe_fold_length=80000 # fold_length for speech data during probe training, in samples.

# Reconstruction related
inference_tag=        # Name of a reconstruction; by default that of the vocoder preset.
inference_args=       # Arguments for reconstructing mels.
vocoder_preset=default # How mels become sound: default, fast or paper.
vocoder_args=         # Arguments for vocoding.

# Scoring related
embedder=ge2e         # Speaker verification systems, e.g. "ge2e thin_resnet:exp/spk_train":
                      # ge2e, thin_resnet:DIR, espnet:DIR_OR_TAG, speechbrain:DIR_OR_NAME.
quality_args=         # Arguments for the comparison with the originals, e.g. "--measures stoi estoi".
num_pairs=2000        # The number of trials per set, half of them target; fewer if the set is small.
trials_args=          # Arguments for drawing them, e.g. "--balanced", "--gender data/test/spk2gender".
judge_exp=            # Experiment directory of the model that recognises; by default the upstream.
judge_model=          # File name of its weights; by default the best average there is.
judge_tag=            # Or a published model.
judge_zip=            # Or a file that ESPnet's pack made.
recognition_config=   # Config for recognition, e.g. conf/decode_asr.yaml.
recognition_args=     # Arguments for recognition, e.g. "--beam_size 1".

# Listening test related
listening_args=       # Arguments for making it, e.g. "--num_sheets 8 --same_gender".

# [Task dependent] Set the datadir name created by local/data.sh
train_set=            # Name of training set; by default the one --upstream_exp was trained on.
valid_set=            # Name of validation set; by default that of --upstream_exp.
test_sets=            # Names of test sets. Multiple items can be specified.

help_message=$(cat << EOF
Usage: $0 --upstream_exp <exp_dir> (or --upstream_tag <tag>, or --upstream_zip <file>) --train_set "<train_set_name>" --valid_set "<valid_set_name>" --test_sets "<test_set_names>"

Stages: 1 data, 2 noise, 3 format audio, 4 drop long/short, 5 dump hidden states,
        6 statistics, 7 train probes, 8 reconstruct mels, 9 vocode, 10 speaker verification,
        11 PESQ and STOI, 12 recognition, 13 listening test, 14 report, 15 pack, 16 upload.

Options, as --name <default>:
$(list_options "${BASH_SOURCE[0]}")
EOF
)

log "$0 $*"
# Save command line args for logging (they will be lost after utils/parse_options.sh)
run_args=$(scripts/utils/print_args.sh $0 "$@")
all_args=("$@")
. utils/parse_options.sh

if [ $# -ne 0 ]; then
    log "${help_message}"
    log "Error: No positional arguments are required."
    exit 2
fi

. ./path.sh
. ./cmd.sh

. "${_template}"/probe_check.sh
. "${_template}"/probe_noise.sh
. "${_template}"/probe_recognition.sh
. "${_template}"/probe_listening.sh

# ========================== Main stages start from here. ==========================

if [ ${stage} -le 1 ] && [ ${stop_stage} -ge 1 ] && ! [[ " ${skip_stages} " =~ [[:space:]]1[[:space:]] ]]; then
    log "Stage 1: Data preparation for data/${train_set}, data/${valid_set}, etc."
    stage_begin 1 "data"
    _outs=()
    for dset in $(clean_names ${all_sets}); do
        _outs+=("data/${dset}/wav.scp" "data/${dset}/utt2spk")
    done
    _marker=data/.probe_data.done
    _key=$(work_key "${local_data_opts} ${data_key} $(clean_names ${all_sets}) " db.sh local/*)
    if todo "${_marker}" "${_key}" "data preparation"; then
        # [Task dependent] Need to create data.sh for new corpus
        local/data.sh ${local_data_opts}
        mark_done "${_marker}" "${_key}" "${_outs[@]}"
    fi
    stage_end "${stage_times}" "data"
fi

if [ ${stage} -le 2 ] && [ ${stop_stage} -ge 2 ] && ! [[ " ${skip_stages} " =~ [[:space:]]2[[:space:]] ]]; then
    make_noisy_sets
fi

if [ ${stage} -le 3 ] && [ ${stop_stage} -ge 3 ] && ! [[ " ${skip_stages} " =~ [[:space:]]3[[:space:]] ]]; then
    log "Stage 3: Format wav.scp: data/ -> ${data_feats}, the sets that are not there yet"
    stage_begin 3 "format audio"
    for dset in ${all_sets}; do
        _suf=""
        if [ "${dset}" = "${train_set}" ] || [ "${dset}" = "${valid_set}" ]; then
            _suf="/org"
        fi
        _dir="${data_feats}${_suf}/${dset}"
        # What stage 4 made of a set is as good as the set.
        if is_formatted "data/${dset}" "${_dir}" || is_formatted "data/${dset}" "${data_feats}/${dset}"; then
            log "Done before: ${_dir}"
        else
            stage_worked=true
            format_set "data/${dset}" "${_dir}"
        fi
    done
    stage_end "${stage_times}" "${data_feats}"
fi

if [ ${stage} -le 4 ] && [ ${stop_stage} -ge 4 ] && ! [[ " ${skip_stages} " =~ [[:space:]]4[[:space:]] ]]; then
    log "Stage 4: Remove long/short data: ${data_feats}/org -> ${data_feats}"
    stage_begin 4 "drop long and short"
    # Not applied to test_sets, to keep the original data.
    for dset in "${train_set}" "${valid_set}"; do
        if is_formatted "${data_feats}/org/${dset}" "${data_feats}/${dset}"; then
            log "Done before: ${data_feats}/${dset}"
        else
            stage_worked=true
            filter_set "${data_feats}/org/${dset}" "${data_feats}/${dset}"
        fi
    done
    # Sets formatted by asr.sh get these files here.
    for dset in ${all_sets}; do
        add_extras "data/${dset}" "${data_feats}/${dset}"
    done
    stage_end "${stage_times}" "${data_feats}"
fi

if [ ${stage} -le 5 ] && [ ${stop_stage} -ge 5 ] && ! [[ " ${skip_stages} " =~ [[:space:]]5[[:space:]] ]]; then
    log "Stage 5: Dump hidden states: ${to_dump:-nothing, ask with --dump_sets \"${test_sets% }\" or --states dump} -> ${hidden_dir}"
    stage_begin 5 "dump hidden states"
    for dset in ${to_dump}; do
        _data="${data_feats}/${dset}"
        _dir="${hidden_dir}/${dset}"
        _marker="${_dir}/.done"
        _key=$(work_key "dump ${layers} ${dump_dtype} ${state_key}" "${_data}"/{wav.scp,utt2num_samples,noise.jsonl})
        if todo "${_marker}" "${_key}" "${_dir}"; then
            begin_dump "${_dir}" "$(work_key "audio" "${_data}"/noise.jsonl)"
            _logdir="${_dir}/logdir"
            mkdir -p "${_logdir}"
            _nj=$(min "${inference_nj}" "$(<"${_data}"/wav.scp wc -l)")
            split_keys "${_data}"/wav.scp "${_nj}" "${_logdir}"/keys
            log "Dumping started... log: '${_logdir}/dump_hidden.*.log'"
            run_jobs "${inference_cmd}" "${inference_ngpu}" "${_nj}" "${_logdir}"/dump_hidden.JOB.log \
                ${python} -m espnet_probe.bin.dump_hidden \
                    "${upstream_opts[@]}" "${init_opts[@]}" "${layer_opts[@]}" \
                    --data_dir "${_data}" \
                    --key_file "${_logdir}"/keys.JOB.scp \
                    --dtype "${dump_dtype}" \
                    --ngpu "${inference_ngpu}" \
                    --output_dir "${_dir}"
            mark_done "${_marker}" "${_key}" "${_dir}"/*/hidden.scp
        fi
    done
    stage_end "${stage_times}" "${states_exp}"
fi

if [ ${stage} -le 6 ] && [ ${stop_stage} -ge 6 ] && ! [[ " ${skip_stages} " =~ [[:space:]]6[[:space:]] ]]; then
    log "Stage 6: Probe collect stats: train_set=${train_dir}, valid_set=${valid_dir}"
    stage_begin 6 "probe statistics"
    _marker="${probe_stats_dir}/.done"
    # The target follows from the upstream's front end, not from its weights.
    _key=$(work_key "stats" "${upstream_config[@]}" {"${train_dir}","${valid_dir}"}/{wav.scp,utt2num_samples,noise.jsonl})
    if todo "${_marker}" "${_key}" "${probe_stats_dir}"; then
        # 1. Split the key files
        _logdir="${probe_stats_dir}/logdir"
        mkdir -p "${_logdir}"
        _nj=$(min "${nj}" "$(<"${train_dir}"/wav.scp wc -l)" "$(<"${valid_dir}"/wav.scp wc -l)")
        split_keys "${train_dir}"/wav.scp "${_nj}" "${_logdir}"/train
        split_keys "${valid_dir}"/wav.scp "${_nj}" "${_logdir}"/valid

        # 2. Generate run.sh
        write_resume "${probe_stats_dir}" 6

        # 3. Submit jobs
        log "Probe collect-stats started... log: '${_logdir}/stats.*.log'"
        run_jobs "${train_cmd}" 0 "${_nj}" "${_logdir}"/stats.JOB.log \
            ${python} -m espnet_probe.bin.probe_train \
                --collect_stats true \
                "${config_opts[@]}" "${upstream_opts[@]}" "${layer_opts[@]}" \
                --states live \
                --train_data_path_and_name_and_type "${train_dir}/wav.scp,speech,sound" \
                --valid_data_path_and_name_and_type "${valid_dir}/wav.scp,speech,sound" \
                --train_shape_file "${_logdir}/train.JOB.scp" \
                --valid_shape_file "${_logdir}/valid.JOB.scp" \
                --output_dir "${_logdir}/stats.JOB" \
                ${probe_args}

        # 4. Aggregate shape files
        _opts=
        for i in $(seq "${_nj}"); do
            _opts+="--input_dir ${_logdir}/stats.${i} "
        done
        ${python} -m espnet2.bin.aggregate_stats_dirs ${_opts} --output_dir "${probe_stats_dir}"
        mark_done "${_marker}" "${_key}" "${probe_stats_dir}"/{train,valid}/speech_shape \
            "${probe_stats_dir}"/train/feats_stats.npz
    fi
    stage_end "${stage_times}" "${states_exp}"
fi

if [ ${stage} -le 7 ] && [ ${stop_stage} -ge 7 ] && ! [[ " ${skip_stages} " =~ [[:space:]]7[[:space:]] ]]; then
    log "Stage 7: Probe training: train_set=${train_dir}, valid_set=${valid_dir}"
    stage_begin 7 "train the probes"
    need_done "${probe_stats_dir}/.done" 6
    _opts=
    _keys=("${probe_stats_dir}/.done" "${probe_config}")
    if [ "${states}" = dump ]; then
        for _split in train valid; do
            _set="${_split}_set"
            _dir="${hidden_dir}/${!_set}"
            need_done "${_dir}/.done" 5
            _keys+=("${_dir}/.done")
            for _scp in "${_dir}"/*/hidden.scp; do
                _layer=$(basename "$(dirname "${_scp}")")
                is_chosen "${_layer}" || continue
                _opts+="--${_split}_data_path_and_name_and_type ${_scp},hidden_${_layer},${hidden_type} "
            done
        done
    fi
    _marker="${probe_exp}/.done"
    _key=$(work_key "train ${layers} ${states} ${probe_args} ${seed} ${state_key}${control:+ ${control}}" "${_keys[@]}")
    if todo "${_marker}" "${_key}" "${probe_exp}"; then
        write_resume "${probe_exp}" 7
        # Other settings and other weights are refused by the trainer; it cannot see other data.
        begin_training "${probe_exp}" "$(work_key "data" "${probe_stats_dir}/.done")" --probe_tag
        log "Probe training started... log: '${probe_exp}/train.log'"
        # SGE can't include "/" in a job name
        jobname="${probe_exp}/train.log"
        ! [[ "${cuda_cmd}" =~ queue(-freegpu)?\.pl ]] || jobname=$(basename "${probe_exp}")
        follow "${probe_exp}"/train.log
        ${python} -m espnet2.bin.launch \
            --cmd "${cuda_cmd} --name ${jobname}" \
            --log "${probe_exp}"/train.log \
            --ngpu "${ngpu}" \
            --num_nodes "${num_nodes}" \
            --init_file_prefix "${probe_exp}"/.dist_init_ \
            --multiprocessing_distributed true -- \
            ${python} -m espnet_probe.bin.probe_train \
                "${config_opts[@]}" "${upstream_opts[@]}" "${init_opts[@]}" "${layer_opts[@]}" \
                --states "${states}" "${control_opts[@]}" \
                --target_stats "${probe_stats_dir}"/train/feats_stats.npz \
                --train_data_path_and_name_and_type "${train_dir}/wav.scp,speech,sound" \
                --valid_data_path_and_name_and_type "${valid_dir}/wav.scp,speech,sound" \
                ${_opts} \
                --train_shape_file "${probe_stats_dir}"/train/speech_shape \
                --valid_shape_file "${probe_stats_dir}"/valid/speech_shape \
                --fold_length "${probe_fold_length}" \
                --seed "${seed}" \
                --resume true \
                --output_dir "${probe_exp}" \
                ${probe_args}
        stop_following
        mark_done "${_marker}" "${_key}" "${probe_exp}"/config.yaml "${probe_exp}"/valid.loss_*.best.pth
    fi
    stage_end "${stage_times}" "${probe_exp}"
fi

if [ ${stage} -le 8 ] && [ ${stop_stage} -ge 8 ] && ! [[ " ${skip_stages} " =~ [[:space:]]8[[:space:]] ]]; then
    log "Stage 8: Reconstruct mels: ${test_sets} -> ${inference_dir}"
    stage_begin 8 "reconstruct mels"
    need_done "${probe_exp}/.done" 7
    for dset in ${test_sets}; do
        _data="${data_feats}/${dset}"
        _dir="${inference_dir}/${dset}"
        _marker="${_dir}/.reconstruct.done"
        _key=$(work_key "reconstruct ${layers} ${inference_args}" "${probe_exp}/.done" "${_data}"/{wav.scp,utt2num_samples,noise.jsonl})
        if todo "${_marker}" "${_key}" "${_dir}"; then
            _logdir="${_dir}/logdir"
            mkdir -p "${_logdir}"
            _nj=$(min "${inference_nj}" "$(<"${_data}"/wav.scp wc -l)")
            split_keys "${_data}"/wav.scp "${_nj}" "${_logdir}"/keys
            write_resume "${inference_dir}" 8
            log "Reconstruction started... log: '${_logdir}/probe_inference.*.log'"
            _opts="--probe_exp ${probe_exp} --data_dir ${_data} --output_dir ${_dir}"
            [ -z "${control}" ] || _opts+=" --oracle false"
            run_jobs "${inference_cmd}" "${inference_ngpu}" "${_nj}" "${_logdir}"/probe_inference.JOB.log \
                ${python} -m espnet_probe.bin.probe_inference ${_opts} "${layer_opts[@]}" \
                    --key_file "${_logdir}"/keys.JOB.scp --job JOB \
                    --ngpu "${inference_ngpu}" ${inference_args}
            ${python} -m espnet_probe.bin.probe_inference ${_opts} --layers "${layers}" --merge true
            mark_done "${_marker}" "${_key}" "${inference_dir}"/layers.json \
                "${_dir}"/natural/wav.scp "${_dir}"/*/feats.scp
        fi
    done
    stage_end "${stage_times}" "${probe_exp}"
fi

if [ ${stage} -le 9 ] && [ ${stop_stage} -ge 9 ] && ! [[ " ${skip_stages} " =~ [[:space:]]9[[:space:]] ]]; then
    log "Stage 9: Vocode: ${inference_dir}/*/*/feats.scp -> wav.scp"
    stage_begin 9 "vocode"
    for dset in ${test_sets}; do
        _dir="${inference_dir}/${dset}"
        need_done "${_dir}/.reconstruct.done" 8
        _names=$(vocoded_names)
        _marker="${_dir}/.vocode.done"
        _key=$(work_key "vocode ${vocoder_preset} ${vocoder_args}" "${_dir}/.reconstruct.done")
        if todo "${_marker}" "${_key}" "${_dir}"; then
            _logdir="${_dir}/logdir"
            drop_scores "${_dir}" verification quality recognition
            _nj=$(min "${inference_nj}" "$(<"${_dir}"/natural/wav.scp wc -l)")
            _opts="--utt2num_samples ${data_feats}/${dset}/utt2num_samples --mel_config ${_dir}/mel.yaml"
            _opts+=" --preset ${vocoder_preset} --ngpu ${inference_ngpu} ${vocoder_args} --dirs"
            _outs=()
            for _name in ${_names}; do
                _opts+=" ${_dir}/${_name}"
                _outs+=("${_dir}/${_name}/wav.scp")
            done
            log "Vocoding started... log: '${_logdir}/vocode.*.log'"
            run_jobs "${inference_cmd}" "${inference_ngpu}" "${_nj}" "${_logdir}"/vocode.JOB.log \
                ${python} -m espnet_probe.bin.vocode --job "JOB/${_nj}" ${_opts}
            ${python} -m espnet_probe.bin.vocode --merge ${_opts}
            mark_done "${_marker}" "${_key}" "${_outs[@]}"
        fi
    done
    stage_end "${stage_times}" "${probe_exp}"
fi

if [ ${stage} -le 10 ] && [ ${stop_stage} -ge 10 ] && ! [[ " ${skip_stages} " =~ [[:space:]]10[[:space:]] ]]; then
    log "Stage 10: Score: speaker verification by ${embedder}"
    stage_begin 10 "speaker verification"
    for dset in ${test_sets}; do
        _dir="${inference_dir}/${dset}"
        need_done "${_dir}/.vocode.done" 9
        _utt2spk=$(speaker_map "${data_feats}/${dset}")
        if [ -n "${control}" ]; then
            share_trials "${_dir}"
        else
            make_set_trials "${_dir}" "${_utt2spk}"
        fi
        # The first one's files are those that the report's main table reads.
        _suffix=
        for _spec in ${embedder}; do
            verify_set "${_dir}" "${_utt2spk}" "${_spec}" "${_suffix:+_$(embedder_label "${_spec}")}"
            _suffix=further
        done
    done
    stage_end "${stage_times}" "${probe_exp}"
fi

if [ ${stage} -le 11 ] && [ ${stop_stage} -ge 11 ] && ! [[ " ${skip_stages} " =~ [[:space:]]11[[:space:]] ]]; then
    log "Stage 11: Score: PESQ, STOI, ESTOI"
    stage_begin 11 "quality"
    for dset in ${test_sets}; do
        _dir="${inference_dir}/${dset}"
        need_done "${_dir}/.vocode.done" 9
        _tasks=$(new_tasks "${_dir}"/logdir/quality)
        _ref=$(quality_reference "${dset}")
        for _name in $(scored_names); do
            _out="${_dir}/${_name}"
            _marker="${_out}/.quality.done"
            _key=$(work_key "quality ${quality_args}" "${_dir}"/.{reconstruct,vocode}.done "${_ref}")
            if todo "${_marker}" "${_key}" "${_out}/quality.json"; then
                add_task "${_tasks}" "${_name}" "${_marker}" "${_key}" \
                    "${_out}/quality.json" "${_out}/quality.csv" -- \
                    ${python} -m espnet_probe.bin.score_quality \
                        --ref_scp "${_ref}" --hyp_scp "${_out}/wav.scp" \
                        --output_dir "${_out}" ${quality_args}
            fi
        done
        run_tasks "${decode_cmd}" 0 "${inference_nj}" "${_tasks}" quality
    done
    stage_end "${stage_times}" "${probe_exp}"
fi

if [ ${stage} -le 12 ] && [ ${stop_stage} -ge 12 ] && ! [[ " ${skip_stages} " =~ [[:space:]]12[[:space:]] ]]; then
    score_recognition
fi

run_controls

if [ ${stage} -le 13 ] && [ ${stop_stage} -ge 13 ] && ! [[ " ${skip_stages} " =~ [[:space:]]13[[:space:]] ]]; then
    run_listening_test
fi

if [ ${stage} -le 14 ] && [ ${stop_stage} -ge 14 ] && ! [[ " ${skip_stages} " =~ [[:space:]]14[[:space:]] ]]; then
    log "Stage 14: Report: ${probe_exp}/report"
    stage_begin 14 "report"
    need_done "${probe_exp}/.done" 7
    _marker="${probe_exp}/report/.done"
    _files=("${probe_exp}/.done" "${inference_dir}"/*/*/*.json "${upstream_wers[@]}" "${probe_exp}/listening/listening.json")
    _opts=
    for _name in ${controls}; do
        _dir=$(control_exp "${_name}")
        need_done "${_dir}/.done" 7
        _files+=("${_dir}/.done" "${_dir}/$(basename "${inference_dir}")"/*/*/*.json)
        _opts+=" --control ${_name}=${_dir}"
    done
    _key=$(work_key "report ${inference_dir} ${test_sets}${_opts}" "${_files[@]}")
    if todo "${_marker}" "${_key}" "${probe_exp}/report"; then
        ${python} -m espnet_probe.bin.make_report \
            --exp "${probe_exp}" \
            --asr_exp "${upstream_exp}" \
            --inference_tag "$(basename "${inference_dir}")" \
            --sets ${test_sets} \
            --dumpdir "${data_feats}" \
            --stage_times "${stage_times}" ${_opts} | tee "${probe_exp}/report/table.txt"
        mark_done "${_marker}" "${_key}" "${probe_exp}"/RESULTS.md "${probe_exp}"/report/index.html
    else
        cat "${probe_exp}/report/table.txt"
    fi
    stage_end "${stage_times}" "${probe_exp}"
    log "The report is '${probe_exp}/report/index.html'"
fi

if [ ${stage} -le 15 ] && [ ${stop_stage} -ge 15 ] && ! [[ " ${skip_stages} " =~ [[:space:]]15[[:space:]] ]]; then
    not_there_yet 15 "packing"
fi

if [ ${stage} -le 16 ] && [ ${stop_stage} -ge 16 ] && ! [[ " ${skip_stages} " =~ [[:space:]]16[[:space:]] ]]; then
    not_there_yet 16 "upload"
fi

log "Successfully finished. [elapsed=${SECONDS}s]"
