// The workloads of a node: sortable, filtered, one row each, refreshed in place.

import { h, setAttr, setText } from "../lib/dom.js";
import { ABSENT, bytes, cores, known } from "../lib/format.js";
import { filterRows, forecastSource, pushSpark, sortRows } from "../lib/rows.js";
import { SPARK_POINTS, sparkline } from "./sparkline.js";

// A head is a list of `[key, text, hint]`; two of them stand above each other, as do their values.
const HEADS = [
  { sorts: [["name", "Workload", "Name, with the cgroup below it"]] },
  { sorts: [["cpu", "CPU cores", "CPU in use, in cores; the line is the last minute"]] },
  { sorts: [["cpuLimit", "Limit", "cpu.max in force, in cores"],
    ["cpuTarget", "Target", "What LLMOS would set or has set as cpu.max, in cores"]] },
  { sorts: [["memory", "Memory", "Memory in use; the line is the last minute"]] },
  { sorts: [["memoryLimit", "Limit", "memory.high in force, else memory.max"],
    ["memoryTarget", "Target", "What LLMOS would set or has set as memory.high"]] },
  { sorts: [["forecast", "Forecast", "What drives the forecast: the model or a baseline"]] },
];

const root = document.getElementById("workloads");
const view = { key: "cpu", descending: true, filter: "", managedOnly: false };
const held = new Map();
let last = { rows: [], chosen: null, loading: true };
let choose = () => {};

const filter = h("input", {
  type: "search", placeholder: "Filter by name or cgroup", "aria-label": "Filter workloads",
  oninput: (event) => { view.filter = event.target.value; draw(); },
});
const managedOnly = h("input", {
  type: "checkbox", onchange: (event) => { view.managedOnly = event.target.checked; draw(); },
});
const count = h("p", { class: "count", role: "status" });
const heads = HEADS.map(({ sorts }) => h("th", { scope: "col", class: sorts[0][0] === "name" ? "" : "num" },
  ...sorts.map(([key, text, hint]) => h("button", { type: "button", title: hint, onclick: () => sortBy(key) }, text))));
const body = h("tbody");
const empty = h("p", { class: "empty", hidden: true });
root.append(
  h("div", { class: "bar" }, h("h2", {}, "Workloads"), filter, h("label", {}, managedOnly, "managed only"), count),
  h("div", { class: "scroll" }, h("table", {}, h("thead", {}, h("tr", {}, ...heads)), body), empty));

function sortBy(key) {
  view.descending = view.key === key ? !view.descending : key !== "name" && key !== "forecast";
  view.key = key;
  draw();
}

function makeRow(id) {
  const name = h("a", { class: "name" });
  const badge = h("span", { class: "badge" });
  const gone = h("span", { class: "badge badge-gone" }, "gone");
  const cgroup = h("span", { class: "cgroup" });
  const cells = { cpu: h("span", {}), memory: h("span", {}) };
  const limits = { cpu: limitCell(), memory: limitCell() };
  const forecast = h("td", { class: "num" });
  const sparks = { cpu: sparkline(), memory: sparkline() };
  const element = h("tr", { onclick: () => choose(id) },
    h("th", { scope: "row" }, h("div", { class: "title" }, name, badge, gone), cgroup),
    h("td", {}, h("div", { class: "use" }, sparks.cpu.element, cells.cpu)), limits.cpu.element,
    h("td", {}, h("div", { class: "use" }, sparks.memory.element, cells.memory)), limits.memory.element,
    forecast);
  return { element, name, badge, gone, cgroup, cells, limits, forecast, sparks, values: { cpu: [], memory: [] }, at: 0 };
}

function limitCell() {
  const [limit, target] = [h("span", {}), h("span", { class: "target" })];
  return { element: h("td", { class: "num stacked" }, limit, target), limit, target };
}

function fillLimit(cell, limit, target, format) {
  setText(cell.limit, known(limit) ? format(limit) : "none");
  setText(cell.target, format(target));
}

function fillRow(one, row) {
  setText(one.name, row.name || row.cgroup || row.id);
  one.name.href = `#workload=${row.id}`;
  setText(one.cgroup, row.cgroup);
  setAttr(one.cgroup, "title", row.cgroup);
  setText(one.badge, row.managed ? "managed" : "");
  one.badge.hidden = !row.managed;
  one.gone.hidden = row.present;
  setText(one.cells.cpu, cores(row.usage.cpu_cores));
  fillLimit(one.limits.cpu, row.limits.cpu_cores, row.targets.cpu_cores, cores);
  setText(one.cells.memory, bytes(row.usage.memory_bytes));
  const high = row.limits.memory_high_bytes ?? row.limits.memory_max_bytes;
  fillLimit(one.limits.memory, high, row.targets.memory_high_bytes, bytes);
  setText(one.forecast, forecastSource(row) ?? ABSENT);
  setAttr(one.element, "class", row.present ? null : "gone");
}

function fillSparks(one, row) {
  if (row.spark) {
    one.values = { cpu: row.spark.cpu_cores, memory: row.spark.memory_bytes };
  } else if (row.at_unix_ms > one.at) {
    one.values = {
      cpu: pushSpark(one.values.cpu, row.usage.cpu_cores, SPARK_POINTS),
      memory: pushSpark(one.values.memory, row.usage.memory_bytes, SPARK_POINTS),
    };
  }
  one.at = row.at_unix_ms;
  one.sparks.cpu.set(one.values.cpu.slice(-SPARK_POINTS));
  one.sparks.memory.set(one.values.memory.slice(-SPARK_POINTS));
}

function draw() {
  const { rows, chosen, loading } = last;
  const visible = sortRows(filterRows(rows, view.filter, view.managedOnly), view.key, view.descending);
  HEADS.forEach(({ sorts }, i) => {
    const order = view.descending ? "descending" : "ascending";
    const at = sorts.findIndex(([key]) => key === view.key);
    setAttr(heads[i], "aria-sort", at >= 0 ? order : null);
    [...heads[i].children].forEach((button, k) => setAttr(button, "data-sorted", k === at ? order : null));
  });
  visible.forEach((row, i) => {
    const { element } = held.get(row.id);
    if (body.children[i] !== element) body.insertBefore(element, body.children[i] ?? null);
    setAttr(element, "aria-current", row.id === chosen ? "true" : null);
  });
  while (body.children.length > visible.length) body.lastChild.remove();
  setText(count, visible.length === rows.length ? `${rows.length}` : `${visible.length} of ${rows.length}`);
  empty.hidden = visible.length > 0;
  setText(empty, loading ? "Loading workloads…"
    : rows.length === 0 ? "This node reports no workloads yet. They appear with its next tick."
    : "No workload matches the filter.");
}

/** Shows the rows; a row with `spark` starts its sparklines anew. `onchoose(id)` on a choice. */
export function showTable(rows, chosen, loading, onchoose) {
  choose = onchoose;
  last = { rows, chosen, loading };
  const seen = new Set();
  for (const row of rows) {
    seen.add(row.id);
    if (!held.has(row.id)) held.set(row.id, makeRow(row.id));
    fillRow(held.get(row.id), row);
    fillSparks(held.get(row.id), row);
  }
  for (const id of [...held.keys()]) if (!seen.has(id)) held.delete(id);
  draw();
}

body.addEventListener("click", (event) => {
  // The row chooses; the link is there for the keyboard and must not lose the rest of the address.
  if (event.target.closest("a")) event.preventDefault();
});
body.addEventListener("keydown", (event) => {
  const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
  const next = step && event.target.closest("tr")?.[step]?.querySelector("a");
  if (!next) return;
  event.preventDefault();
  next.focus();
});
