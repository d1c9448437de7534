import assert from "node:assert/strict";
import { test } from "node:test";
import { filterRows, forecastSource, pushSpark, sortRows, sparkPath } from "../lib/rows.js";

const row = (id, cpu, more = {}) => ({
  id, name: `w${id}`, cgroup: `a/${id}`, managed: false, present: true,
  usage: { cpu_cores: cpu, memory_bytes: null }, limits: {}, targets: {}, ...more,
});
const ids = (rows) => rows.map((one) => one.id).join("");

test("absent values come last in both directions", () => {
  const rows = [row("1", null), row("2", 0.5), row("3", 2), row("4", 0)];
  assert.equal(ids(sortRows(rows, "cpu", true)), "3241");
  assert.equal(ids(sortRows(rows, "cpu", false)), "4231");
  assert.equal(ids(rows), "1234", "the rows themselves stay");
});

test("workloads that are gone come after all others", () => {
  const rows = [row("1", 9, { present: false }), row("2", 0.1)];
  assert.equal(ids(sortRows(rows, "cpu", true)), "21");
});

test("equal values keep one order, so that rows do not jump", () => {
  const rows = [row("3", 1), row("1", 1), row("2", 1)];
  assert.equal(ids(sortRows(rows, "cpu", true)), "123");
});

test("a filter needs every word, in name or cgroup", () => {
  const rows = [row("1", 1, { name: "Postgres" }), row("2", 1, { managed: true })];
  assert.equal(ids(filterRows(rows, "post a/1", false)), "1");
  assert.equal(ids(filterRows(rows, "post a/2", false)), "");
  assert.equal(ids(filterRows(rows, "  ", true)), "2");
});

test("the source of the first forecast that there is", () => {
  assert.equal(forecastSource(row("1", 1)), null);
  assert.equal(forecastSource(row("1", 1, { memory_forecast: { source: "model" } })), "model");
});

test("a sparkline keeps its newest values and breaks where one is absent", () => {
  assert.deepEqual(pushSpark([1, 2, 3], 4, 3), [2, 3, 4]);
  assert.deepEqual(pushSpark([1], undefined, 3), [1, null]);
  assert.equal(sparkPath([1, null, 0.5, 1], 30, 12, 4), "M0.0 1.0M20.0 6.0L30.0 1.0");
  assert.equal(sparkPath([], 30, 12, 4), "");
  assert.equal(sparkPath([0, 0], 10, 12, 2), "M0.0 11.0L10.0 11.0");
});
