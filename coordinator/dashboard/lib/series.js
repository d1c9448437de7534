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
 * Puts columns and a forecast on one time axis in seconds. A forecast made at t for the next
 * `shiftMs` is drawn at its target time t + shiftMs: at a reported time it takes the forecast whose
 * target is nearest, and where no report is near (the future, a gap) the target stands alone.
 * `spacingMs` is the usual distance of two reports. Absent is null everywhere.
 */
export function align(at, columns, forecast, shiftMs, spacingMs) {
  const near = 2 * spacingMs;
  const made = forecast ? at.map((_, j) => j).filter((j) => forecast.q95[j] !== null) : [];
  const target = (k) => at[made[k]] + shiftMs;
  const rows = [];
  let k = 0;
  for (let i = 0; i < at.length; i += 1) {
    while (k + 1 < made.length && Math.abs(target(k + 1) - at[i]) <= Math.abs(target(k) - at[i])) k += 1;
    const hit = k < made.length && Math.abs(target(k) - at[i]) <= near;
    rows.push([at[i], i, hit ? made[k] : -1]);
  }
  let i = 0;
  for (let alone = 0; alone < made.length; alone += 1) {
    const time = target(alone);
    while (i + 1 < at.length && Math.abs(at[i + 1] - time) <= Math.abs(at[i] - time)) i += 1;
    if (Math.abs(at[i] - time) > near) rows.push([time, -1, made[alone]]);
  }
  rows.sort((a, b) => a[0] - b[0]);
  return [
    rows.map(([time]) => time / 1000),
    ...columns.map((values) => rows.map(([, index]) => (index < 0 ? null : values[index]))),
    ...QUANTILES.map((name) => rows.map(([, , index]) => (index < 0 ? null : forecast[name][index]))),
  ];
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

/** Decisions held, newest first, extended by those at or after `since`, of which some may be held. */
export function mergeDecisions(held, fresh, since, most) {
  return [...fresh, ...held.filter((one) => one.at_unix_ms < since)].slice(0, most);
}
