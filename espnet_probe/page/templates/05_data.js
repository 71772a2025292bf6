// The page's data, and what is looked up in them often.

const Data = JSON.parse(document.getElementById("report-data").textContent);
for (const name of ["models", "conditions", "metrics", "curves", "levels", "utterances"])
  Data[name] = Data[name] || [];
Data.pictures = Data.pictures || {};

function indexed(entries) {
  return new Map(entries.map((entry) => [entry.id, entry]));
}

const Models = indexed(Data.models);
const Conditions = indexed(Data.conditions);
const Metrics = indexed(Data.metrics);
const Utterances = indexed(Data.utterances);

function layerLabel(model, layer) {
  const found = model && (model.layers || []).find((one) => one.id === layer);
  return found ? found.label : layer || "";
}

const ROLES = {
  natural: "original",
  noisy: "noisy input",
  oracle: "oracle",
  random: "random encoder",
  shuffled: "shuffled in time",
};

const ROLES_EXPLAINED = {
  natural: "The clean recording.",
  noisy: "What the model heard: the recording with noise.",
  oracle: "The input's own mel, vocoded without a probe: the best that a probe can do.",
  random: "The same layer of an encoder that was never trained.",
  shuffled: "The probe's input shuffled in time.",
};

// What a sound is called beside others of its model.
function soundName(sound) {
  const layer = layerLabel(Models.get(sound.model), sound.layer);
  if (sound.role === "layer") return layer;
  return [ROLES[sound.role] || sound.role, layer].filter(Boolean).join(", ");
}

// What it is called where nothing stands beside it.
function fullName(sound) {
  const model = Models.get(sound.model);
  const condition = Conditions.get(sound.condition);
  return [soundName(sound), model && model.label, condition && condition.label]
    .filter(Boolean)
    .join(", ");
}

// The conditions that there are sounds of, in the order of the data.
function conditionsOf(utterance) {
  const there = new Set((utterance.sounds || []).map((sound) => sound.condition));
  return Data.conditions.filter((condition) => there.has(condition.id));
}

// The sounds of a condition; to noisy ones the clean recording, which has no noisy one.
function soundsOf(utterance, condition) {
  const every = utterance.sounds || [];
  const own = every.filter((sound) => sound.condition === condition);
  if (own.some((sound) => sound.role === "natural")) return own;
  const clean = (Conditions.get(condition) || {}).clean;
  const natural = every.filter((sound) => sound.role === "natural");
  const first = natural.find((sound) => sound.condition === clean) || natural[0];
  return first ? [first, ...own] : own;
}
