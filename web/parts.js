// What the page is made of: numbers as text, elements, Prometheus' text. Every
// name comes from a configuration or a client and is treated as hostile: it
// becomes text, never markup.
"use strict";

const $ = (id) => document.getElementById(id);
const known = (value) => value !== null && value !== undefined && Number.isFinite(value);

function count(value) {
  return known(value) ? Math.round(value).toLocaleString("en") : "–";
}
function share(value) {
  if (!known(value)) return "–";
  // 99.996 % is not all.
  const percent = value < 1 && value > 0.9999 ? 99.99 : value * 100;
  return percent.toFixed(percent >= 99.95 && percent < 100 ? 2 : 1) + " %";
}
function span(ms) {
  if (!known(ms)) return "–";
  const size = Math.abs(ms);
  if (size >= 1000) return (ms / 1000).toFixed(size >= 10000 ? 0 : 2) + " s";
  if (size >= 100) return ms.toFixed(0) + " ms";
  if (size >= 10) return ms.toFixed(1) + " ms";
  if (size >= 0.1 || size === 0) return ms.toFixed(2) + " ms";
  return (ms * 1000).toFixed(size >= 0.01 ? 0 : 1) + " µs";
}
function clock(ms) {
  return new Date(ms).toLocaleTimeString("en-GB");
}
function since(seconds) {
  if (!known(seconds)) return "–";
  if (seconds < 120) return Math.round(seconds) + " s";
  if (seconds < 7200) return Math.round(seconds / 60) + " min";
  if (seconds < 172800) return (seconds / 3600).toFixed(1) + " h";
  return Math.round(seconds / 86400) + " d";
}

function say(id, text) {
  const element = $(id);
  if (element.textContent !== text) element.textContent = text;
}
function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

// `columns`: [heading, class, cell(row)] where cell gives text, or [text, class], or a node.
function fill(table, columns, rows) {
  const body = make("tbody");
  for (const row of rows) {
    const line = make("tr");
    for (const [, className, cell] of columns) {
      const value = cell(row);
      const [content, more] = Array.isArray(value) ? value : [value, ""];
      const element = make("td", `${className} ${more || ""}`.trim());
      element.append(...(content instanceof Array ? content : [content]));
      line.append(element);
    }
    body.append(line);
  }
  const head = make("thead");
  const line = make("tr");
  for (const [heading, className] of columns) line.append(make("th", className, heading));
  head.append(line);
  table.replaceChildren(head, body);
}

// A group of buttons of which one is pressed.
function choices(group, names, chosen, choose) {
  if (group.dataset.names !== JSON.stringify(names)) {
    group.dataset.names = JSON.stringify(names);
    group.replaceChildren(...names.map((name) => {
      const button = make("button", "", name);
      button.type = "button";
      button.addEventListener("click", () => choose(name));
      return button;
    }));
  }
  for (const button of group.children) button.setAttribute("aria-pressed", String(button.textContent === chosen));
}

// {labels, value} of each sample of one name in Prometheus' text format.
function samples(text, name) {
  const found = [];
  for (const line of text.split("\n")) {
    if (!line.startsWith(name + "{")) continue;
    const end = line.lastIndexOf("} ");
    const labels = {};
    for (const [, key, value] of line.slice(name.length + 1, end).matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)) {
      labels[key] = value.replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c));
    }
    found.push({labels, value: Number(line.slice(end + 2))});
  }
  return found;
}

// The JSON or text of a route; an Error with `status` and the master's own words when it refuses, without
// `status` when it is gone.
async function ask(route, as = "json") {
  const limit = AbortSignal.timeout(8000);
  const response = await fetch(route, {signal: limit, credentials: "same-origin"});
  const text = await response.text();
  if (!response.ok) {
    let why = `status ${response.status}`;
    try { why = JSON.parse(text).error || why; } catch { /* it is no JSON */ }
    throw Object.assign(new Error(why), {status: response.status});
  }
  return as === "json" ? JSON.parse(text) : text;
}
