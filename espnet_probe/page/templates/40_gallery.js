// The sounds of one utterance in one condition: recordings first, then model by model.
// Nothing else is in the page, so that it stays fast with many utterances.

const CONTROLS_OF_LAYERS = ["random", "shuffled"];

const Gallery = {
  columns: [], // the sounds as the arrow keys go: recordings, then a list per model
  controls: new Map(), // the id of a layer's sound → its controls
  stage: null,

  // Group the sounds of a condition.
  arrange(sounds) {
    this.controls = new Map();
    const layers = sounds.filter((sound) => sound.role === "layer");
    const main = [];
    for (const sound of sounds) {
      const of = CONTROLS_OF_LAYERS.includes(sound.role)
        ? layers.find((one) => one.model === sound.model && one.layer === sound.layer)
        : null;
      if (!of) main.push(sound);
      else this.controls.set(of.id, [...(this.controls.get(of.id) || []), sound]);
    }
    const groups = [{ model: null, sounds: main.filter((sound) => !Models.has(sound.model)) }];
    for (const model of Data.models) {
      const order = new Map((model.layers || []).map((layer, i) => [layer.id, i]));
      const place = (sound) => (sound.role === "oracle" ? -1 : order.get(sound.layer) ?? 999);
      const own = main.filter((sound) => sound.model === model.id);
      groups.push({ model, sounds: own.sort((one, two) => place(one) - place(two)) });
    }
    this.columns = groups.map((group) => group.sounds).filter((own) => own.length);
    return groups;
  },

  axis() {
    const seconds = Player.duration();
    if (!seconds) return null;
    const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60].find((one) => seconds / one <= 5) || 120;
    const axis = el("div", { class: "axis", "aria-hidden": "true" });
    for (let i = 0; i * step <= seconds * 0.97; i++) {
      const text = `${Number((i * step).toFixed(1))}${i ? "" : " s"}`;
      const tick = el("span", {}, text);
      tick.style.left = `${(100 * i * step) / seconds}%`;
      axis.append(tick);
    }
    return axis;
  },

  group({ model, sounds }, view) {
    const strips = (sound) => (State.controls ? this.controls.get(sound.id) || [] : []);
    const cells = sounds.map((sound) => Cells.cell(sound, strips(sound), view));
    if (!model)
      return cells.length
        ? el("section", { class: "recordings", "aria-label": "Recordings" }, cells)
        : null;
    return el(
      "section",
      { class: "model", "aria-label": model.label },
      el("h3", {}, named(model.label)),
      model.note ? el("p", { class: "notice", dir: "auto" }, model.note) : null,
      cells.length ? cells : el("p", { class: "none" }, "no sounds of this model"),
      cells.length ? this.axis() : null,
    );
  },

  about(sounds) {
    const { utterance } = State;
    const said =
      typeof utterance.text === "string"
        ? ["Said: ", el("q", { dir: "auto", id: "said" }, utterance.text)]
        : "No transcript.";
    const facts = [utterance.speaker && `speaker ${utterance.speaker}`];
    if (Number.isFinite(utterance.seconds)) facts.push(`${utterance.seconds.toFixed(2)} s`);
    const shown = facts.filter(Boolean);
    const any = sounds.some((sound) => typeof sound.text === "string");
    return el(
      "div",
      { class: "about" },
      el("p", { class: "said" }, said),
      shown.length ? el("p", { class: "hint" }, shown.map((text, i) => [i ? " · " : "", named(text)])) : null,
      any && typeof utterance.text === "string"
        ? el(
            "p",
            { class: "hint legend" },
            "Recognised in the sounds: ",
            el("mark", { class: "other" }, "wrong"),
            " ",
            el("mark", { class: "more" }, "not said"),
            " ",
            el("del", {}, "missed"),
          )
        : null,
    );
  },

  render() {
    const sounds = soundsOf(State.utterance, State.condition && State.condition.id);
    const view = Pictures.possible(State.view, sounds) ? State.view : "mel";
    const groups = this.arrange(sounds);
    const models = groups.filter((group) => group.model);
    const several = models.filter((group) => group.sounds.length).length > 1;
    const stage = el(
      "div",
      { class: several ? "stage several" : "stage one" },
      this.about(sounds),
      el("p", { class: "hint meaning" }, Pictures.bar(view, State.utterance), " ", VIEWS_EXPLAINED[view]),
      this.group(groups[0], view),
      el("div", { class: "models" }, models.map((group) => this.group(group, view))),
    );
    // Recordings are as wide as a model's column: one time axis for all that is seen.
    stage.style.setProperty("--columns", models.length || 1);
    this.stage.replaceWith(stage);
    this.stage = stage;
    Choosers.show(sounds, view);
    this.show();
    Transport.move();
  },

  // Mark what is chosen, what plays and what is A and B.
  show() {
    for (const cell of this.stage.querySelectorAll("[data-sound]")) {
      const { sound } = cell.dataset;
      const chosen = Player.sound && Player.sound.id === sound;
      cell.classList.toggle("chosen", Boolean(chosen));
      const button = cell.querySelector(":scope > .head .play");
      button.setAttribute("aria-pressed", String(Boolean(chosen && Player.playing)));
      for (const mark of cell.querySelectorAll(":scope > .head .mark-as")) {
        const own = State.marks[mark.dataset.mark];
        mark.setAttribute("aria-pressed", String(Boolean(own && own.id === sound)));
      }
    }
  },

  cellOf(sound) {
    return [...this.stage.querySelectorAll("[data-sound]")].find(
      (cell) => cell.dataset.sound === sound.id,
    );
  },

  // Bring the chosen sound into view; with its button focused if one was before.
  reveal() {
    const cell = Player.sound && this.cellOf(Player.sound);
    if (!cell) return;
    const inside = this.stage.contains(document.activeElement);
    if (inside || document.activeElement === document.body)
      cell.querySelector(".play").focus({ preventScroll: true });
    cell.scrollIntoView({ block: "nearest" });
  },
};
