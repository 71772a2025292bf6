// One sound: a button that plays it, its picture with the playhead, what was recognised.

const SHOWN_SCORES = ["stoi", "estoi", "pesq_wb", "l1"];

const Cells = {
  scores(sound) {
    const said = [];
    for (const name of SHOWN_SCORES) {
      const value = (sound.scores || {})[name];
      if (!Number.isFinite(value)) continue;
      const metric = Metrics.get(name);
      // What stands in brackets explains; there is no room for it here.
      const label = metric ? metric.label.replace(/ \(.*\)$/, "") : name.toUpperCase();
      said.push(`${label} ${number(value, metric ? metric.digits : 2)}`);
    }
    if (Number.isFinite(sound.noise_kept))
      said.push(`noise kept ${number(100 * sound.noise_kept, 0)} %`);
    return said.join(" · ");
  },

  playButton(sound, small) {
    const can = address(sound.audio);
    return el(
      "button",
      {
        type: "button",
        class: small ? "play small" : "play",
        "aria-label": `Play ${fullName(sound)}`,
        "aria-pressed": "false",
        "aria-disabled": can ? null : "true",
        title: can ? null : sound.note || "there is no sound",
        onclick: () => (can ? Player.toggle(sound) : Player.select(sound)),
      },
      icon("play"),
      icon("pause"),
    );
  },

  markButton(sound, letter) {
    return el(
      "button",
      {
        type: "button",
        class: "mark-as",
        "data-mark": letter,
        "aria-pressed": "false",
        "aria-label": `Mark ${fullName(sound)} as ${letter.toUpperCase()}`,
        onclick: () => Marks.set(letter, sound),
      },
      letter.toUpperCase(),
    );
  },

  picture(sound, view) {
    const shown = Pictures.of(sound, view);
    const said = Pictures.said[shown.kind];
    const box = el("div", { class: `picture ${shown.kind}` });
    if (shown.address) {
      const alt = `${said}: ${fullName(sound)}`;
      box.append(el("img", { src: shown.address, alt, loading: "lazy", draggable: "false" }));
    } else {
      box.append(el("span", { class: "none" }, shown.kind === "mel" ? "no picture" : `${said}: none`));
    }
    box.append(el("i", { class: "playhead", "aria-hidden": "true" }));
    // For the mouse; the slider below does the same by keyboard.
    box.addEventListener("click", (event) => {
      const frame = box.getBoundingClientRect();
      Player.select(sound);
      Player.seek(((event.clientX - frame.left) / frame.width) * Player.duration());
      if (!Player.playing) Player.play(sound);
    });
    return box;
  },

  // A control of a layer: smaller, under its layer.
  strip(sound, view) {
    return el(
      "div",
      { class: `strip ${sound.role}`, "data-sound": sound.id, role: "group", "aria-label": fullName(sound) },
      el(
        "div",
        { class: "head" },
        this.playButton(sound, true),
        el("span", { class: "name", title: ROLES_EXPLAINED[sound.role] }, ROLES[sound.role] || sound.role),
        el("span", { class: "marks" }, this.markButton(sound, "a"), this.markButton(sound, "b")),
      ),
      el("div", { class: "seen" }, this.picture(sound, view)),
      el("div", { class: "words" }, recognised(sound, State.utterance.text)),
    );
  },

  cell(sound, strips, view) {
    const facts = this.scores(sound);
    return el(
      "div",
      { class: `cell ${sound.role}`, "data-sound": sound.id, role: "group", "aria-label": fullName(sound) },
      el(
        "div",
        { class: "head" },
        this.playButton(sound, false),
        el("span", { class: "name", title: ROLES_EXPLAINED[sound.role] }, named(soundName(sound))),
        el("span", { class: "marks" }, this.markButton(sound, "a"), this.markButton(sound, "b")),
      ),
      el("div", { class: "seen" }, this.picture(sound, view)),
      el(
        "div",
        { class: "words" },
        recognised(sound, State.utterance.text),
        facts ? el("p", { class: "facts" }, facts) : null,
        sound.note ? el("p", { class: "none", dir: "auto" }, sound.note) : null,
      ),
      strips.length ? el("div", { class: "strips" }, strips.map((one) => this.strip(one, view))) : null,
    );
  },
};
