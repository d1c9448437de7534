// The page: fetches what is shown when events say that it changed, and hands it to the views.

import { getDecisions, getFleet, getNode, getSeries } from "./lib/api.js";
import { listen, paced } from "./lib/live.js";
import { emptySeries, mergeDecisions, mergeSeries, trimSeries } from "./lib/series.js";
import { chooseNode, chooseWorkload, formatHash, parseHash } from "./lib/state.js";
import { makeDetail } from "./views/detail.js";
import { showFleet } from "./views/fleet.js";
import { showNode } from "./views/node.js";
import { noticeFor, showLink, showNotice } from "./views/notice.js";
import { SPARK_POINTS } from "./views/sparkline.js";
import { showTable } from "./views/table.js";

/** Room before the window, so that the first forecasts in it have their time of making. */
const LEAD_MS = 60_000;
const MOST_DECISIONS = 300;
const TICK_MS = 1_000;
const FLEET_MS = 2_000;

let view = parseHash(location.hash);
const data = { fleet: null, node: null, rows: [], errors: {}, link: "wait" };
let held = nothing();
let sparksOf = null;
const detail = makeDetail((change) => go(change));

function nothing() {
  return { key: null, since: Infinity, series: emptySeries(), decisions: [] };
}

/** Goes to another node, workload or view; the address follows. */
function go(change) {
  view = { ...view, ...change };
  history.replaceState(null, "", formatHash(view));
  draw();
  refreshNode();
}

function draw() {
  const { fleet, node, rows } = data;
  showLink(data.link);
  showNotice(noticeFor({ ...data, error: Object.values(data.errors)[0] }));
  document.getElementById("main").hidden = !fleet || fleet.nodes.length === 0;
  if (!fleet) return;
  showFleet(fleet, view.node, (id) => go({ node: id, workload: null }));
  showNode(node);
  const row = rows.find((one) => one.id === view.workload);
  const ready = row && held.key === `${view.node} ${view.workload}`;
  detail.set(ready ? { row, series: held.series, decisions: held.decisions } : null, view);
}

function table(loading) {
  showTable(data.rows, view.workload, loading, (id) => {
    go({ workload: id });
    table(false);
  });
}

async function guarded(part, work) {
  try {
    await work();
    delete data.errors[part];
  } catch (error) {
    data.errors[part] = error.message;
  }
  draw();
}

const refreshFleet = paced(() => guarded("fleet", async () => {
  data.fleet = await getFleet();
  const chosen = chooseNode(view.node, data.fleet.nodes);
  const fresh = data.fleet.nodes.find((node) => node.id === chosen) ?? null;
  if (chosen !== view.node || !data.node) {
    view = { ...view, node: chosen };
    refreshNode();
  } else if (fresh && data.node?.id === fresh.id) {
    data.node = fresh;
  }
}), FLEET_MS);

const refreshNode = paced(() => guarded("node", async () => {
  const id = view.node;
  if (!id) return;
  if (data.node?.id !== id) {
    data.rows = [];
    table(true);
  }
  const body = await getNode(id, sparksOf === id ? 0 : SPARK_POINTS);
  if (id !== view.node) return;
  sparksOf = id;
  data.node = body.node;
  data.rows = body.workloads;
  const workload = chooseWorkload(view.workload, body.workloads);
  if (workload !== view.workload) view = { ...view, workload };
  table(false);
  draw();
  if (workload) await refreshWorkload(id, workload, body.node.at_unix_ms);
}), TICK_MS);

async function refreshWorkload(id, workload, nodeNow) {
  const key = `${id} ${workload}`;
  const oldest = Math.max(0, nodeNow - view.window - LEAD_MS);
  // A wider window than what is held is loaded anew; else only what is new.
  const whole = held.key !== key || oldest < held.since - 5_000;
  const base = whole ? { ...nothing(), key, since: oldest } : held;
  const decidedAt = base.decisions[0]?.at_unix_ms ?? 0;
  const [body, list] = await Promise.all([
    getSeries(id, workload, whole ? oldest : base.series.at.at(-1) ?? oldest),
    getDecisions(id, workload, decidedAt),
  ]);
  if (id !== view.node || workload !== view.workload) return;
  const series = trimSeries(mergeSeries(base.series, body), oldest);
  const decisions = mergeDecisions(base.decisions, list.decisions, decidedAt, MOST_DECISIONS);
  held = { key, since: Math.max(base.since, oldest), series, decisions };
}

function everything() {
  sparksOf = null;
  held = nothing();
  refreshFleet();
  refreshNode();
}

listen((name, event) => {
  if (document.hidden) return;
  if (name === "lagged") everything();
  else if (name === "tick" && event.node === view.node) refreshNode();
  else if (name !== "tick") refreshFleet();
}, (link) => {
  const back = link === "live" && data.link === "down";
  data.link = link;
  draw();
  if (back) everything();
});
// Silence sends no event for a while, and other nodes' use is worth no event each.
setInterval(() => { if (!document.hidden) refreshFleet(); }, FLEET_MS);
document.addEventListener("visibilitychange", () => { if (!document.hidden) everything(); });
addEventListener("hashchange", () => {
  view = parseHash(location.hash);
  everything();
});
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  document.getElementById("workloads").focus();
});
refreshFleet();
