// The bar under the sounds: play, position, A and B, levels.

const Marks = {
  set(letter, sound) {
    if (!sound) return;
    State.marks[letter] = sound;
    announce(`${letter.toUpperCase()} is ${fullName(sound)}`);
    Player.changed();
  },

  // Go to a marked sound, in its own condition.
  go(letter) {
    const sound = State.marks[letter];
    if (!sound) return;
    const shown = soundsOf(State.utterance, State.condition.id);
    if (shown.includes(sound)) Player.select(sound);
    else chooseCondition(Conditions.get(sound.condition), sound);
    Gallery.reveal();
  },

  // From one marked sound to the other; to A from anywhere else.
  swap() {
    const { a, b } = State.marks;
    const to = Player.sound && Player.sound === a ? b : a || b;
    if (!to) announce("Mark two sounds first, with A and B.");
    else this.go(to === a ? "a" : "b");
  },
};

const Transport = {
  node: null,
  parts: {},
  _frame: 0,

  make() {
    const parts = this.parts;
    const button = (attributes, ...children) => el("button", { type: "button", ...attributes }, ...children);
    parts.play = button({ class: "play", "aria-label": "Play", onclick: () => Player.toggle() }, icon("play"), icon("pause"));
    parts.name = el("span", { class: "name", dir: "auto" });
    parts.note = el("span", { class: "note" });
    parts.time = el("span", { class: "time" });
    parts.slider = el("input", {
      type: "range",
      id: "position",
      min: "0",
      max: "1000",
      step: "1",
      value: "0",
      "aria-label": "Position",
      oninput: () => Player.seek((parts.slider.value / 1000) * Player.duration()),
    });
    parts.a = button({ class: "slot", "data-slot": "a", onclick: () => Marks.go("a") });
    parts.b = button({ class: "slot", "data-slot": "b", onclick: () => Marks.go("b") });
    parts.swap = button({ class: "swap", id: "swap", onclick: () => Marks.swap() }, "A⇄B");
    parts.swap.setAttribute("aria-label", "A⇄B: switch between A and B");
    const tick = (id, text, set) =>
      el("label", { class: "tick" }, el("input", { type: "checkbox", id, onchange: (event) => set(event.target.checked) }), text);
    this.node = el(
      "div",
      { class: "transport", role: "region", "aria-label": "Player" },
      el("div", { class: "line" }, parts.play, el("div", { class: "what" }, parts.name, parts.note), parts.time),
      parts.slider,
      el(
        "div",
        { class: "line tools" },
        el("span", { class: "ab" }, parts.a, parts.swap, parts.b),
        tick("true-levels", "true levels", (on) => {
          State.trueLevels = on;
          Player.refresh();
        }),
        tick("repeat", "repeat", (on) => {
          State.repeat = on;
          Player.refresh();
        }),
        button({ class: "help", id: "help-open", "aria-label": "Keys and help", onclick: () => Help.open() }, "?"),
      ),
    );
    return this.node;
  },

  level(sound) {
    if (!Number.isFinite(sound.level)) return "level not known";
    const gain = Levels.gain(sound, State.utterance, State.trueLevels);
    if (State.trueLevels) return `${sound.level.toFixed(1)} dBFS, as it is`.replace("-", "\u2212");
    return gain < -0.05 ? `turned down by ${(-gain).toFixed(1)} dB` : "as loud as it is";
  },

  slot(letter) {
    const sound = State.marks[letter];
    const node = this.parts[letter];
    const text = sound ? fullName(sound) : "not marked";
    node.replaceChildren(el("b", {}, letter.toUpperCase()), " ", el("span", { dir: "auto" }, sound ? soundName(sound) : "–"));
    node.setAttribute("aria-label", `${letter.toUpperCase()}: ${text}`);
    node.title = text;
    node.disabled = !sound;
    node.setAttribute("aria-pressed", String(Boolean(sound && sound === Player.sound)));
  },

  show() {
    const { parts } = this;
    const { sound } = Player;
    parts.play.setAttribute("aria-pressed", String(Player.playing));
    parts.play.setAttribute("aria-label", Player.playing ? "Pause" : "Play");
    parts.play.disabled = !sound || !address(sound.audio);
    parts.name.textContent = sound ? fullName(sound) : "no sound";
    parts.note.textContent = !sound
      ? ""
      : Player.failed || (address(sound.audio) ? this.level(sound) : "there is no sound");
    parts.swap.disabled = !State.marks.a && !State.marks.b;
    this.slot("a");
    this.slot("b");
    this.move();
    if (Player.playing && !this._frame) this._frame = requestAnimationFrame(() => this.tick());
  },

  tick() {
    this._frame = 0;
    this.move();
    if (Player.playing) this._frame = requestAnimationFrame(() => this.tick());
  },

  // Put all playheads at the position.
  move() {
    const seconds = Player.duration();
    const at = Player.position();
    const share = seconds ? Math.min(1, at / seconds) : 0;
    Gallery.stage.style.setProperty("--at", `${(100 * share).toFixed(2)}%`);
    const { slider, time } = this.parts;
    const value = String(Math.round(1000 * share));
    if (slider.value !== value) slider.value = value;
    slider.setAttribute("aria-valuetext", `${at.toFixed(1)} of ${seconds.toFixed(1)} seconds`);
    const text = `${at.toFixed(1)} / ${seconds.toFixed(1)} s`;
    if (time.textContent !== text) time.textContent = text;
  },
};
