// Which picture of a sound is shown, and what its colours mean.

const VIEWS = {
  mel: "Sound",
  lost: "What was lost",
  noise: "Noise",
};

const VIEWS_EXPLAINED = {
  mel: "Mel-spectrograms on one colour scale and one time axis, low bands below.",
  lost:
    "The target minus what the layer gave back: red is lost, blue was added. " +
    "The recordings are shown as they are.",
  noise:
    "Of the noisy input: the noise that was added. Of a layer: what is left of it, its " +
    "reconstruction from noisy speech minus that from clean speech. Red is louder with " +
    "noise, blue softer. The original and the oracle are shown as they are.",
};

const Pictures = {
  // Whether a view has anything to show.
  possible(view, sounds) {
    if (view === "mel") return true;
    if (view === "lost") return sounds.some((sound) => sound.lost);
    return sounds.some((sound) => sound.noise || sound.left);
  },

  // {kind, address} of the picture in a view; a recording has nothing lost: its mel.
  of(sound, view) {
    const rest = { kind: "mel", address: address(sound.mel) };
    if (view === "lost" && sound.role !== "natural" && sound.role !== "noisy")
      return { kind: "lost", address: address(sound.lost) };
    if (view === "noise" && sound.role === "noisy")
      return { kind: "noise", address: address(sound.noise) };
    if (view === "noise" && sound.role !== "natural" && sound.role !== "oracle")
      return { kind: "left", address: address(sound.left) };
    return rest;
  },

  said: {
    mel: "Mel-spectrogram",
    lost: "What was lost",
    noise: "The noise that was added",
    left: "What is left of the noise",
  },

  bar(view, utterance) {
    const all = Data.pictures;
    const mel = view === "mel";
    const colours = (mel ? all.mel_colours : all.lost_colours) || [];
    if (colours.length < 2) return null;
    const plain = colours.filter((one) => /^#[0-9a-f]{6}$/i.test(one));
    const low = mel ? all.low : all.lost_low;
    const high = mel ? all.high : all.lost_high;
    const shade = el("span", { class: "shade", "aria-hidden": "true" });
    shade.style.background = `linear-gradient(to right, ${plain.join(", ")})`;
    const sign = (value) => (value > 0 && !mel ? `+${value}` : `${value}`.replace("-", "\u2212"));
    const unit = mel ? "dB re the loudest" : "dB";
    return el("span", { class: "colours" }, `${sign(low)} `, shade, ` ${sign(high)} ${unit}`);
  },
};
