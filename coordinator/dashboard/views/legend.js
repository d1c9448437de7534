// The legend of a chart: what each mark is, and its value under the cursor or the latest one.

import { h, setText } from "../lib/dom.js";

/** Items `{ text, mark, color, hint }`; returns the element and a setter of values. */
export function legend(items) {
  const values = items.map((item) => h("span", { class: item.wide ? "legend-value legend-wide" : "legend-value" }));
  const element = h("ul", { class: "legend" }, ...items.map((item, i) =>
    h("li", { title: item.hint },
      h("span", { class: `mark mark-${item.mark} ink-${item.color}`, "aria-hidden": "true" }),
      h("span", {}, item.text), values[i])));
  return {
    element,
    set: (texts) => texts.forEach((text, i) => setText(values[i], text)),
  };
}
