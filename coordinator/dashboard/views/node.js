// One line on the chosen node: what it runs, what the agent costs, which parts of it are not well.

import { h } from "../lib/dom.js";
import { bytes, cores, duration } from "../lib/format.js";

const root = document.getElementById("node");
let shown = "";

function facts(node) {
  const all = [
    ["Node", node.name || node.id],
    ["Mode", node.mode === "observe" ? "observe (nothing is written)" : node.mode],
    ["Kernel", node.kernel],
    ["Agent", node.agent_version],
    ["Tick", duration(node.tick_ms)],
    ["Agent's cost", `${cores(node.agent_cpu_cores)} cores, ${bytes(node.agent_rss_bytes)}`],
  ];
  if (node.reports_dropped > 0) all.push(["Reports dropped", String(node.reports_dropped)]);
  if (node.workloads_left_out > 0) all.push(["Workloads left out", String(node.workloads_left_out)]);
  if (Math.abs(node.clock_skew_ms) > 2000) {
    all.push(["Clock", `${duration(Math.abs(node.clock_skew_ms))} ${node.clock_skew_ms > 0 ? "behind" : "ahead"}`]);
  }
  return all;
}

/** Shows it. */
export function showNode(node) {
  root.hidden = !node;
  if (!node) return;
  const unwell = node.components.filter((one) => one.state !== "healthy" && one.state !== "off");
  const list = facts(node);
  const key = JSON.stringify([list, unwell]);
  if (key === shown) return;
  shown = key;
  const open = root.querySelector("details")?.open ?? false;
  const line = h("dl", { class: "facts" });
  for (const [name, value] of list) {
    line.append(h("div", {}, h("dt", {}, name), h("dd", {}, value || "–")));
  }
  root.replaceChildren(line);
  if (unwell.length === 0) return;
  const names = unwell.map((one) => one.name).join(", ");
  root.append(h("details", { class: "unwell", open },
    h("summary", {}, `${unwell.length} ${unwell.length === 1 ? "part" : "parts"} limited: ${names}`),
    h("ul", {}, ...unwell.map((one) =>
      h("li", {}, h("strong", {}, one.name), ` is ${one.state}: ${one.cause}`)))));
}
