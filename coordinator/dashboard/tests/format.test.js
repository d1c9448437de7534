import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes, byteUnit, clock, cores, duration, limitValue, rate, share, together } from "../lib/format.js";

test("absent is shown as absent and zero as zero", () => {
  for (const format of [cores, bytes, rate, share, duration, clock]) {
    assert.equal(format(null), "–");
    assert.equal(format(undefined), "–");
    assert.equal(format(NaN), "–");
  }
  assert.equal(cores(0), "0.00");
  assert.equal(bytes(0), "0 B");
  assert.equal(share(0), "0 %");
});

test("cores keep what is small visible", () => {
  const cases = [[0.0001, "<0.001"], [0.004, "0.004"], [0.42, "0.42"], [1, "1.00"], [12.34, "12.3"], [128, "128"]];
  for (const [value, text] of cases) assert.equal(cores(value), text);
});

test("bytes count in 1024, rates in 1000", () => {
  assert.equal(bytes(1023), "1023 B");
  assert.equal(bytes(1024), "1.00 KiB");
  assert.equal(bytes(412 * 1024 ** 2), "412 MiB");
  assert.equal(bytes(1.5 * 1024 ** 3), "1.50 GiB");
  assert.equal(rate(1000), "1.00 kB/s");
  assert.equal(rate(999), "999 B/s");
  assert.equal(rate(12_345_678), "12.3 MB/s");
});

test("shares and durations", () => {
  assert.equal(share(0.0004), "<0.1 %");
  assert.equal(share(0.034), "3.4 %");
  assert.equal(share(1), "100 %");
  assert.equal(duration(850), "850 ms");
  assert.equal(duration(5000), "5 s");
  assert.equal(duration(2500), "2.5 s");
  assert.equal(duration(180_000), "3 min");
  assert.equal(duration(9_000_000), "2.5 h");
});

test("a limit is in the unit of its file and max when there is none", () => {
  assert.equal(limitValue("cpu.max", 1.5), "1.50 cores");
  assert.equal(limitValue("cpu.max.burst", 20_000), "20 ms");
  assert.equal(limitValue("cpu.weight", 400), "400");
  assert.equal(limitValue("memory.high", 1024 ** 3), "1.00 GiB");
  assert.equal(limitValue("memory.max", null), "max");
});

test("the clock has two digits in each place", () => {
  assert.equal(clock(new Date(2026, 0, 2, 3, 4, 5).getTime()), "03:04:05");
});

test("values that belong together share one unit", () => {
  const gib = 1024 ** 3;
  assert.equal(together([0.5 * gib, gib, 2 * gib], bytes, byteUnit), "0.50 / 1.00 / 2.00 GiB");
  assert.equal(together([0.1, 0.2, 1], cores, () => ({ size: 1, name: "cores" })), "0.10 / 0.20 / 1.00");
  assert.equal(together([1, null, 2], bytes, byteUnit), "–");
});
