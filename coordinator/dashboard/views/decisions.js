// The decisions on one workload with their reasons, newest first.

import { h, setAttr, setText } from "../lib/dom.js";
import { clock, limitValue } from "../lib/format.js";

const FIRST = 10;
const MOST = 200;
const SIGN = { raise: "▲", lower: "▼", hold: "●" };

/** Makes the list in `parent`; `onchoose(decision | null)` marks one in the charts. */
export function makeDecisions(parent, onchoose) {
  const list = h("ol", { class: "decisions" });
  const empty = h("p", { class: "empty" });
  const count = h("p", { class: "count", role: "status" });
  const withHolds = h("input", { type: "checkbox", onchange: () => draw() });
  parent.append(
    h("div", { class: "bar" }, h("h3", {}, "Decisions"), h("label", {}, withHolds, "with holds"), count),
    list, empty);
  const more = h("button", { type: "button", class: "more", onclick: () => { most = MOST; draw(); } });
  parent.append(more);
  let most = FIRST;
  let all = [];
  let chosen = null;
  let shown = "";

  const id = (one) => `${one.at_unix_ms} ${one.knob}`;

  function item(one) {
    const pressed = chosen === id(one);
    const button = h("button", {
      type: "button", class: "decision-head", "aria-pressed": String(pressed),
      onclick: () => {
        chosen = chosen === id(one) ? null : id(one);
        onchoose(chosen ? one : null);
        for (const other of list.querySelectorAll("button")) setAttr(other, "aria-pressed", "false");
        setAttr(button, "aria-pressed", String(chosen === id(one)));
      },
    },
    h("time", {}, clock(one.at_unix_ms)),
    h("span", { class: `action action-${SIGN[one.action] ? one.action : "hold"}` },
      h("span", { "aria-hidden": "true" }, SIGN[one.action] ?? "●"), ` ${one.action}`),
    h("span", { class: "knob" }, one.knob),
    h("span", { class: "change" }, `${limitValue(one.knob, one.from)} → ${limitValue(one.knob, one.to)}`),
    h("span", { class: `outcome${one.outcome.startsWith("failed") ? " outcome-bad" : ""}` }, one.outcome));
    return h("li", {}, button, h("ol", { class: "reasons" }, ...one.reasons.map((text) => h("li", {}, text))));
  }

  function draw() {
    const chosenOnes = all.filter((one) => withHolds.checked || one.action !== "hold");
    const visible = chosenOnes.slice(0, most);
    const key = visible.map((one) => `${id(one)} ${one.outcome}`).join("|");
    setText(count, `${chosenOnes.length}`);
    more.hidden = most >= Math.min(chosenOnes.length, MOST);
    setText(more, `Show ${Math.min(chosenOnes.length, MOST) - most} older`);
    empty.hidden = visible.length > 0;
    setText(empty, all.length > 0 ? "Only holds so far." : "No decision on this workload yet.");
    if (key === shown) return;
    shown = key;
    const focused = list.contains(document.activeElement)
      ? [...list.querySelectorAll("button")].indexOf(document.activeElement) : -1;
    list.replaceChildren(...visible.map(item));
    if (focused >= 0) list.querySelectorAll("button")[focused]?.focus();
  }

  return {
    set(decisions) {
      all = decisions;
      draw();
    },
    /** Forgets the choice, for another workload. */
    clear() {
      chosen = null;
      shown = "";
      most = FIRST;
      onchoose(null);
    },
  };
}
