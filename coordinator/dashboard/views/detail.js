// The chosen workload: who it is, its charts, its decisions.

import { choice, h, setText } from "../lib/dom.js";
import { ABSENT, duration, known, share } from "../lib/format.js";
import { horizons } from "../lib/series.js";
import { WINDOWS } from "../lib/state.js";
import { makeCharts } from "./charts.js";
import { makeDecisions } from "./decisions.js";

const root = document.getElementById("detail");

function forecastBy(row) {
  const sources = [["CPU", row.cpu_forecast], ["memory", row.memory_forecast]];
  const known = sources.filter(([, forecast]) => forecast).map(([name, { source }]) => `${name} by ${source}`);
  return known.length > 0 ? `forecast of ${known.join(", ")}` : "no forecast yet";
}

/** The pane; `onview({ window } | { horizon })` when the reader wants another view. */
export function makeDetail(onview) {
  const name = h("h2", {});
  const badge = h("span", { class: "badge" });
  const cgroup = h("p", { class: "cgroup" });
  const facts = h("p", {});
  const cursorTime = h("p", { class: "cursor-time", "aria-hidden": "true" });
  const windows = choice("Time shown", WINDOWS, (window) => onview({ window }));
  const ahead = h("div", { class: "ahead" });
  const content = h("div", { class: "content" });
  const empty = h("p", { class: "empty" }, "Choose a workload to see its last hour.");
  const head = h("div", { class: "bar bar-detail" },
    h("div", { class: "who" }, h("div", { class: "title" }, name, badge), cgroup),
    h("div", { class: "views" }, ahead, windows.element));
  const lists = h("div", {});
  root.append(empty, content);
  content.append(head, h("div", { class: "count" }, facts, cursorTime));
  const charts = makeCharts(content, cursorTime);
  content.append(lists);
  const decisions = makeDecisions(lists, (one) => charts.choose(one));
  content.hidden = true;
  let horizonKey = "";
  let horizonChoice = null;
  let current = null;

  function showHorizons(series, wanted) {
    const all = horizons(series);
    const key = `${all.join()} ${series.tickMs}`;
    if (key !== horizonKey) {
      horizonKey = key;
      const options = all.map((ticks) => [ticks, duration(ticks * series.tickMs)]);
      horizonChoice = choice("Forecast ahead by", options, (horizon) => onview({ horizon }));
      ahead.replaceChildren(...(all.length > 0 ? [h("span", {}, "Forecast ahead"), horizonChoice.element] : []));
    }
    const nearest = all.reduce((best, ticks) =>
      (best === null || Math.abs(ticks - wanted) < Math.abs(best - wanted) ? ticks : best), null);
    horizonChoice?.set(nearest);
    return nearest ?? 0;
  }

  return {
    /** Shows `{ row, series, decisions }`, or the hint to choose one for null. */
    set(shown, view) {
      content.hidden = !shown;
      empty.hidden = Boolean(shown);
      if (!shown) return;
      const { row, series } = shown;
      if (row.id !== current) {
        current = row.id;
        decisions.clear();
      }
      setText(name, row.name || row.cgroup || row.id);
      setText(badge, row.managed ? "managed" : "not managed");
      badge.dataset.managed = String(row.managed);
      setText(cgroup, row.cgroup);
      setText(facts, [
        forecastBy(row),
        `throttled ${share(row.usage.throttled_share)}`,
        `memory stall ${share(row.usage.memory_stall_share)}`,
        `OOM kills ${known(row.usage.oom_kills) ? row.usage.oom_kills : ABSENT}`,
      ].join(" · "));
      windows.set(view.window);
      const horizon = showHorizons(series, view.horizon);
      charts.set(series, horizon, view.window, shown.decisions);
      decisions.set(shown.decisions);
    },
  };
}
