// One transport for all sounds: what is heard changes, the position stays.

// Seconds of a FLAC file's last frame, of 4096 samples at 16 kHz; and milliseconds after
// which a browser that looks for a position has not found it.
const LAST_FRAME = 0.26;
const STUCK = 2000;

const Player = {
  sound: null,
  playing: false,
  failed: null, // why the last sound did not play
  listeners: [],
  _elements: new Map(),
  _active: null, // the element that sounds or was heard last
  _at: 0, // the position while no element has one
  _turn: 0,

  changed() {
    for (const listener of this.listeners) listener();
  },

  position() {
    return this._active && this._active.readyState > 0 ? this._active.currentTime : this._at;
  },

  duration() {
    const said = State.utterance && State.utterance.seconds;
    const own = this._active && this._active.duration;
    return said || (Number.isFinite(own) ? own : 0);
  },

  // The element of a sound. Nothing is loaded before it is played.
  _element(sound) {
    let element = this._elements.get(sound.id);
    if (!element) {
      element = new Audio();
      element.preload = "none";
      element.dataset.source = address(sound.audio);
      element.addEventListener("ended", () => this._ended(element));
      this._elements.set(sound.id, element);
    }
    element.loop = State.repeat;
    element.volume = Levels.volume(sound, State.utterance, State.trueLevels);
    return element;
  },

  async _loaded(element) {
    if (element.readyState > 0) return;
    await Sources.give(element, element.dataset.source);
    if (element.readyState > 0) return;
    await new Promise((resolve, reject) => {
      element.addEventListener("loadedmetadata", resolve, { once: true });
      element.addEventListener(
        "error",
        () => reject(new Error("the sound cannot be loaded")),
        { once: true },
      );
      element.preload = "auto";
      element.load();
    });
  },

  // Put an element at a position and wait until it is there.
  _placed(element, seconds) {
    // Some browsers never arrive in the last frame of a FLAC file: they are put before.
    const flac = /\.flac$|^data:audio\/flac/.test(element.dataset.source);
    const tail = flac ? LAST_FRAME : 0.01;
    const end = Number.isFinite(element.duration) ? element.duration - tail : seconds;
    const to = Math.max(0, Math.min(seconds, end));
    if (Math.abs(element.currentTime - to) < 0.02) return Promise.resolve();
    return new Promise((resolve) => {
      const arrived = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        // Where it cannot be put, it is heard from its start rather than not at all.
        element.removeEventListener("seeked", arrived);
        element.addEventListener("loadedmetadata", resolve, { once: true });
        element.load();
      }, STUCK);
      element.addEventListener("seeked", arrived, { once: true });
      element.currentTime = to;
    });
  },

  async _start(sound) {
    const turn = ++this._turn;
    const next = this._element(sound);
    const old = this._active;
    try {
      // The old sound goes on until the new one is there.
      await this._loaded(next);
      if (turn !== this._turn) return;
      if (next !== old) await this._placed(next, this.position());
      if (turn !== this._turn) return;
      if (old && old !== next) old.pause();
      this._active = next;
      await next.play();
      if (turn !== this._turn && this._active !== next) next.pause();
    } catch (error) {
      if (turn !== this._turn || error.name === "AbortError") return;
      if (old && old !== next) old.pause();
      this._at = this.position();
      this._active = null;
      this.playing = false;
      this.failed = error.message;
      this.changed();
    }
  },

  _ended(element) {
    if (element !== this._active || !this.playing) return;
    this.playing = false;
    this._turn += 1;
    element.currentTime = 0;
    this.changed();
  },

  // Choose a sound; what plays goes on with it at the same position.
  select(sound) {
    if (!sound) return;
    const same = this.sound === sound;
    this.sound = sound;
    State.sound = sound;
    this.failed = null;
    if (this.playing && !same) {
      if (address(sound.audio)) this._start(sound);
      else this.pause();
    }
    this.changed();
  },

  play(sound) {
    if (sound) {
      this.sound = sound;
      State.sound = sound;
    }
    if (!this.sound || !address(this.sound.audio)) return;
    this.failed = null;
    this.playing = true;
    this._start(this.sound);
    this.changed();
  },

  pause() {
    this._turn += 1;
    this.playing = false;
    if (this._active) this._active.pause();
    this.changed();
  },

  toggle(sound) {
    if (this.playing && (!sound || sound === this.sound)) this.pause();
    else this.play(sound);
  },

  seek(seconds) {
    const to = Math.max(0, Math.min(seconds, this.duration()));
    this._at = to;
    const element = this._active;
    if (element && element.readyState > 0)
      this._placed(element, to).then(() => {
        if (this.playing && element === this._active && element.paused) element.play();
      });
    this.changed();
  },

  // Volumes and repeating as they are chosen now.
  refresh() {
    const byId = new Map((State.utterance.sounds || []).map((one) => [one.id, one]));
    for (const id of this._elements.keys()) {
      const sound = byId.get(id);
      if (sound) this._element(sound);
    }
    this.changed();
  },

  // Forget the sounds of an utterance that is left.
  clear() {
    this._turn += 1;
    this.playing = false;
    for (const element of this._elements.values()) Sources.take(element);
    this._elements.clear();
    this._active = null;
    this._at = 0;
    this.sound = null;
    State.sound = null;
  },
};
