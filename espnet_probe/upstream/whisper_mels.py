"""A constant that ESPnet's Whisper encoder imports and Whisper no longer has."""

import importlib.util

#: Mel bins of all Whisper models before large-v3, which has 128. ESPnet's encoder knows
#: no others.
MEL_BINS = 80


def provide_mel_bins() -> None:
    """Let ESPnet's Whisper encoder be built with any version of ``openai-whisper``.

    ``espnet2.asr.encoder.whisper_encoder`` imports ``whisper.audio.N_MELS``, which went
    away when Whisper got models with another number. Where it is missing it is put
    back; where ``whisper`` is not installed nothing is done.
    """
    if importlib.util.find_spec("whisper") is None:
        return
    import whisper.audio

    if not hasattr(whisper.audio, "N_MELS"):
        setattr(whisper.audio, "N_MELS", MEL_BINS)
