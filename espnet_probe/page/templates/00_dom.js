"use strict";
// Elements made of names, attributes and children. Texts from data go through
// textContent alone, so that nothing in them is ever read as markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === "") continue;
    node.append(child);
  }
  return node;
}

function el(name, attributes, ...children) {
  return fill(document.createElement(name), attributes, children);
}

function svg(name, attributes, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

// Names from data may be written from right to left: they must not turn what is beside.
function named(text) {
  return el("bdi", {}, text);
}

function icon(name) {
  const paths = {
    play: "M4 2.5v11l9-5.5z",
    pause: "M4 2.5h3v11H4zM9.5 2.5h3v11h-3z",
    left: "M10.5 2.5L5 8l5.5 5.5",
    right: "M5.5 2.5L11 8l-5.5 5.5",
  };
  const line = name === "left" || name === "right";
  return svg(
    "svg",
    { viewBox: "0 0 16 16", "aria-hidden": "true", class: line ? "icon line" : "icon" },
    svg("path", { d: paths[name] }),
  );
}

// Says something to those who do not see the page.
function announce(text) {
  document.getElementById("announce").textContent = text;
}

// Addresses lie beside the page or in it; whatever else data may hold is not followed.
function address(text) {
  if (typeof text !== "string" || text === "") return null;
  if (/^data:(audio|image)\//i.test(text)) return text;
  return /^(audio|pictures|files)\//.test(text) && !text.includes("..") ? text : null;
}
