// Which words were recognised otherwise than they were said.

// Scripts that write without spaces are compared by their characters.
function wordsOf(text) {
  const plain = text.trim();
  if (plain === "") return [];
  if (/[\u3040-\u30ff\u3400-\u9fff]/.test(plain) && !/\s/.test(plain)) return [...plain];
  return plain.split(/\s+/);
}

// The shortest way from one list of words to the other, as steps
// {kind: "same" | "other" | "more" | "less", said, heard}.
function alignWords(said, heard) {
  const cost = Array.from({ length: said.length + 1 }, (_, i) => {
    const row = new Array(heard.length + 1).fill(0);
    row[0] = i;
    return row;
  });
  for (let j = 0; j <= heard.length; j++) cost[0][j] = j;
  for (let i = 1; i <= said.length; i++) {
    for (let j = 1; j <= heard.length; j++) {
      const other = cost[i - 1][j - 1] + (said[i - 1] === heard[j - 1] ? 0 : 1);
      cost[i][j] = Math.min(other, cost[i - 1][j] + 1, cost[i][j - 1] + 1);
    }
  }
  const steps = [];
  let i = said.length;
  let j = heard.length;
  while (i > 0 || j > 0) {
    const same = i > 0 && j > 0 && said[i - 1] === heard[j - 1];
    if (i > 0 && j > 0 && cost[i][j] === cost[i - 1][j - 1] + (same ? 0 : 1)) {
      i -= 1;
      j -= 1;
      steps.push({ kind: same ? "same" : "other", said: said[i], heard: heard[j] });
    } else if (j > 0 && cost[i][j] === cost[i][j - 1] + 1) {
      j -= 1;
      steps.push({ kind: "more", heard: heard[j] });
    } else {
      i -= 1;
      steps.push({ kind: "less", said: said[i] });
    }
  }
  return steps.reverse();
}

function stepNode(step) {
  if (step.kind === "same") return el("span", {}, step.heard);
  if (step.kind === "less")
    return el("del", { title: "said, not recognised" }, step.said);
  const title = step.kind === "more" ? "not said" : `said: ${step.said}`;
  return el("mark", { class: step.kind, title }, step.heard);
}

// The paragraph on what was recognised in a sound; null where nobody listened.
function recognised(sound, text) {
  if (typeof sound.text !== "string") return null;
  // A model may have been compared with other letters, capitals or small ones.
  if (typeof sound.said === "string") text = sound.said;
  const steps =
    typeof text === "string"
      ? alignWords(wordsOf(text), wordsOf(sound.text))
      : wordsOf(sound.text).map((word) => ({ kind: "same", heard: word }));
  const nodes = steps.flatMap((step, i) => [i ? " " : "", stepNode(step)]);
  const wrong = sound.errors
    ? el("span", { class: "count" }, `${sound.errors.edits} of ${sound.errors.words} wrong`)
    : null;
  const words = nodes.length ? nodes : [el("i", {}, "nothing")];
  return el(
    "p",
    { class: "recognised" },
    el("span", { class: "unseen" }, "recognised: "),
    el("q", { dir: "auto" }, words),
    wrong ? [" ", wrong] : null,
  );
}
