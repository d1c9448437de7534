// CPU, memory and network of one workload over one time axis.

import { h, setText } from "../lib/dom.js";
import { bytes, byteUnit, clock, cores, rate, rateUnit } from "../lib/format.js";
import { byteSteps, decimalSteps } from "../lib/ticks.js";
import { makeChart } from "./chart.js";

const SPECS = [
  {
    title: "CPU", resource: "cpu", height: 150, showNow: true, smallest: 0.05,
    unitOf: () => ({ size: 1, name: "cores" }), format: cores, steps: decimalSteps(0.001, 7),
    takes: (decision) => decision.knob.startsWith("cpu."), absent: "No CPU data in this window.",
    columns: [
      { name: "cpu_cores", text: "use", mark: "line", color: "use", main: true },
      { name: "cpu_limit_cores", text: "limit (cpu.max)", mark: "step", color: "limit", none: "none" },
      { name: "cpu_target_cores", text: "target", mark: "dashed", color: "target" },
    ],
  },
  {
    title: "Memory", resource: "memory", height: 140, smallest: 1024 ** 2,
    unitOf: byteUnit, format: bytes, steps: byteSteps(),
    takes: (decision) => decision.knob.startsWith("memory."), absent: "No memory data: this node reports none for the workload.",
    columns: [
      { name: "memory_bytes", text: "use", mark: "line", color: "use", main: true },
      { name: "memory_high_bytes", text: "memory.high", mark: "step", color: "limit", none: "none" },
      { name: "memory_max_bytes", text: "memory.max", mark: "step", color: "max", none: "none" },
      { name: "memory_high_target_bytes", text: "high target", mark: "dashed", color: "target" },
      { name: "memory_max_target_bytes", text: "max target", mark: "dashed", color: "max" },
    ],
  },
  {
    title: "Network", resource: null, height: 112, smallest: 1000, showTime: true,
    unitOf: rateUnit, format: rate, steps: decimalSteps(1, 13),
    takes: () => false, absent: "No network data: this node reports none for the workload.",
    columns: [
      { name: "rx_bytes_per_s", text: "received", mark: "line", color: "use", main: true },
      { name: "tx_bytes_per_s", text: "sent", mark: "line", color: "use2", main: true },
    ],
  },
];

/** The three charts in `parent`; `cursorTime` gets the time under the cursor. They are made anew when the theme changes. */
export function makeCharts(parent, cursorTime) {
  const area = h("div", { class: "charts" });
  parent.append(area);
  const shared = { range: [0, 1], nowS: 0, decisions: [], chosen: null, oncursor: showTime };
  let charts = [];
  let last = null;

  function showTime(seconds) {
    setText(cursorTime, seconds === null ? "" : clock(seconds * 1000));
  }

  function make() {
    for (const one of charts) one.destroy();
    charts = SPECS.map((spec) => makeChart(spec, shared));
    area.replaceChildren(...charts.map((one) => one.element));
    for (const one of charts) one.resize();
    if (last) set(...last);
  }

  function set(series, horizon, windowMs, decisions) {
    last = [series, horizon, windowMs, decisions];
    const newest = (series.at.at(-1) ?? Date.now()) / 1000;
    shared.nowS = series.at.length > 0 ? newest : 0;
    shared.range = [newest - windowMs / 1000, newest + (horizon * series.tickMs) / 1000];
    shared.decisions = decisions;
    for (const one of charts) one.set(series, horizon);
  }

  make();
  new ResizeObserver(() => charts.forEach((one) => one.resize())).observe(area);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", make);
  return {
    set,
    choose(decision) {
      shared.chosen = decision;
      for (const one of charts) one.redraw();
    },
  };
}
