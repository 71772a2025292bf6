// The keys, and the help that lists them.

const KEYS = [
  ["Space", "play or pause"],
  ["↑ ↓", "the layer above or below, at the same position"],
  ["← →", "another model, or the recordings"],
  ["Shift + ← →", "a little back or on"],
  ["a, b", "mark the sound as A, as B"],
  ["x", "switch between A and B"],
  ["c", "to the layer's controls and back"],
  ["o", "the original"],
  ["1 … 9", "condition"],
  ["n, p", "next or previous utterance"],
  ["v", "the next kind of picture"],
  ["l", "true levels or equal loudness"],
  ["r", "repeat"],
  ["?", "this help"],
];

const Help = {
  node: null,

  make() {
    const close = el("button", { type: "button", class: "close", autofocus: true, onclick: () => this.node.close() }, "Close");
    const levels = Levels.possible()
      ? ""
      : el("p", { class: "notice" }, "This device lets no page set a volume: sounds are at their true levels.");
    this.node = el(
      "dialog",
      { id: "help", "aria-labelledby": "help-title" },
      el("h2", { id: "help-title" }, "Listening by keyboard"),
      el(
        "table",
        { class: "keys" },
        el("tbody", {}, KEYS.map(([key, text]) => el("tr", {}, el("th", { scope: "row" }, el("kbd", {}, key)), el("td", {}, text)))),
      ),
      el(
        "label",
        { class: "tick" },
        el("input", {
          type: "checkbox",
          id: "shortcuts",
          checked: true,
          onchange: (event) => {
            State.shortcuts = event.target.checked;
          },
        }),
        "letters, digits and the space bar are shortcuts",
      ),
      el(
        "p",
        { class: "hint" },
        "Sounds are played equally loud: each is turned down to the quietest one of the utterance, by its level over " +
          `active speech (sounds more than ${Levels.most} dB below the loudest are left out of this). Nothing is turned up, so no peak is cut.`,
      ),
      levels,
      close,
    );
    return this.node;
  },

  open() {
    if (!this.node.open) this.node.showModal();
  },
};

const Keys = {
  // Where keys have a meaning of their own.
  taken(target, key) {
    if (target.closest("dialog, .chart, textarea, .scroll")) return true;
    if (target.tagName === "SELECT") return true;
    if (target.tagName === "INPUT") {
      if (key === " ") return target.type === "checkbox";
      if (key.startsWith("Arrow")) return target.type !== "checkbox";
      return target.type === "text";
    }
    if (key === " " || key === "Enter") return Boolean(target.closest("button, a, summary"));
    return false;
  },

  // A dialog that was just closed keeps the focus until the page is drawn again.
  target(event) {
    const nowhere = !(event.target instanceof Element) || event.target.closest("dialog:not([open])");
    return nowhere ? document.body : event.target;
  },

  down(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !State.utterance) return;
    const target = this.target(event);
    if (this.taken(target, event.key)) return;
    const arrow = event.key.startsWith("Arrow");
    // Outside of the sounds arrows scroll the page.
    if (arrow && !this.listening(target)) return;
    if (!arrow && !State.shortcuts) return;
    if (this.act(event.key, event.shiftKey)) event.preventDefault();
  },

  listening(target) {
    if (document.getElementById("listen").contains(target)) return true;
    const frame = Gallery.stage.getBoundingClientRect();
    return target === document.body && frame.top < innerHeight / 2 && frame.bottom > 120;
  },

  act(key, shift) {
    if (key === "ArrowUp") this.move(0, -1);
    else if (key === "ArrowDown") this.move(0, 1);
    else if (key === "ArrowLeft" && shift) Player.seek(Player.position() - 0.25);
    else if (key === "ArrowRight" && shift) Player.seek(Player.position() + 0.25);
    else if (key === "ArrowLeft") this.move(-1, 0);
    else if (key === "ArrowRight") this.move(1, 0);
    else if (key === " ") Player.toggle();
    else if (key === "?") Help.open();
    else return this.letter(key.toLowerCase());
    return true;
  },

  letter(key) {
    const press = (id) => document.getElementById(id).click();
    if (key === "a" || key === "b") Marks.set(key, Player.sound);
    else if (key === "x") Marks.swap();
    else if (key === "c") this.control();
    else if (key === "o") this.go(soundsOf(State.utterance, State.condition.id).find((one) => one.role === "natural"));
    else if (key === "n") stepUtterance(1);
    else if (key === "p") stepUtterance(-1);
    else if (key === "l") press("true-levels");
    else if (key === "r") press("repeat");
    else if (key === "v") this.view();
    else if (/^[1-9]$/.test(key)) {
      const condition = conditionsOf(State.utterance)[Number(key) - 1];
      if (condition) chooseCondition(condition);
    } else return false;
    return true;
  },

  go(sound) {
    if (!sound) return;
    Player.select(sound);
    if (!Player.playing) announce(fullName(sound));
    Gallery.reveal();
  },

  // The layer's sound that a control belongs to; others belong to themselves.
  owner(sound) {
    for (const [id, controls] of Gallery.controls)
      if (controls.includes(sound)) return State.utterance.sounds.find((one) => one.id === id);
    return sound;
  },

  move(columns, rows) {
    const every = Gallery.columns;
    if (!every.length) return;
    const own = this.owner(Player.sound);
    const column = every.findIndex((sounds) => sounds.includes(own));
    if (column < 0) return this.go(every[0][0]);
    const to = every[Math.max(0, Math.min(every.length - 1, column + columns))];
    const row = every[column].indexOf(own) + rows;
    this.go(to[Math.max(0, Math.min(to.length - 1, row))]);
  },

  control() {
    const own = this.owner(Player.sound);
    const ring = [own, ...((own && Gallery.controls.get(own.id)) || [])];
    if (!State.controls) document.getElementById("controls").click();
    this.go(ring[(ring.indexOf(Player.sound) + 1) % ring.length]);
  },

  view() {
    const sounds = soundsOf(State.utterance, State.condition.id);
    const views = Object.keys(VIEWS).filter((view) => Pictures.possible(view, sounds));
    chooseView(views[(views.indexOf(State.view) + 1) % views.length]);
  },
};
