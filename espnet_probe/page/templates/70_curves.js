// The figures of curves with what chooses them, and what is said of a point.

const Curves = {
  node: null,
  place: null,
  tip: null,
  charts: [],

  start(node) {
    if (!Data.curves.length || !Data.metrics.length) {
      node.append(el("p", { class: "none" }, "There are no scores yet."));
      return;
    }
    Panels.metric = Data.metrics[0].id;
    Data.models.forEach((one) => Panels.models.add(one.id));
    Data.conditions.forEach((one) => Panels.conditions.add(one.id));
    Panels.by = Data.conditions.length > 1 ? "model" : "condition";
    this.node = node;
    this.tip = el("div", { class: "tip", hidden: true, "aria-hidden": "true" });
    this.place = el("div", { class: "charts" });
    this.form = el("div", { class: "choosers" });
    node.append(
      this.form,
      this.place,
      el(
        "p",
        { class: "hint" },
        "Points are layers in network order with 95 % intervals. Dashed lines are controls; bands are their intervals, drawn where fewer than three lie in a figure. " +
          "Point at a mark, or go to it by Tab and the arrow keys, for its number, counts and file.",
      ),
      this.tip,
    );
    this.choosers();
    this.render();
    let width = 0;
    new ResizeObserver(() => {
      if (Math.abs(this.place.clientWidth - width) < 8) return;
      width = this.place.clientWidth;
      this.render();
    }).observe(this.place);
  },

  metric() {
    return Metrics.get(Panels.metric);
  },

  ticks(name, title, entries, chosen, coloured) {
    const boxes = entries.map(({ id, label }, i) => {
      const swatch = svg("svg", { viewBox: "0 0 12 12", class: "swatch", "aria-hidden": "true" }, svg("path", { d: markPath(i, 6, 6, 4.2), fill: SCREEN.series[i % SERIES] }));
      return el(
        "label",
        { class: "tick" },
        el("input", {
          type: "checkbox",
          name,
          value: id,
          checked: chosen.has(id),
          onchange: (event) => {
            if (event.target.checked) chosen.add(id);
            else chosen.delete(id);
            this.render();
          },
        }),
        coloured ? swatch : null,
        named(label),
      );
    });
    return el("fieldset", { class: "choice" }, el("legend", {}, title), el("div", { class: "boxes" }, boxes));
  },

  choosers() {
    const select = el(
      "select",
      {
        id: "metric",
        onchange: () => {
          Panels.metric = select.value;
          this.choosers();
          this.render();
          document.getElementById("metric").focus();
        },
      },
      Data.metrics.map((one) => el("option", { value: one.id, selected: one.id === Panels.metric }, one.label)),
    );
    const better = { lower: "lower is better", higher: "higher is better" }[this.metric().better];
    const several = Data.models.length > 1 && Data.conditions.length > 1;
    const by = choiceOf(
      "by",
      "A figure per",
      [
        { id: "model", label: "model" },
        { id: "condition", label: "condition" },
      ],
      (id) => {
        Panels.by = id;
        this.choosers();
        this.render();
        this.form.querySelector("input[name=by]:checked").focus();
      },
    );
    for (const input of by.querySelectorAll("input")) input.checked = input.value === Panels.by;
    const known = Panels.known(Panels.metric);
    this.form.replaceChildren(
      el("div", { class: "choice" }, el("label", { for: "metric" }, "Score"), select, better ? el("span", { class: "hint" }, ` ${better}`) : ""),
      several ? by : "",
      Data.models.length > 1 ? this.ticks("models", "Models", Data.models, Panels.models, Panels.by === "condition") : "",
      Data.conditions.length > 1 ? this.ticks("conditions", "Conditions", Data.conditions, Panels.conditions, Panels.by === "model") : "",
      known.length ? this.ticks("kinds", "Controls", known.map((id) => ({ id, label: ROLES[id] })), Panels.controls, false) : "",
    );
  },

  render() {
    const panels = Panels.make();
    const metric = this.metric();
    const range = rangeOf(panels.flatMap(panelValues));
    const room = this.place.clientWidth || 340;
    const columns = panels.length > 1 && room >= 720 ? 2 : 1;
    const width = Math.min(columns === 1 ? 860 : 620, Math.floor((room - 14 * (columns - 1)) / columns) - 2);
    this.tip.hidden = true;
    this.charts = panels.map((panel) => new Chart(panel, metric, range, width, SCREEN, (chart, entry) => this.say(chart, entry)));
    this.place.classList.toggle("two", columns === 2);
    this.place.replaceChildren(...this.charts.map((chart) => this.figure(chart, metric, range)));
    if (!panels.length) this.place.append(el("p", { class: "none" }, "Nothing chosen has this score."));
  },

  figure(chart, metric, range) {
    const name = fileName(`${metric.label} ${chart.panel.title}`);
    const print = () => new Chart(chart.panel, metric, range, 640, PRINT, null).draw();
    const button = (text, save) =>
      el("button", { type: "button", "aria-label": `Save ${metric.label}, ${chart.panel.title} as ${text}`, onclick: save }, text);
    const drawing = chart.draw();
    drawing.addEventListener("keydown", (event) => this.keys(chart, event));
    drawing.addEventListener("pointerleave", () => {
      if (!drawing.contains(document.activeElement)) this.tip.hidden = true;
    });
    drawing.addEventListener("focusout", () => {
      this.tip.hidden = true;
    });
    chart.detail = el("p", { class: "detail" }, el("span", { class: "hint" }, "Point at a mark for its number."));
    return el(
      "figure",
      { class: "chart" },
      drawing,
      el(
        "figcaption",
        {},
        chart.detail,
        el(
          "span",
          { class: "saves" },
          "Save ",
          button("SVG", () => saveSvg(print(), `${name}.svg`)),
          button("PNG", () => savePng(print(), `${name}.png`)),
          button("CSV", () => saveCsv(this.table(chart.panel, metric), `${name}.csv`)),
        ),
      ),
    );
  },

  // Arrow keys go along a curve and from curve to curve.
  keys(chart, event) {
    const at = chart.points.findIndex((entry) => entry.node === document.activeElement);
    if (at < 0) return;
    const from = chart.points[at];
    const along = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const across = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!along && !across) return;
    event.preventDefault();
    let to;
    if (along) to = chart.points[at + along];
    else {
      // The nearest mark above or below at about the same layer.
      const near = chart.points.filter((one) => Math.abs(one.x - from.x) < 24 && one !== from);
      const beyond = near.filter((one) => (across > 0 ? one.y > from.y : one.y < from.y) || (one.y === from.y && across * (chart.points.indexOf(one) - at) > 0));
      to = beyond.sort((one, other) => Math.abs(one.y - from.y) - Math.abs(other.y - from.y))[0];
    }
    if (!to) return;
    chart.points.forEach((one) => one.node.setAttribute("tabindex", one === to ? 0 : -1));
    to.node.focus();
  },

  say(chart, { x, y, said }) {
    const lines = [said.value, said.interval, said.counts].filter(Boolean);
    this.tip.replaceChildren(el("b", {}, said.head), ...lines.map((text) => el("span", {}, text)));
    this.tip.hidden = false;
    const drawing = chart.points[0].node.ownerSVGElement;
    const frame = drawing.getBoundingClientRect();
    const around = this.node.getBoundingClientRect();
    const scale = frame.width / chart.width;
    const left = frame.left - around.left + x * scale - this.tip.offsetWidth / 2;
    this.tip.style.left = `${Math.max(0, Math.min(left, around.width - this.tip.offsetWidth))}px`;
    this.tip.style.top = `${frame.top - around.top + y * scale - this.tip.offsetHeight - 14}px`;
    chart.detail.replaceChildren(
      el("b", {}, said.head),
      `: ${lines.join("; ")} `,
      said.file ? el("a", { href: said.file }, "file") : "",
    );
  },

  // All that a figure shows, as rows.
  table(panel, metric) {
    const rows = [["model", "condition", "kind", "layer", "score", "value", "low", "high", "counts", "note", "file"]];
    const row = (model, condition, kind, layer, one) =>
      rows.push([model, condition, kind, layer, metric.label, one.value, one.low, one.high, one.counts, one.note, one.file]);
    for (const series of panel.series)
      for (const one of series.points) row(series.model.label, series.condition.label, series.kind, one.layerLabel, one);
    for (const { level, model, condition } of panel.bands)
      row(level.model ? model.label : "", condition.label, level.control, "", level);
    return rows;
  },
};
