import assert from "node:assert/strict";
import { test } from "node:test";
import {
  align, emptySeries, horizons, lastKnown, maxWithin, mergeDecisions, mergeSeries, pickForecast, trimSeries,
} from "../lib/series.js";

const body = (at, columns, forecasts = []) => ({ at_unix_ms: at, columns, forecasts, tick_ms: 1000 });
const cpu = (ticks, values) => ({ resource: "cpu", ticks, q50: values, q95: values, q99: values });

test("an answer replaces what is held from its first time on", () => {
  const first = mergeSeries(emptySeries(), body([1, 2, 3], { cpu_cores: [0.1, 0.2, 0.3] }));
  const next = mergeSeries(first, body([3, 4], { cpu_cores: [0.9, null] }));
  assert.deepEqual(next.at, [1, 2, 3, 4]);
  assert.deepEqual(next.columns.cpu_cores, [0.1, 0.2, 0.9, null]);
  assert.deepEqual(first.at, [1, 2, 3], "what was held is left as it was");
});

test("a column that one side lacks is absent there, not zero", () => {
  const first = mergeSeries(emptySeries(), body([1, 2], { cpu_cores: [1, 1] }));
  const next = mergeSeries(first, body([3], { memory_bytes: [7] }));
  assert.deepEqual(next.columns, { cpu_cores: [1, 1, null], memory_bytes: [null, null, 7] });
});

test("forecasts are joined by resource and horizon", () => {
  const first = mergeSeries(emptySeries(), body([1], {}, [cpu(5, [1])]));
  const next = mergeSeries(first, body([2], {}, [cpu(5, [2]), cpu(30, [3])]));
  assert.deepEqual(next.forecasts.map((one) => [one.ticks, one.q95]), [[5, [1, 2]], [30, [null, 3]]]);
  assert.deepEqual(horizons(next), [5, 30]);
  assert.equal(pickForecast(next, "cpu", 25).ticks, 30);
  assert.equal(pickForecast(next, "memory", 5), null);
});

test("an empty answer changes nothing", () => {
  const held = mergeSeries(emptySeries(), body([1], { cpu_cores: [1] }));
  assert.deepEqual(mergeSeries(held, body([], {})), held);
});

test("old points leave from every column", () => {
  const held = mergeSeries(emptySeries(), body([1, 2, 3], { cpu_cores: [1, 2, 3] }, [cpu(5, [4, 5, 6])]));
  const cut = trimSeries(held, 3);
  assert.deepEqual([cut.at, cut.columns.cpu_cores, cut.forecasts[0].q50], [[3], [3], [6]]);
  assert.equal(trimSeries(held, 0), held);
});

test("a forecast stands at its target time, also where nothing was reported yet", () => {
  const at = [1000, 2000, 3000, 4000];
  const [x, use, q50] = align(at, [[1, 2, 3, 4]], cpu(3, [5, 6, 7, 8]), 3000, 1000);
  assert.deepEqual(x, [1, 2, 3, 4, 7]);
  assert.deepEqual(use, [1, 2, 3, 4, null]);
  assert.deepEqual(q50, [null, 5, 5, 5, 8], "the first target is at 4, near 2 and 3 too");
});

test("jitter of the ticks leaves no holes in the band", () => {
  const at = [1000, 2040, 2970, 4010, 5000, 6030];
  const [x, , q50] = align(at, [at], cpu(2, [1, 2, 3, 4, 5, 6]), 2000, 1000);
  assert.deepEqual(x, [...at.map((ms) => ms / 1000)]);
  assert.deepEqual(q50.slice(2), [1, 2, 3, 4]);
});

test("a gap in the reports breaks the line, and what was forecast for it is shown", () => {
  const at = [1000, 2000, 2001, 20_000];
  const [x, use, q50] = align(at, [[1, 2, null, 3]], cpu(8, [5, 6, null, 7]), 8000, 1000);
  assert.deepEqual(x, [1, 2, 2.001, 9, 10, 20, 28]);
  assert.deepEqual(use, [1, 2, null, null, null, 3, null]);
  assert.deepEqual(q50, [null, null, null, 5, 6, null, 7]);
});

test("without a forecast the columns stand alone", () => {
  assert.deepEqual(align([1000], [[1]], null, 0, 1000), [[1], [1], [null], [null], [null]]);
  assert.deepEqual(align([], [[]], cpu(5, []), 5000, 1000), [[], [], [], [], []]);
});

test("greatest and last known values pass over what is absent", () => {
  assert.equal(maxWithin([1, 2, 3], [[9, null, 4], [undefined, 2, 3]], 2, 3), 4);
  assert.equal(maxWithin([1], [[null]], 0, 9), null);
  assert.equal(lastKnown([1, null, undefined]), 1);
  assert.equal(lastKnown(undefined), null);
});

test("decisions come once, newest first, and the oldest leave", () => {
  const at = (ms, knob) => ({ at_unix_ms: ms, knob });
  const held = [at(5, "cpu.max"), at(3, "cpu.max")];
  const fresh = [at(6, "cpu.max"), at(5, "memory.high"), at(5, "cpu.max")];
  const merged = mergeDecisions(held, fresh, 5, 4);
  assert.deepEqual(merged.map((one) => `${one.at_unix_ms} ${one.knob}`), ["6 cpu.max", "5 memory.high", "5 cpu.max", "3 cpu.max"]);
  assert.equal(mergeDecisions(held, fresh, 5, 2).length, 2);
});
