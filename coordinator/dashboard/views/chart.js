// One chart over uPlot: lines, steps and a forecast band over the shared time axis.

import { h, setText } from "../lib/dom.js";
import { known, together } from "../lib/format.js";
import { align, lastKnown, maxWithin, pickForecast } from "../lib/series.js";
import { axisTop, labels } from "../lib/ticks.js";
import { legend } from "./legend.js";
import { drawMarkers, line } from "./markers.js";

const { uPlot } = globalThis;
const AXIS_WIDTH = 62;
const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];
const stepped = uPlot.paths.stepped({ align: 1 });

/** The colours of the theme in force, by name. */
export function inks() {
  const style = getComputedStyle(document.documentElement);
  const names = ["text", "muted", "grid", "use", "use2", "band", "band-soft", "median", "limit", "max", "target", "raise", "lower"];
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--ink-${name}`).trim()]));
}

function uplotSeries(column, ink) {
  const shape = {
    line: { stroke: ink[column.color], width: 1.6 },
    step: { stroke: ink[column.color], width: 1.6, paths: stepped },
    dashed: { stroke: ink[column.color], width: 1.6, paths: stepped, dash: [6, 4] },
  }[column.mark];
  return { label: column.text, points: { show: false }, ...shape };
}

/**
 * A chart. `spec`: `{ title, unitOf, format, steps, smallest, columns, resource, showTime, height }`.
 * `columns`: `{ name, text, mark, color, main }`; `main` ones set the height of the axis.
 */
export function makeChart(spec, shared) {
  const ink = inks();
  const quantiles = { fill: undefined, points: { show: false }, width: 0 };
  const items = spec.columns.map((one) => ({ ...one }));
  if (spec.resource) {
    items.push({
      text: "forecast q50 / q95 / q99", mark: "band", color: "band", wide: true,
      hint: "Quantiles of the peak, drawn at the end of the time that they were forecast for",
    });
  }
  const key = legend(items);
  const unitLabel = h("span", { class: "unit" });
  const absent = h("p", { class: "chart-absent", hidden: true });
  const plot = h("div", { class: "plot" });
  const element = h("figure", { class: "chart" },
    h("figcaption", {}, h("h3", {}, spec.title), unitLabel, key.element), plot, absent);
  let held = null;
  let unit = spec.unitOf(1);

  const n = spec.columns.length;
  const bands = spec.resource ? [
    { series: [n + 3, n + 2], fill: ink["band-soft"] },
    { series: [n + 2, n + 1], fill: ink.band },
  ] : [];
  const u = new uPlot({
    width: 600,
    height: spec.height,
    padding: [6, 20, spec.showTime ? 0 : 4, 0],
    legend: { show: false },
    cursor: { y: false, sync: { key: "time", setSeries: false }, points: { size: 6 }, drag: { setScale: false, x: false } },
    scales: {
      x: { time: true, range: () => shared.range },
      y: { range: () => [0, held?.top ?? spec.smallest] },
    },
    axes: [
      { show: true, size: spec.showTime ? 24 : 4, stroke: ink.muted, font: "11px system-ui, sans-serif",
        grid: { stroke: ink.grid, width: 1 }, ticks: { stroke: ink.grid, width: 1, size: 4 }, space: 64, incrs: TIME_STEPS,
        values: spec.showTime ? timeLabels : (_, splits) => splits.map(() => "") },
      { size: AXIS_WIDTH, stroke: ink.muted, font: "11px system-ui, sans-serif", space: 26, incrs: spec.steps,
        grid: { stroke: ink.grid, width: 1 }, ticks: { show: false }, values: (_, splits) => labels(splits, unit) },
    ],
    series: [{}, ...spec.columns.map((column) => uplotSeries(column, ink)),
      { ...quantiles, stroke: ink.median, width: 1.2, dash: [2, 3] }, { ...quantiles }, { ...quantiles }],
    bands,
    hooks: {
      draw: [(self) => {
        if (!shared.nowS) return;
        line(self, shared.nowS, ink.muted, [3, 3], spec.showNow ? "now" : "");
        drawMarkers(self, shared.decisions.filter(spec.takes), shared.chosen, ink);
      }],
      setCursor: [() => showValues()],
    },
  }, [[], ...Array.from({ length: n + 3 }, () => [])], plot);

  function showValues() {
    if (!held) return;
    const index = u.cursor.idx;
    const under = known(index) && u.cursor.left >= 0;
    const of = (k) => (under ? u.data[k][index] : lastKnown(u.data[k]));
    const texts = spec.columns.map((column, k) => {
      const value = of(k + 1);
      if (!known(value)) return column.none ?? "–";
      return spec.format(value) + (!column.main && value > held.top ? " ↑" : "");
    });
    if (spec.resource) texts.push(together([n + 1, n + 2, n + 3].map(of), spec.format, spec.unitOf));
    key.set(texts);
    shared.oncursor(under ? u.data[0][index] : null);
  }

  return {
    element,
    /** Shows what is held: a series, and the horizon in ticks. */
    set(series, horizon) {
      const forecast = spec.resource ? pickForecast(series, spec.resource, horizon) : null;
      const none = new Array(series.at.length).fill(null);
      const columns = spec.columns.map((column) => series.columns[column.name] ?? none);
      const shift = forecast ? forecast.ticks * series.tickMs : 0;
      const data = align(series.at, columns, forecast, shift, Math.max(series.tickMs, 1000));
      const [from, to] = shared.range;
      const main = data.slice(1, n + 1).filter((_, k) => spec.columns[k].main);
      const others = data.slice(1, n + 1).filter((_, k) => !spec.columns[k].main);
      const mainMax = maxWithin(data[0], [...main, data[n + 3]], from, to);
      const top = axisTop(mainMax, maxWithin(data[0], others, from, to), spec.smallest);
      held = { top };
      unit = spec.unitOf(top);
      setText(unitLabel, unit.name);
      const nothing = columns.every((values) => lastKnown(values) === null) && !forecast;
      absent.hidden = !nothing;
      setText(absent, spec.absent);
      u.setData(data, false);
      u.batch(() => {
        u.setScale("x", { min: from, max: to });
        u.setScale("y", { min: 0, max: top });
      });
      showValues();
    },
    /** Draws again, for markers that changed. */
    redraw: () => u.redraw(false),
    resize: () => {
      const width = plot.clientWidth;
      if (width > 0 && width !== u.width) u.setSize({ width, height: spec.height });
    },
    destroy: () => u.destroy(),
  };
}

function timeLabels(_, splits) {
  const two = (value) => String(value).padStart(2, "0");
  const seconds = splits.length > 1 && splits[1] - splits[0] < 60;
  return splits.map((at) => {
    const date = new Date(at * 1000);
    const minutes = `${two(date.getHours())}:${two(date.getMinutes())}`;
    return seconds ? `${minutes}:${two(date.getSeconds())}` : minutes;
  });
}
