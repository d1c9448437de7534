import assert from "node:assert/strict";
import { test } from "node:test";
import { axisTop, byteSteps, decimalSteps, labels } from "../lib/ticks.js";

test("steps are round in their unit", () => {
  assert.deepEqual(byteSteps().slice(8, 12), [256, 512, 1024, 2048]);
  assert.deepEqual(decimalSteps(0.001, 2), [0.001, 0.002, 0.005, 0.01, 0.02, 0.05]);
});

test("labels have one unit and only the digits that the step needs", () => {
  const gib = { size: 1024 ** 3, name: "GiB" };
  assert.deepEqual(labels([0, gib.size, 2 * gib.size], gib), ["0", "1", "2"]);
  assert.deepEqual(labels([0, gib.size / 2, gib.size], gib), ["0.0", "0.5", "1.0"]);
  assert.deepEqual(labels([0, gib.size / 4, gib.size / 2], gib), ["0.00", "0.25", "0.50"]);
  assert.deepEqual(labels([0, 0.05, 0.1], { size: 1 }), ["0.00", "0.05", "0.10"]);
});

test("a limit far away does not press the line flat", () => {
  assert.ok(axisTop(1, 2, 0.05) >= 2);
  assert.ok(axisTop(1, 8, 0.05) < 2);
  assert.ok(axisTop(null, null, 0.05) > 0);
});
