import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseNode, chooseWorkload, formatHash, parseHash } from "../lib/state.js";

test("the address holds the view and gives it back", () => {
  const view = { node: "a-1", workload: "42", window: 900_000, horizon: 5 };
  assert.deepEqual(parseHash(formatHash(view)), view);
});

test("what is not understood gets its default", () => {
  const view = parseHash("#node=a&workload=<x>&window=7&horizon=-1");
  assert.deepEqual(view, { node: "a", workload: null, window: 300_000, horizon: 30 });
});

test("a chosen node stays while it exists, else a live one comes first", () => {
  const nodes = [{ id: "a", health: "lost" }, { id: "b", health: "live" }];
  assert.equal(chooseNode("a", nodes), "a");
  assert.equal(chooseNode("x", nodes), "b");
  assert.equal(chooseNode(null, []), null);
});

test("without a choice the busiest managed workload is shown", () => {
  const row = (id, managed, cpu, present = true) => ({ id, managed, present, usage: { cpu_cores: cpu } });
  const rows = [row("1", false, 9), row("2", true, 1), row("3", true, null), row("4", true, 5, false)];
  assert.equal(chooseWorkload(null, rows), "2");
  assert.equal(chooseWorkload("4", rows), "4");
  assert.equal(chooseWorkload(null, []), null);
});
