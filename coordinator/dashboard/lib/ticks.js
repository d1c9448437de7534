// Where axis labels stand.

/** Steps of an axis in bytes: powers of two, so that labels are round in KiB, MiB, GiB. */
export function byteSteps() {
  return Array.from({ length: 51 }, (_, power) => 2 ** power);
}

/** Steps of a decimal axis: 1, 2, 5 times a power of ten, from `smallest` up. */
export function decimalSteps(smallest, decades) {
  const steps = [];
  for (let decade = 0; decade < decades; decade += 1) {
    for (const head of [1, 2, 5]) {
      steps.push(Number((head * smallest * 10 ** decade).toPrecision(12)));
    }
  }
  return steps;
}

/** Labels of one axis in one unit: `unit.size` divides, no more digits than the step needs. */
export function labels(values, unit) {
  const step = values.length > 1 ? (values[1] - values[0]) / unit.size : 1;
  const places = Math.min(4, Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)));
  const needed = Number.isInteger(step * 10 ** places) ? places : places + 1;
  return values.map((value) => (value / unit.size).toFixed(Math.min(4, needed)));
}

/**
 * Top of an axis that starts at zero: what is used and forecast always fits; a limit fits too
 * unless it is so far away that it would press everything else flat.
 */
export function axisTop(mainMax, limitMax, smallest) {
  const base = Math.max(mainMax ?? 0, smallest);
  const top = limitMax !== null && limitMax !== undefined && limitMax <= base * 2.5 ? limitMax : 0;
  return Math.max(base, top) * 1.08;
}
