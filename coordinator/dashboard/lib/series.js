// The last hour of one workload as the API gives it, held and extended by the page.

/** Nothing held yet. */
export function emptySeries() {
  return { at: [], columns: {}, forecasts: [], tickMs: 1000 };
}

function joined(held, keep, added, addedLength) {
  const front = held ? held.slice(0, keep) : new Array(keep).fill(null);
  return front.concat(added ?? new Array(addedLength).fill(null));
}

function mergeColumns(held, keep, added, addedLength) {
  const names = new Set([...Object.keys(held), ...Object.keys(added)]);
  const merged = {};
  for (const name of names) merged[name] = joined(held[name], keep, added[name], addedLength);
  return merged;
}

const QUANTILES = ["q50", "q95", "q99"];

function quantilesOf(one) {
  return Object.fromEntries(QUANTILES.map((name) => [name, one[name]]));
}

/**
 * What is held, extended by an answer of the API. The answer replaces what is held from its first
 * time on: the last point can still change.
 */
export function mergeSeries(held, body) {
  const added = body.at_unix_ms;
  if (added.length === 0) return { ...held, tickMs: body.tick_ms };
  let keep = held.at.length;
  while (keep > 0 && held.at[keep - 1] >= added[0]) keep -= 1;
  const keys = new Map();
  for (const one of [...held.forecasts, ...body.forecasts]) {
    keys.set(`${one.resource} ${one.ticks}`, { resource: one.resource, ticks: one.ticks });
  }
  const find = (list, key) =>
    list.find((one) => one.resource === key.resource && one.ticks === key.ticks);
  const forecasts = [...keys.values()].map((key) => {
    const old = find(held.forecasts, key);
    const fresh = find(body.forecasts, key);
    const columns = mergeColumns(
      old ? quantilesOf(old) : {}, keep, fresh ? quantilesOf(fresh) : {}, added.length);
    return { ...key, ...columns };
  });
  return {
    at: held.at.slice(0, keep).concat(added),
    columns: mergeColumns(held.columns, keep, body.columns, added.length),
    forecasts,
    tickMs: body.tick_ms,
  };
}

/** What is held, without what is older than `oldest`. */
export function trimSeries(held, oldest) {
  let from = 0;
  while (from < held.at.length && held.at[from] < oldest) from += 1;
  if (from === 0) return held;
  const cut = (columns) =>
    Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, values.slice(from)]));
  return {
    ...held,
    at: held.at.slice(from),
    columns: cut(held.columns),
    forecasts: held.forecasts.map((one) =>
      ({ resource: one.resource, ticks: one.ticks, ...cut(quantilesOf(one)) })),
  };
}

/** The forecast of a resource whose horizon is nearest to the wanted one; null without any. */
export function pickForecast(held, resource, ticks) {
  let best = null;
  for (const one of held.forecasts) {
    if (one.resource !== resource) continue;
    if (!best || Math.abs(one.ticks - ticks) < Math.abs(best.ticks - ticks)) best = one;
  }
  return best;
}

/** Lengths of the horizons that there are, in ticks, ascending. */
export function horizons(held) {
  return [...new Set(held.forecasts.map((one) => one.ticks))].sort((a, b) => a - b);
}

/**
 * Puts columns and a forecast on one time axis in seconds. A forecast made at t for the next h
 * milliseconds is drawn at its target time t + h. Where a list has nothing to say at a time of the
 * other it holds `undefined` (no break in the line); a gap in the reports stays `null` (a break).
 */
export function align(at, columns, forecast, shiftMs) {
  if (!forecast || at.length === 0) {
    return [at.map((ms) => ms / 1000), ...columns, ...QUANTILES.map(() => new Array(at.length))];
  }
  const lists = columns.map(() => []);
  const bands = QUANTILES.map(() => []);
  const x = [];
  let i = 0;
  let j = 0;
  while (i < at.length || j < at.length) {
    const now = i < at.length ? at[i] : Infinity;
    const target = at[j] + shiftMs;
    const time = Math.min(now, target);
    x.push(time / 1000);
    columns.forEach((values, k) => lists[k].push(now === time ? values[i] : undefined));
    QUANTILES.forEach((name, k) => bands[k].push(target === time ? forecast[name][j] : undefined));
    if (now === time) i += 1;
    if (target === time) j += 1;
  }
  return [x, ...lists, ...bands];
}

/** Greatest known value of lists at times within [from, to] (in the unit of x); null without any. */
export function maxWithin(x, lists, from, to) {
  let max = null;
  for (const values of lists) {
    for (let i = 0; i < x.length; i += 1) {
      const value = values[i];
      if (x[i] < from || x[i] > to || value === null || value === undefined) continue;
      if (max === null || value > max) max = value;
    }
  }
  return max;
}

/** Last known value of a column; null without any. */
export function lastKnown(values) {
  for (let i = (values?.length ?? 0) - 1; i >= 0; i -= 1) {
    if (values[i] !== null && values[i] !== undefined) return values[i];
  }
  return null;
}

/** Value of a list at an index or, where it has nothing to say there, at the nearest one before. */
export function valueAt(values, index) {
  for (let i = index; i >= 0 && i > index - 4; i -= 1) {
    if (values[i] !== undefined) return values[i];
  }
  return null;
}
