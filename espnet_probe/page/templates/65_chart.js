// A panel as SVG: layers as lines with marks and intervals, controls as bands.

// Told apart by people who see few colours, and by marks without any (after Okabe, Ito).
const SERIES = 8;
const PRINT = {
  ink: "#1c1f23", soft: "#5a6068", line: "#dde0e4", paper: "#ffffff",
  series: ["#0072b2", "#c64f00", "#007f5f", "#a8447a", "#8a6200", "#4a4fb5", "#3d7d97", "#444444"],
};
const SCREEN = {
  ink: "var(--ink)", soft: "var(--soft)", line: "var(--line)", paper: "var(--card)",
  series: Array.from({ length: SERIES }, (_, i) => `var(--series${i})`),
};
const DASHES = { layers: null, random: "6 4", shuffled: "2 4", natural: "10 4", oracle: "9 3 2 3" };

function markPath(place, x, y, r) {
  const s = r * 0.9;
  const shapes = [
    `M${x - r},${y}a${r},${r} 0 1,0 ${2 * r},0a${r},${r} 0 1,0 ${-2 * r},0z`,
    `M${x - s},${y - s}h${2 * s}v${2 * s}h${-2 * s}z`,
    `M${x},${y - r * 1.15}L${x + r * 1.1},${y + s}H${x - r * 1.1}z`,
    `M${x},${y - r * 1.3}L${x + r * 1.2},${y}L${x},${y + r * 1.3}L${x - r * 1.2},${y}z`,
    `M${x},${y + r * 1.15}L${x + r * 1.1},${y - s}H${x - r * 1.1}z`,
    `M${x - s},${y - s / 3}h${s * 0.66}v${-s * 0.66}h${s * 0.66}v${s * 0.66}h${s * 0.66}v${s * 0.66}h${-s * 0.66}v${s * 0.66}h${-s * 0.66}v${-s * 0.66}h${-s * 0.66}z`,
    `M${x - r},${y}L${x - r / 2},${y - s}H${x + r / 2}L${x + r},${y}L${x + r / 2},${y + s}H${x - r / 2}z`,
    `M${x - r * 1.1},${y - s}L${x + r * 1.1},${y}L${x - r * 1.1},${y + s}z`,
  ];
  return shapes[place % shapes.length];
}

function panelValues(panel) {
  const found = [];
  const take = (one) => found.push(...[one.value, one.low, one.high].filter(Number.isFinite));
  for (const series of panel.series) series.points.forEach(take);
  const drawn = bandsDrawn(panel);
  for (const { level } of panel.bands) take(drawn ? level : { value: level.value });
  return found;
}

// Bands of many conditions or models would lie over each other: lines alone then.
function bandsDrawn(panel) {
  return new Set(panel.bands.map((one) => one.place)).size < 3;
}

// Entries that explain the colours and the dashes, in rows that fit.
function legendRows(panel, width) {
  const entries = [];
  const seen = new Set();
  for (const series of panel.series) {
    if (series.kind !== "layers" || seen.has(series.place)) continue;
    seen.add(series.place);
    entries.push({ text: series.label, place: series.place });
  }
  const kinds = new Set([...panel.bands.map((band) => band.level.control), ...panel.series.map((one) => one.kind)]);
  for (const kind of CONTROL_KINDS) if (kinds.has(kind)) entries.push({ text: ROLES[kind], kind });
  const rows = [[]];
  let used = 0;
  for (const entry of entries) {
    entry.text = entry.text.length > 36 ? `${entry.text.slice(0, 35)}…` : entry.text;
    const size = 38 + 6.4 * entry.text.length;
    if (used + size > width && rows[rows.length - 1].length) {
      rows.push([]);
      used = 0;
    }
    rows[rows.length - 1].push({ ...entry, x: used });
    used += size;
  }
  return rows;
}

class Chart {
  // `colours` is SCREEN or PRINT; `range` the values of the y axis, shared by panels.
  constructor(panel, metric, range, width, colours, onpoint) {
    Object.assign(this, { panel, metric, range, width, colours, onpoint });
    this.legend = legendRows(panel, width - 20);
    this.labels = this.xLabels();
    this.box = { left: 52, right: width - 14, top: 34, bottom: 34 + Math.max(170, Math.min(260, width * 0.5)) };
    this.below = this.box.bottom + this.labels.height;
    this.height = this.below + 18 * this.legend.length + 12;
    this.points = [];
  }

