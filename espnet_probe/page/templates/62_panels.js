// Which curves stand together: a panel per model with the conditions in it, or the other
// way round.

const CONTROL_KINDS = ["natural", "oracle", "random", "shuffled"];

const Panels = {
  metric: null,
  by: "model",
  models: new Set(),
  conditions: new Set(),
  controls: new Set(["natural", "oracle", "random"]),

  // The controls that there are for a score.
  known(metric) {
    const there = new Set();
    for (const curve of Data.curves) if (curve.metric === metric) there.add(curve.kind);
    for (const level of Data.levels) if (level.metric === metric) there.add(level.control);
    return CONTROL_KINDS.filter((kind) => there.has(kind));
  },

  sameLayers(models) {
    const names = models.map((model) => JSON.stringify((model.layers || []).map((one) => one.label)));
    return names.length > 0 && names.every((one) => one === names[0]);
  },

  make() {
    const models = Data.models.filter((one) => this.models.has(one.id));
    const conditions = Data.conditions.filter((one) => this.conditions.has(one.id));
    const outer = this.by === "model" ? models : conditions;
    const inner = this.by === "model" ? conditions : models;
    return outer
      .map((one) => this.panel(one, inner, this.by === "model" ? [one] : models))
      .filter((panel) => panel.series.length);
  },

  panel(one, inner, models) {
    const shared = this.sameLayers(models);
    const panel = { title: one.label, shared, layers: shared ? models[0].layers || [] : [], series: [], bands: [] };
    for (const other of inner) {
      const model = this.by === "model" ? one : other;
      const condition = this.by === "model" ? other : one;
      // Colours belong to names: they stay when others are left out.
      const place = (this.by === "model" ? Data.conditions : Data.models).indexOf(other);
      const own = (entry) =>
        entry.metric === this.metric && entry.condition === condition.id;
      for (const curve of Data.curves) {
        if (!own(curve) || curve.model !== model.id) continue;
        if (curve.kind !== "layers" && !this.controls.has(curve.kind)) continue;
        panel.series.push(this.series(curve, model, condition, other, place));
      }
      for (const level of Data.levels) {
        if (!own(level) || (level.model !== null && level.model !== model.id)) continue;
        if (!this.controls.has(level.control) || !Number.isFinite(level.value)) continue;
        panel.bands.push({ level, model, condition, label: other.label, place });
      }
    }
    panel.bands = this.once(panel.bands);
    if (!panel.series.some((series) => series.kind === "layers")) panel.series = [];
    return panel;
  },

  // A control that all models share stands in a panel once.
  once(bands) {
    const seen = new Set();
    return bands.filter(({ level }) => !seen.has(level) && seen.add(level));
  },

  series(curve, model, condition, other, place) {
    const layers = model.layers || [];
    const last = Math.max(1, layers.length - 1);
    const points = (curve.points || []).map((point) => {
      const at = layers.findIndex((layer) => layer.id === point.layer);
      return {
        ...point,
        x: layers.length === 1 ? 0.5 : at / last,
        layerLabel: layerLabel(model, point.layer),
      };
    });
    return { kind: curve.kind, label: other.label, place, model, condition, points };
  },
};

// What is said of a point: a list of [what, text], without markup.
function pointFacts(metric, series, point) {
  const head = [point.layerLabel, series.model.label, series.condition.label];
  if (series.kind !== "layers") head.unshift(ROLES[series.kind] || series.kind);
  return {
    head: head.join(", "),
    value: `${metric.label}: ${number(point.value, metric.digits)}`,
    interval:
      Number.isFinite(point.low) && Number.isFinite(point.high)
        ? `95 % interval ${number(point.low, metric.digits)} to ${number(point.high, metric.digits)}`
        : point.note || "no interval",
    counts: point.counts || "",
    file: address(point.file),
  };
}

function bandFacts(metric, band) {
  const model = band.level.model ? band.model.label : null;
  const facts = pointFacts(
    metric,
    { kind: "layers", model: { label: "" }, condition: band.condition },
    { ...band.level, layerLabel: ROLES[band.level.control] || band.level.control },
  );
  const name = ROLES[band.level.control] || band.level.control;
  return { ...facts, head: [name, model, band.condition.label].filter(Boolean).join(", ") };
}
