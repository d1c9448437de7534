// Rows of the workloads table: what a column is sorted by, what a filter lets through.

import { known } from "./format.js";

/** The value that a column is sorted by; text or number, null when absent. */
export const SORT_VALUE = {
  name: (row) => row.name.toLowerCase(),
  cpu: (row) => row.usage.cpu_cores,
  cpuLimit: (row) => row.limits.cpu_cores,
  cpuTarget: (row) => row.targets.cpu_cores,
  memory: (row) => row.usage.memory_bytes,
  memoryLimit: (row) => row.limits.memory_high_bytes ?? row.limits.memory_max_bytes,
  memoryTarget: (row) => row.targets.memory_high_bytes,
  forecast: (row) => forecastSource(row),
  managed: (row) => (row.managed ? 1 : 0),
};

/** `model`, `baseline`, or null without a forecast. */
export function forecastSource(row) {
  return (row.cpu_forecast ?? row.memory_forecast ?? row.network_forecast)?.source ?? null;
}

/** A sorted copy. Absent values come last in both directions; equal ones are ordered by id. */
export function sortRows(rows, key, descending) {
  const of = SORT_VALUE[key] ?? SORT_VALUE.name;
  const compare = (a, b) => {
    if (a.present !== b.present) return a.present ? -1 : 1;
    const [x, y] = [of(a), of(b)];
    const [noX, noY] = [x === null || x === undefined, y === null || y === undefined];
    if (noX || noY) return noX && noY ? byId(a, b) : noX ? 1 : -1;
    if (x === y) return byId(a, b);
    return (x < y ? -1 : 1) * (descending ? -1 : 1);
  };
  return [...rows].sort(compare);
}

function byId(a, b) {
  return a.cgroup < b.cgroup ? -1 : a.cgroup > b.cgroup ? 1 : Number(a.id) - Number(b.id);
}

/** Rows whose name or cgroup holds every word of the filter. */
export function filterRows(rows, filter, managedOnly) {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  return rows.filter((row) => {
    if (managedOnly && !row.managed) return false;
    const text = `${row.name} ${row.cgroup}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** A sparkline's values with one more; the oldest leave. */
export function pushSpark(values, value, most) {
  const longer = [...values, known(value) ? value : null];
  return longer.slice(Math.max(0, longer.length - most));
}

/** The path of a sparkline in a box; absent values break it. The scale starts at zero. */
export function sparkPath(values, width, height, most) {
  const top = Math.max(...values.filter(known), 0) || 1;
  const step = width / (most - 1);
  const start = most - values.length;
  let path = "";
  let pen = false;
  values.forEach((value, i) => {
    if (!known(value)) {
      pen = false;
      return;
    }
    const x = ((start + i) * step).toFixed(1);
    const y = (height - 1 - (value / top) * (height - 2)).toFixed(1);
    path += `${pen ? "L" : "M"}${x} ${y}`;
    pen = true;
  });
  return path;
}
