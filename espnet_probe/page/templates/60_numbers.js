// Numbers as people read them, and round ones for axes.

function number(value, digits) {
  return Number.isFinite(value) ? value.toFixed(digits).replace("-", "\u2212") : "–";
}

// Round values that cover a range, about `wanted` of them.
function ticks(low, high, wanted) {
  const raw = (high - low) / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= raw * 0.999);
  const first = Math.ceil(low / step - 1e-9);
  const found = [];
  for (let i = first; i * step <= high + step * 1e-9; i++) found.push(Number((i * step).toPrecision(12)));
  return found;
}

function tickDigits(values) {
  return Math.max(0, ...values.map((one) => (String(one).split(".")[1] || "").length));
}

// The range of an axis around values; from zero where all are near it.
function rangeOf(values) {
  if (!values.length) return [0, 1];
  let low = Math.min(...values);
  let high = Math.max(...values);
  if (low === high) {
    low -= Math.abs(low) * 0.1 || 0.5;
    high += Math.abs(high) * 0.1 || 0.5;
  }
  const pad = 0.05 * (high - low);
  const near = low >= 0 && low < 0.35 * high;
  return [near ? 0 : low - pad, high + pad];
}
