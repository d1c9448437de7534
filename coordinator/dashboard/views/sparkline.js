// A small line of the last minute.

import { setAttr, svg } from "../lib/dom.js";
import { sparkPath } from "../lib/rows.js";

const WIDTH = 56;
const HEIGHT = 20;

/** Points that a sparkline shows. */
export const SPARK_POINTS = 60;

/** An element and the function that gives it new values. */
export function sparkline() {
  const path = svg("path", { fill: "none" });
  const element = svg("svg", {
    class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, "aria-hidden": "true",
  }, path);
  return { element, set: (values) => setAttr(path, "d", sparkPath(values, WIDTH, HEIGHT, SPARK_POINTS)) };
}
