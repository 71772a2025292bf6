// Choosing the utterance, the condition, the pictures.

// The same sound of another utterance or condition, or the nearest to it.
function counterpart(sound, sounds) {
  if (!sound) return null;
  const same = (one, other) => one.model === other.model && one.layer === other.layer;
  const recording = (one) => one.role === "natural" || one.role === "noisy";
  return (
    sounds.find((one) => one.id === sound.id) ||
    sounds.find((one) => one.role === sound.role && same(one, sound)) ||
    (recording(sound) ? sounds.find(recording) : null) ||
    sounds.find((one) => one.role === sound.role) ||
    null
  );
}

function firstSound(sounds) {
  return sounds.find((one) => address(one.audio)) || sounds[0] || null;
}

function chooseUtterance(utterance) {
  const before = Player.sound;
  Player.clear();
  State.utterance = utterance;
  State.marks = { a: null, b: null };
  const there = conditionsOf(utterance);
  State.condition = there.find((one) => one === State.condition) || there[0] || null;
  const sounds = soundsOf(utterance, State.condition && State.condition.id);
  State.write();
  Player.sound = State.sound = counterpart(before, sounds) || firstSound(sounds);
  Gallery.render();
  Player.changed();
}

// What plays goes on at its position, as it is in the other condition.
function chooseCondition(condition, sound) {
  State.condition = condition;
  State.write();
  const sounds = soundsOf(State.utterance, condition.id);
  Gallery.render();
  Player.select(sound || counterpart(Player.sound, sounds) || firstSound(sounds));
}

function chooseView(view) {
  State.view = view;
  State.write();
  Gallery.render();
}

function stepUtterance(by) {
  const every = Data.utterances;
  const to = every[every.indexOf(State.utterance) + by];
  if (to) chooseUtterance(to);
}

// Buttons of which one is chosen.
function choiceOf(name, title, entries, choose) {
  const buttons = entries.map(({ id, label }) =>
    el(
      "label",
      {},
      el("input", { type: "radio", name, value: id, onchange: () => choose(id) }),
      el("span", {}, named(label)),
    ),
  );
  return el("fieldset", { class: "choice", "data-choice": name }, el("legend", {}, title), el("div", { class: "buttons" }, buttons));
}

const Choosers = {
  node: null,

  make() {
    const select = el(
      "select",
      { id: "utterance", onchange: () => chooseUtterance(Utterances.get(select.value)) },
      Data.utterances.map((one) =>
        el("option", { value: one.id }, one.text ? `${one.name}: ${one.text}` : one.name),
      ),
    );
    const step = (by, name, text) =>
      el("button", { type: "button", "aria-label": text, title: text, "data-step": by, onclick: () => stepUtterance(by) }, icon(name));
    this.node = el(
      "div",
      { class: "choosers" },
      el(
        "div",
        { class: "choice wide" },
        el("label", { for: "utterance" }, "Utterance"),
        el("div", { class: "steps" }, step(-1, "left", "Previous utterance"), select, step(1, "right", "Next utterance")),
      ),
      el("div", { id: "conditions" }),
      choiceOf("view", "Pictures", Object.entries(VIEWS).map(([id, label]) => ({ id, label })), chooseView),
      el(
        "label",
        { class: "tick", id: "controls-tick" },
        el("input", {
          type: "checkbox",
          id: "controls",
          checked: true,
          onchange: (event) => {
            State.controls = event.target.checked;
            Gallery.render();
          },
        }),
        "controls under each layer",
      ),
    );
    return this.node;
  },

  // What can be chosen, and what is.
  show(sounds, view) {
    const { utterance, condition } = State;
    const select = this.node.querySelector("#utterance");
    select.value = utterance.id;
    const at = Data.utterances.indexOf(utterance);
    this.node.querySelector("[data-step='-1']").disabled = at === 0;
    this.node.querySelector("[data-step='1']").disabled = at === Data.utterances.length - 1;
    const there = conditionsOf(utterance);
    const place = this.node.querySelector("#conditions");
    const known = place.dataset.conditions;
    const wanted = JSON.stringify(there.map((one) => one.id));
    if (known !== wanted) {
      place.dataset.conditions = wanted;
      place.replaceChildren(
        there.length > 1
          ? choiceOf("condition", "Condition", there, (id) => chooseCondition(Conditions.get(id)))
          : "",
      );
    }
    for (const input of place.querySelectorAll("input"))
      input.checked = Boolean(condition) && input.value === condition.id;
    for (const input of this.node.querySelectorAll("input[name=view]")) {
      input.checked = input.value === view;
      input.disabled = !Pictures.possible(input.value, sounds);
    }
    this.node.querySelector("#controls-tick").hidden = Gallery.controls.size === 0;
  },
};