  // The layers' names, turned where they are long and thinned where they are many.
  xLabels() {
    const room = this.width - 52 - 14 - 24;
    const layers = this.panel.shared ? this.panel.layers : null;
    if (!layers) {
      const marks = ["first", "", "middle", "", "last"];
      return { height: 38, turned: false, every: 1, list: marks.map((text, i) => ({ text, x: i / 4 })) };
    }
    const last = Math.max(1, layers.length - 1);
    const list = layers.map((layer, i) => ({
      text: layer.label.length > 22 ? `${layer.label.slice(0, 21)}…` : layer.label,
      x: layers.length === 1 ? 0.5 : i / last,
    }));
    const longest = Math.max(1, ...list.map((one) => one.text.length));
    const slot = room / Math.max(1, list.length);
    const turned = longest * 6.8 > slot;
    const every = turned ? Math.max(1, Math.ceil(15 / slot)) : 1;
    return { height: turned ? 34 + longest * 4.6 : 38, turned, every, list };
  }

  x(share, shift = 0) {
    return this.box.left + 12 + share * (this.box.right - this.box.left - 24) + shift;
  }

  y(value) {
    const [low, high] = this.range;
    return this.box.bottom - ((value - low) / (high - low)) * (this.box.bottom - this.box.top);
  }

  text(x, y, text, attributes) {
    return svg("text", { x, y, fill: this.colours.soft, "font-size": 12, ...attributes }, text);
  }

  colour(place) {
    return this.colours.series[place % this.colours.series.length];
  }

  draw() {
    const { width, height, colours } = this;
    const title = `${this.metric.label}, ${this.panel.title}`;
    const root = svg("svg", {
      xmlns: SVG,
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      role: "group",
      "aria-label": `${title}: a point per layer`,
      "font-family": "system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif",
    });
    root.append(svg("rect", { width, height, fill: colours.paper }));
    root.append(this.text(12, 20, this.panel.title, { fill: colours.ink, "font-size": 14, "font-weight": 600 }));
    this.axes(root);
    this.panel.bands.forEach((band) => this.band(root, band));
    const kinds = (wanted) => this.panel.series.filter((series) => (series.kind === "layers") === wanted);
    kinds(false).forEach((series) => this.area(root, series));
    kinds(false).forEach((series) => this.line(root, series, 0));
    const own = kinds(true);
    own.forEach((series, i) => this.line(root, series, (i - (own.length - 1) / 2) * this.dodge(own.length)));
    this.explain(root);
    return root;
  }

  // Curves stand a little beside each other, so that their intervals can be seen.
  dodge(number) {
    const count = Math.max(1, ...this.panel.series.map((series) => series.points.length));
    const slot = (this.box.right - this.box.left) / count;
    return Math.min(7, (0.5 * slot) / Math.max(1, number));
  }

  axes(root) {
    const { box, colours } = this;
    const values = ticks(this.range[0], this.range[1], 5);
    const digits = tickDigits(values);
    for (const value of values) {
      const y = this.y(value);
      root.append(svg("path", { d: `M${box.left},${y}H${box.right}`, stroke: colours.line }));
      root.append(this.text(box.left - 8, y + 4, number(value, digits), { "text-anchor": "end" }));
    }
    const middle = (box.top + box.bottom) / 2;
    root.append(this.text(13, middle, this.metric.label, { "text-anchor": "middle", transform: `rotate(-90 13 ${middle})` }));
    this.labels.list.forEach((label, i) => {
      const x = this.x(label.x);
      root.append(svg("path", { d: `M${x},${box.bottom}v4`, stroke: colours.soft }));
      if (i % this.labels.every) return;
      const y = box.bottom + 17;
      const how = this.labels.turned
        ? { "text-anchor": "end", transform: `rotate(-40 ${x} ${y})` }
        : { "text-anchor": "middle" };
      root.append(this.text(x, y, label.text, how));
    });
    root.append(svg("path", { d: `M${box.left},${box.bottom}H${box.right}`, stroke: colours.soft }));
    const what = this.panel.shared ? "layer" : "layer, from first to last of each model";
    root.append(this.text(box.right, this.below - 6, what, { "text-anchor": "end", "font-size": 11 }));
  }

