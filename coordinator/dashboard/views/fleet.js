// The bar on top: nodes by health, CPU and memory in use, and a button per node.

import { h, setAttr, setText } from "../lib/dom.js";
import { bytes, cores, known } from "../lib/format.js";

const root = document.getElementById("fleet");
const HEALTH = { live: "live", stale: "stale", lost: "lost" };

function tile(label) {
  const value = h("p", { class: "tile-value" });
  const note = h("p", { class: "tile-note" });
  const bar = h("meter", { min: 0, max: 1, value: 0, "aria-label": `${label} in use` });
  const element = h("div", { class: "tile" }, h("p", { class: "tile-label" }, label), value, bar, note);
  return { element, value, note, bar };
}

const tiles = {
  nodes: tile("Nodes"),
  cpu: tile("CPU"),
  memory: tile("Memory"),
  workloads: tile("Workloads"),
};
tiles.nodes.bar.remove();
tiles.workloads.bar.remove();
const chips = h("div", { class: "chips", role: "group", "aria-label": "Nodes" });
root.append(h("div", { class: "tiles" }, ...Object.values(tiles).map((one) => one.element)), chips);
const held = new Map();

function use(one, used, of, format, unit) {
  setText(one.value, known(used) ? `${format(used)} of ${format(of)}${unit}` : "unknown");
  one.bar.hidden = !known(used);
  if (known(used)) {
    one.bar.value = of > 0 ? used / of : 0;
    setText(one.note, `${((used / of) * 100).toFixed(0)} % in use`);
  } else {
    setText(one.note, `capacity ${format(of)}${unit}`);
  }
}

function chip(id, onchoose) {
  const name = h("span", { class: "chip-name" });
  const dot = h("span", { class: "dot", "aria-hidden": "true" });
  const state = h("span", { class: "chip-state" });
  const meters = ["CPU", "Mem"].map((label) => {
    const bar = h("meter", { min: 0, max: 1, value: 0, "aria-label": label });
    const text = h("span", {});
    return { bar, text, element: h("span", { class: "chip-use" }, h("span", {}, label), bar, text) };
  });
  const element = h("button", { type: "button", class: "chip", onclick: () => onchoose(id) },
    h("span", { class: "chip-head" }, dot, name, state), ...meters.map((one) => one.element));
  return { element, name, dot, state, meters };
}

function share(one, used, of) {
  one.bar.value = known(used) && of > 0 ? used / of : 0;
  setText(one.text, known(used) && of > 0 ? `${((used / of) * 100).toFixed(0)} %` : "–");
}

/** Shows the fleet; `onchoose(id)` is called when a node is chosen. */
export function showFleet(fleet, chosen, onchoose) {
  root.hidden = fleet.nodes.length === 0;
  const { counts, totals } = fleet;
  setText(tiles.nodes.value, String(fleet.nodes.length));
  const parts = Object.keys(HEALTH).filter((key) => counts[key] > 0);
  setText(tiles.nodes.note, parts.map((key) => `${counts[key]} ${HEALTH[key]}`).join(", "));
  use(tiles.cpu, totals.cpu_used_cores,
    known(totals.cpu_used_cores) ? totals.cpu_used_of_cores : totals.cpu_cores, cores, " cores");
  use(tiles.memory, totals.memory_used_bytes,
    known(totals.memory_used_bytes) ? totals.memory_used_of_bytes : totals.memory_bytes, bytes, "");
  setText(tiles.workloads.value, String(totals.workloads));
  setText(tiles.workloads.note, `${totals.managed} managed`
    + (fleet.workloads_refused > 0 ? "; some left out at the coordinator's bound" : ""));
  const seen = new Set();
  for (const node of fleet.nodes) {
    seen.add(node.id);
    if (!held.has(node.id)) {
      held.set(node.id, chip(node.id, onchoose));
      chips.append(held.get(node.id).element);
    }
    const one = held.get(node.id);
    setText(one.name, node.name || node.id);
    setText(one.state, node.health === "live" ? node.mode : node.health);
    one.element.dataset.health = node.health;
    setAttr(one.element, "aria-pressed", String(node.id === chosen));
    share(one.meters[0], node.cpu_used_cores, node.cpu_cores);
    share(one.meters[1], node.memory_used_bytes, node.memory_bytes);
  }
  for (const [id, one] of held) {
    if (seen.has(id)) continue;
    one.element.remove();
    held.delete(id);
  }
}
