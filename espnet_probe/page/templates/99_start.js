// Put everything in place once the page is read.

function startListening() {
  const place = document.getElementById("gallery");
  if (!State.read() && !State.utterance) {
    place.append(el("p", { class: "none" }, "There are no sounds in this report."));
    return;
  }
  Gallery.stage = el("div", { class: "stage" });
  place.append(Choosers.make(), Gallery.stage, Transport.make(), Help.make());
  const sounds = soundsOf(State.utterance, State.condition && State.condition.id);
  Player.sound = State.sound = firstSound(sounds.filter((sound) => sound.role === "layer")) || firstSound(sounds);
  Gallery.render();
  let said = null;
  Player.listeners.push(
    () => Gallery.show(),
    () => Transport.show(),
    () => {
      const text = Player.failed || (Player.playing && Player.sound ? `Playing ${fullName(Player.sound)}` : null);
      if (text && text !== said) announce(text);
      said = text;
    },
  );
  Player.changed();
  document.addEventListener("keydown", (event) => Keys.down(event));
  addEventListener("hashchange", () => {
    const before = [State.utterance, State.condition];
    if (!State.read()) return;
    const condition = State.condition;
    if (before[0] !== State.utterance) chooseUtterance(State.utterance);
    else if (before[1] !== condition) chooseCondition(condition);
    else Gallery.render();
  });
}

for (const node of document.querySelectorAll(".needs-script")) node.hidden = false;
Theme.start();
startListening();
Curves.start(document.getElementById("charts"));
addTableButtons();
openLinked();
addEventListener("hashchange", openLinked);