  band(root, band) {
    const { box } = this;
    const { level } = band;
    const colour = this.colour(band.place);
    if (bandsDrawn(this.panel) && Number.isFinite(level.low) && Number.isFinite(level.high)) {
      const top = this.y(level.high);
      const height = Math.max(1, this.y(level.low) - top);
      root.append(svg("rect", { x: box.left, y: top, width: box.right - box.left, height, fill: colour, "fill-opacity": 0.1 }));
    }
    const y = this.y(level.value);
    const dash = DASHES[level.control];
    root.append(svg("path", { d: `M${box.left},${y}H${box.right}`, stroke: colour, "stroke-width": 1.5, "stroke-dasharray": dash }));
    // Between the last mark and the edge, where it hides nothing.
    this.point(root, () => bandFacts(this.metric, band), box.right - 4, y, band.place, true, null);
  }

  // The intervals of a control with layers, as a band along its curve.
  area(root, series) {
    const there = series.points.filter((one) => Number.isFinite(one.low) && Number.isFinite(one.high));
    if (there.length < 2) return;
    const over = there.map((one) => `${this.x(one.x)},${this.y(one.high)}`);
    const under = there.map((one) => `${this.x(one.x)},${this.y(one.low)}`).reverse();
    root.append(svg("path", { d: `M${[...over, ...under].join("L")}z`, fill: this.colour(series.place), "fill-opacity": 0.1 }));
  }

  line(root, series, shift) {
    const colour = this.colour(series.place);
    const control = series.kind !== "layers";
    let path = "";
    let open = false;
    for (const one of series.points) {
      if (Number.isFinite(one.value)) path += `${open ? "L" : "M"}${this.x(one.x, shift)},${this.y(one.value)}`;
      open = Number.isFinite(one.value);
    }
    if (path)
      root.append(svg("path", { d: path, fill: "none", stroke: colour, "stroke-width": control ? 1.5 : 2, "stroke-dasharray": DASHES[series.kind] }));
    for (const one of series.points) {
      if (!Number.isFinite(one.value)) continue;
      const x = this.x(one.x, shift);
      if (!control && Number.isFinite(one.low) && Number.isFinite(one.high)) {
        const [top, bottom] = [this.y(one.high), this.y(one.low)];
        root.append(svg("path", { d: `M${x},${top}V${bottom}M${x - 3},${top}h6M${x - 3},${bottom}h6`, stroke: colour, "stroke-width": 1.25, fill: "none" }));
      }
      this.point(root, () => pointFacts(this.metric, series, one), x, this.y(one.value), series.place, control, series);
    }
  }

  // A mark; on the screen one that can be pointed at, focused and followed to its file.
  point(root, facts, x, y, place, hollow, series) {
    const colour = this.colour(place);
    const mark = svg("path", {
      d: markPath(place, x, y, hollow ? 3 : 4.2),
      fill: hollow ? this.colours.paper : colour,
      stroke: colour,
      "stroke-width": 1.25,
    });
    if (!this.onpoint) {
      root.append(mark);
      return;
    }
    const said = facts();
    const label = [said.head, said.value, said.interval, said.counts].filter(Boolean).join("; ");
    const node = svg(
      said.file ? "a" : "g",
      { class: "point", href: said.file, role: said.file ? null : "img", tabindex: this.points.length ? -1 : 0, "aria-label": label },
      svg("circle", { cx: x, cy: y, r: 11, fill: "transparent" }),
      mark,
    );
    const entry = { node, x, y, said, series };
    for (const type of ["pointerenter", "focus"]) node.addEventListener(type, () => this.onpoint(this, entry));
    node.addEventListener("click", (event) => {
      // A finger wants the number first; the link is beside it. Enter follows it.
      if (event.detail === 0) return;
      event.preventDefault();
      this.onpoint(this, entry);
    });
    this.points.push(entry);
    root.append(node);
  }

  explain(root) {
    this.legend.forEach((row, i) => {
      const y = this.below + 10 + 18 * i;
      for (const entry of row) {
        const x = 14 + entry.x;
        const colour = entry.kind ? this.colours.soft : this.colour(entry.place);
        const dash = entry.kind ? DASHES[entry.kind] : null;
        root.append(svg("path", { d: `M${x},${y}h24`, stroke: colour, "stroke-width": 2, "stroke-dasharray": dash }));
        if (!entry.kind) root.append(svg("path", { d: markPath(entry.place, x + 12, y, 4.2), fill: colour }));
        root.append(this.text(x + 29, y + 4, entry.text));
      }
    });
  }
}
