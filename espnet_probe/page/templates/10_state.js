// What is chosen, kept in the address so that a link or a reload brings it back.

const State = {
  utterance: null,
  condition: null,
  view: "mel",
  sound: null, // the sound that is heard or would be
  marks: { a: null, b: null },
  trueLevels: false,
  controls: true,
  repeat: false,
  shortcuts: true,

  read() {
    const said = new URLSearchParams(location.hash.slice(1));
    if (!said.has("utterance") && this.utterance) return false; // a link to a section
    const asked = Utterances.get(said.get("utterance"));
    this.utterance = asked || this.utterance || Data.utterances[0] || null;
    if (!this.utterance) return false;
    const there = conditionsOf(this.utterance);
    const condition = there.find((one) => one.id === said.get("condition"));
    this.condition = condition || this.condition || there[0] || null;
    if (["mel", "lost", "noise"].includes(said.get("view"))) this.view = said.get("view");
    return Boolean(asked);
  },

  write() {
    if (!this.utterance || !this.condition) return;
    const said = new URLSearchParams({
      utterance: this.utterance.id,
      condition: this.condition.id,
    });
    if (this.view !== "mel") said.set("view", this.view);
    try {
      history.replaceState(null, "", `#${said}`);
    } catch (error) {
      location.replace(`#${said}`); // browsers that forbid it for files
    }
  },
};
