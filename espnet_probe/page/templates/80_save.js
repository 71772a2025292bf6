// Figures and tables as files.

function fileName(text) {
  const plain = text.replace(/[^\p{L}\p{N}]+/gu, "_").replace(/^_+|_+$/g, "");
  // The end tells tables of several sets apart.
  const short = plain.length > 100 ? `${plain.slice(0, 49)}_${plain.slice(-50)}` : plain;
  return short || "figure";
}

function saveBlob(blob, name) {
  const link = el("a", { href: URL.createObjectURL(blob), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

function svgText(drawing) {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(drawing)}\n`;
}

function saveSvg(drawing, name) {
  saveBlob(new Blob([svgText(drawing)], { type: "image/svg+xml" }), name);
}

// Three pixels per unit: sharp in print.
function savePng(drawing, name) {
  const image = new Image();
  image.onload = () => {
    const canvas = el("canvas", {
      width: 3 * Number(drawing.getAttribute("width")),
      height: Math.ceil(3 * Number(drawing.getAttribute("height"))),
    });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => saveBlob(blob, name), "image/png");
  };
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svgText(drawing))}`;
}

// As RFC 4180 has it.
function csvText(rows) {
  const field = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows.map((row) => `${row.map(field).join(",")}\r\n`).join("");
}

function saveCsv(rows, name) {
  saveBlob(new Blob([csvText(rows)], { type: "text/csv;charset=utf-8" }), name);
}
