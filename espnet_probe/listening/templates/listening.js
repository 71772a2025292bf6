(function () {
  "use strict";

  const data = JSON.parse(document.getElementById("test-data").textContent);
  const rated = data.scale === "similarity";
  const SOUNDS = ["A", "B", "X"];
  const SIDES = ["A", "B"];
  const WEEK = 7 * 24 * 3600 * 1000;
  const byId = (id) => document.getElementById(id);
  const store = listeningStore(data.test, () => notice(""));

  let ownName = "";

  // One name for all sheets that a person begins in this browser; a sheet keeps its own
  // when somebody else begins another.
  function listener() {
    if (/^[0-9a-f]{24}$/.test(state.listener)) return state.listener;
    const known = store.read("listener") || ownName;
    if (/^[0-9a-f]{24}$/.test(known)) return known;
    ownName = store.randomName();
    store.write("listener", ownName);
    return ownName;
  }

  const KEEPS_NOTHING = "This browser keeps nothing of this page: do not close or reload it before you have handed in your answers.";

  function notice(text) {
    const said = text || (store.keeps() ? "" : KEEPS_NOTHING);
    if (byId("notice").textContent !== said) byId("notice").textContent = said;
    byId("notice").hidden = !said;
  }

  // ------------------------------------------------------------ which sheet
  const numbers = Object.keys(data.sheets);
  const asked = new URLSearchParams(location.search).get("sheet");
  const sheet = asked !== null && numbers.includes(asked) ? asked : numbers.length === 1 ? numbers[0] : null;

  function show(id, focus) {
    for (const name of ["choose", "intro", "task", "done"]) byId(name).hidden = name !== id;
    byId("progress-line").hidden = id !== "task";
    window.scrollTo(0, 0);
    if (focus) byId(id).querySelector("h2").focus({ preventScroll: true });
  }

  if (sheet === null) {
    if (asked !== null) notice("There is no sheet of that number.");
    for (const number of numbers) {
      const link = document.createElement("a");
      link.href = `?sheet=${number}`;
      link.textContent = number;
      link.setAttribute("aria-label", `Sheet ${number}`);
      const entry = document.createElement("li");
      entry.append(link);
      byId("sheet-list").append(entry);
    }
    show("choose", false);
    return;
  }

  const items = data.sheets[sheet];

  const fresh = () => ({ listener: "", started: "", finished: "", level_check: "", answers: [], current: null, handed_in: false });

  function parsed(text) {
    try {
      const found = JSON.parse(text);
      const fits = found && Array.isArray(found.answers) && found.answers.length <= items.length
        && found.answers.every((answer, place) => answer.item === items[place].item);
      return fits ? found : null;
    } catch (error) {
      return null;
    }
  }

  let state = parsed(store.read(`sheet${sheet}`)) || fresh();

  // The same sheet may be open in two windows. Each answer of the one takes the other
  // along; nothing else does, and nobody writes over answers that it does not know.
  let leaving = false;

  function follow() {
    leaving = true;
    stop();
    location.reload();
  }

  // Whether what is kept has answers, or a beginning, that this window does not know.
  function isBehind(kept) {
    if (!kept || !kept.started) return false;
    if (kept.started !== state.started) return true;
    return kept.answers.some((answer, place) => JSON.stringify(answer) !== JSON.stringify(state.answers[place]));
  }

  // Returns false if the page is being loaded anew instead, with what is kept.
  function save() {
    if (leaving) return false;
    if (store.keeps() && isBehind(parsed(store.read(`sheet${sheet}`)))) {
      follow();
      return false;
    }
    store.write(`sheet${sheet}`, JSON.stringify(state));
    return true;
  }

  // ------------------------------------------------------------ playing
  const players = new Map();  // By file: what is loaded.
  let playing = null;  // { side, audio }

  function player(file) {
    if (!players.has(file)) {
      const audio = new Audio();
      audio.preload = "auto";
      audio.src = `${data.folder}/${file}`;
      players.set(file, audio);
    }
    return players.get(file);
  }

  function forget(keep) {
    for (const [file, audio] of players) {
      if (keep.has(file)) continue;
      audio.onended = audio.ontimeupdate = audio.onerror = null;
      audio.pause();
      audio.removeAttribute("src");
      players.delete(file);
    }
  }

  function stop() {
    if (playing === null) return;
    playing.audio.onended = playing.audio.ontimeupdate = null;
    playing.audio.pause();
    const before = playing;
    playing = null;
    before.changed(0, false);
  }

  // changed(part, ended): part of the sound that has been played, and whether it came to its end.
  function play(side, file, changed) {
    stop();
    const audio = player(file);
    if (audio.error) audio.load();
    audio.currentTime = 0;
    const own = { side, audio, changed };
    playing = own;
    const failed = () => {
      if (playing !== own) return;
      playing = null;
      changed(0, false);
      const reload = store.keeps() ? ", or reload the page: nothing is lost" : "";
      notice(`This sound could not be played. Please try again${reload}. If it stays so, tell whoever asked you.`);
    };
    audio.onerror = failed;
    audio.ontimeupdate = () => changed(audio.duration ? audio.currentTime / audio.duration : 0, false);
    audio.onended = () => {
      if (playing === own) playing = null;
      changed(0, true);
    };
    audio.play().then(() => notice(""), (error) => {
      // Aborted: another sound was started before this one, which is no failure.
      if (error.name !== "AbortError") failed();
    });
    changed(0, false);
  }

  // ------------------------------------------------------------ before the test
  let levelPlays = 0;

  function begin(focus) {
    const level = byId("level-box");
    const consent = byId("consent-box");
    const check = () => {
      const lacking = [];
      if (consent && !consent.checked) lacking.push("agree to the text under Consent");
      if (!level.checked) lacking.push(level.disabled ? "play the voice under Loudness" : "confirm the loudness");
      byId("start").disabled = lacking.length > 0;
      byId("start-hint").textContent = lacking.length ? `To start: ${lacking.join(", then ")}.` : `${items.length} items.`;
    };
    byId("level-play").onclick = () => {
      levelPlays += 1;
      play("level", data.level, (part, ended) => {
        if (ended) level.disabled = false;
        byId("level-state").textContent = playing !== null ? "playing …" : "";
        check();
      });
    };
    level.onchange = check;
    if (consent) consent.onchange = check;
    byId("start").onclick = () => {
      stop();
      state.listener = listener();
      state.level_check = `confirmed, played ${levelPlays} times`;
      state.started = new Date().toISOString();
      next();
    };
    check();
    show("intro", focus);
  }

  // ------------------------------------------------------------ one item
  let since = 0;  // When the time of the current item was last counted.
  let marked = "A";  // The pair that a digit rates.

  function countTime() {
    const now = performance.now();
    if (state.current && !document.hidden && since) state.current.milliseconds += now - since;
    since = now;
  }

  function item() {
    return items[state.answers.length];
  }

  function allHeard() {
    return SOUNDS.every((side) => state.current.heard[side]);
  }

  function chosen() {
    const picked = document.querySelector("input[name=choice]:checked");
    return picked ? picked.value : null;
  }

  function rating(side) {
    const picked = document.querySelector(`input[name=rating-${side}]:checked`);
    return picked ? Number(picked.value) : null;
  }

  function ready() {
    return allHeard() && (rated ? SIDES.every((side) => rating(side) !== null) : chosen() !== null);
  }

  function draw() {
    const { heard } = state.current;
    for (const side of SOUNDS) {
      const button = byId(`play-${side}`);
      const now = playing !== null && playing.side === side;
      button.classList.toggle("playing", now);
      button.classList.toggle("heard", heard[side]);
      const said = now ? "playing" : heard[side] ? "✓ heard" : "▶ play";
      if (byId(`state-${side}`).textContent !== said) byId(`state-${side}`).textContent = said;
      button.setAttribute("aria-label", `${side}, ${now ? "playing" : heard[side] ? "heard, play again" : "play, not heard yet"}`);
      if (!now) byId(`bar-${side}`).style.width = "0";
    }
    const open = allHeard();
    for (const fieldset of document.querySelectorAll("#task fieldset")) fieldset.disabled = !open;
    if (rated) for (const side of SIDES) byId(`rating-${side}`).classList.toggle("marked", open && marked === side);
    byId("next").disabled = !ready();
    const left = SOUNDS.filter((side) => !heard[side]);
    const ask = rated ? "Rate both pairs." : "Choose A or B.";
    const said = left.length ? `Listen to the end of ${left.join(", ")} first.` : ready() ? "You can still change your answer." : ask;
    if (byId("item-hint").textContent !== said) byId("item-hint").textContent = said;
  }

  function playSide(side) {
    const plays = state.current.plays;
    plays[side] = Math.min(plays[side] + 1, 10000);
    countTime();
    if (!save()) return;
    const name = item().item;
    play(side, item()[side], (part, ended) => {
      if (!state.current || state.current.item !== name) return;
      byId(`bar-${side}`).style.width = `${100 * part}%`;
      if (ended && !state.current.heard[side]) {
        state.current.heard[side] = true;
        countTime();
        save();
      }
      draw();
    });
  }

  function next() {
    stop();
    if (state.answers.length === items.length) {
      // A clock that was set back in between does not turn time round.
      const now = new Date().toISOString();
      if (!state.finished) state.finished = now < state.started ? state.started : now;
      state.current = null;
      if (save()) finish(true);
      return;
    }
    const here = item();
    if (!state.current || state.current.item !== here.item) {
      const none = { A: 0, B: 0, X: 0 };
      state.current = { item: here.item, plays: none, heard: { A: false, B: false, X: false }, milliseconds: 0 };
    }
    if (!save()) return;
    since = performance.now();
    marked = "A";
    for (const input of document.querySelectorAll("#task input")) input.checked = false;
    const place = state.answers.length + 1;
    byId("item-title").textContent = `Item ${place} of ${items.length}`;
    byId("progress").max = items.length;
    byId("progress").value = place - 1;
    byId("progress-text").textContent = `${place - 1} of ${items.length} done`;
    byId("next").textContent = place === items.length ? "Finish" : "Next";
    const later = items[place];
    const near = new Set([...SOUNDS.map((side) => here[side]), ...(later ? SOUNDS.map((side) => later[side]) : [])]);
    forget(near);
    near.forEach(player);
    notice("");
    show("task", true);
    draw();
  }

  function answer() {
    if (!ready()) return;
    countTime();
    const { plays, milliseconds } = state.current;
    state.answers.push({
      item: state.current.item,
      choice: rated ? null : chosen(),
      ratings: rated ? { A: rating("A"), B: rating("B") } : null,
      plays: { A: plays.A, B: plays.B, X: plays.X },
      milliseconds: Math.min(Math.round(milliseconds), WEEK),
    });
    state.current = null;
    next();
  }

  for (const side of SOUNDS) byId(`play-${side}`).onclick = () => playSide(side);
  byId("next").onclick = answer;
  for (const input of document.querySelectorAll("#task input")) {
    input.onchange = () => {
      if (rated) marked = rating("A") === null ? "A" : rating("B") === null ? "B" : input.name.slice(-1);
      draw();
    };
  }

  function pick(name, value) {
    const input = document.querySelector(`input[name=${name}][value="${value}"]`);
    input.checked = true;
    input.focus();  // Enter goes on from here, not from the sound that was played last.
    input.onchange();
  }

  document.addEventListener("keydown", (event) => {
    if (byId("task").hidden || event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.length === 1 ? event.key.toUpperCase() : event.key;
    const side = rated ? key : { 1: "A", 2: "B", 3: "X" }[key] || key;
    const arrow = { ArrowLeft: "A", ArrowRight: "B" }[key];
    if (key === "Enter") {
      if (event.target.closest("button, summary, a")) return;
      if (!event.repeat) answer();
    } else if (SOUNDS.includes(side)) {
      if (!event.repeat) playSide(side);
    } else if (arrow) {
      if (!allHeard()) {
        draw();
      } else if (!rated) {
        pick("choice", arrow);
      } else {
        marked = arrow;
        draw();
      }
    } else if (rated && "12345".includes(key) && key.length === 1) {
      if (allHeard()) pick(`rating-${marked}`, key);
    } else {
      return;
    }
    event.preventDefault();
  });

  // ------------------------------------------------------------ handing in
  // FNV-1a, 32 bits, of the text's UTF-8 bytes.
  function checksum(text) {
    let hash = 0x811c9dc5;
    for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
    return hash.toString(16).padStart(8, "0");
  }

  // The order of the fields is part of the format.
  function documentText() {
    const found = {
      format: "espnet_probe.listening_answers",
      version: 1,
      test: data.test,
      sheet: Number(sheet),
      listener: listener(),
      started: state.started,
      finished: state.finished,
      complete: state.answers.length === items.length,
      scale: data.scale,
      level_check: state.level_check,
      answers: state.answers,
      agent: navigator.userAgent.slice(0, 1000),
      simulated: navigator.webdriver ? "a browser driven by a program" : "",
    };
    found.check = checksum(JSON.stringify(found));
    return JSON.stringify(found);
  }

  function handedIn() {
    state.handed_in = true;
    save();
    byId("again").disabled = false;
  }

  function download() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([documentText()], { type: "application/json" }));
    link.download = `answers_${data.test.slice(0, 8)}_sheet${sheet}_${listener().slice(0, 8)}.json`;
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    byId("download-state").textContent = `The file is ${link.download}.`;
    handedIn();
  }

  async function send() {
    const say = (text) => { byId("send-state").textContent = text; };
    byId("send").hidden = true;
    say("Sending your answers …");
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), 30000);
    try {
      // Plain text needs no permission of a server elsewhere before it may be sent.
      const headers = { "Content-Type": "text/plain;charset=UTF-8" };
      const reply = await fetch(data.post_to, { method: "POST", headers, body: documentText(), signal: limit.signal });
      if (!reply.ok) throw new Error(String(reply.status));
      say("Your answers have been sent. You can close this page.");
      byId("download").className = "secondary";
      handedIn();
    } catch (error) {
      say("Your answers could not be sent. Please try again, or download them and send the file to whoever asked you.");
      byId("send").hidden = false;
    } finally {
      clearTimeout(timer);
    }
  }

  function finish(focus) {
    forget(new Set());
    byId("done-text").textContent = data.post_to
      ? `You have answered all ${items.length} items.`
      : `You have answered all ${items.length} items. Please download your answers and send the file to whoever asked you.`;
    byId("as-text").value = documentText();
    byId("download").onclick = download;
    byId("send").onclick = send;
    byId("again").disabled = !state.handed_in;
    byId("again").onclick = () => {
      leaving = true;
      store.remove(`sheet${sheet}`);
      store.remove("listener");
      location.reload();
    };
    show("done", focus);
    if (data.post_to && !state.handed_in) send();
  }

  // ------------------------------------------------------------ start
  document.addEventListener("visibilitychange", () => {
    // Time in the background does not count; what was counted so far is kept.
    if (document.hidden && state.current) {
      const now = performance.now();
      if (since) state.current.milliseconds += now - since;
      save();
    }
    since = performance.now();
  });
  window.addEventListener("storage", (event) => {
    const begunAnew = event.newValue === null && state.started;
    if (event.key === store.place(`sheet${sheet}`) && (begunAnew || isBehind(parsed(event.newValue)))) follow();
  });

  window.addEventListener("beforeunload", (event) => {
    if (!store.keeps() && state.started && !state.handed_in) event.preventDefault();
  });

  notice("");
  if (state.answers.length === items.length && items.length > 0) finish(false);
  else if (state.started) next();
  else begin(false);
})();
