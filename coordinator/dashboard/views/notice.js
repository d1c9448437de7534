// One line on top that says what is wrong and what to do, or nothing.

import { h, setText } from "../lib/dom.js";
import { clock, duration } from "../lib/format.js";

const root = document.getElementById("notice");
let shown = "";

/** What to say, the most important thing only: `{ kind, text, command }` or null. */
export function noticeFor({ fleet, node, link, error }) {
  if (link === "down" && fleet) {
    const at = clock(fleet.now_unix_ms);
    return { kind: "bad", text: `Connection to the coordinator lost; trying again. Values are as of ${at}.` };
  }
  if (!fleet) {
    return error ? { kind: "bad", text: `Nothing can be shown: ${error}. Check that llmos-coordinator runs.` } : null;
  }
  if (fleet.nodes.length === 0) {
    return {
      kind: "info",
      text: "No agent has reported yet. Start one on a machine that reaches this address, and it shows up here by itself:",
      command: `llmos-agent --coordinator http://${fleet.grpc_address}`,
    };
  }
  if (error) return { kind: "bad", text: `Some values are old: ${error}.` };
  if (node && node.health !== "live") {
    const since = clock(node.last_seen_unix_ms);
    return {
      kind: node.health === "lost" ? "bad" : "warn",
      text: `${node.name} has been silent for ${duration(Math.round(node.silent_ms / 1000) * 1000)}; `
        + `values are as of ${since}. Check that llmos-agent runs there and reaches ${fleet.grpc_address}.`,
    };
  }
  return null;
}

/** Shows it. */
export function showNotice(notice) {
  const key = JSON.stringify(notice);
  if (key === shown) return;
  shown = key;
  root.replaceChildren();
  if (!notice) return;
  const line = h("p", { class: `notice notice-${notice.kind}` }, notice.text);
  if (notice.command) line.append(" ", h("code", {}, notice.command));
  root.append(line);
}

const link = document.getElementById("link");
const LINKS = { live: "Live", down: "Disconnected", wait: "Connecting…" };

/** Shows whether events come in. */
export function showLink(state) {
  link.dataset.state = state;
  setText(link, LINKS[state]);
}
