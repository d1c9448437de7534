import assert from "node:assert/strict";
import { test } from "node:test";
import {
  align, emptySeries, horizons, lastKnown, maxWithin, mergeSeries, pickForecast, trimSeries, valueAt,
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

test("a forecast stands at its target time and breaks no line", () => {
  const at = [1000, 2000, 3000];
  const [x, use, q50] = align(at, [[1, 2, null]], cpu(1, [5, 6, null]), 1500);
  assert.deepEqual(x, [1, 2, 2.5, 3, 3.5, 4.5]);
  assert.deepEqual(use, [1, 2, undefined, null, undefined, undefined]);
  assert.deepEqual(q50, [undefined, undefined, 5, undefined, 6, null]);
});

test("times that meet share a place", () => {
  const [x, use, q50] = align([1000, 2000], [[1, 2]], cpu(1, [5, 6]), 1000);
  assert.deepEqual([x, use, q50], [[1, 2, 3], [1, 2, undefined], [undefined, 5, 6]]);
});

test("without a forecast the columns stand alone", () => {
  const [x, use, q50] = align([1000], [[1]], null, 0);
  assert.deepEqual([x, use, q50.length, q50[0]], [[1], [1], 1, undefined]);
});

test("greatest and last known values pass over what is absent", () => {
  assert.equal(maxWithin([1, 2, 3], [[9, null, 4], [undefined, 2, 3]], 2, 3), 4);
  assert.equal(maxWithin([1], [[null]], 0, 9), null);
  assert.equal(lastKnown([1, null, undefined]), 1);
  assert.equal(lastKnown(undefined), null);
  assert.equal(valueAt([1, undefined, undefined], 2), 1);
  assert.equal(valueAt([1, null, undefined], 2), null, "a gap is a gap");
});
