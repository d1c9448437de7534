// Server-sent events: tells that something changed; what changed is fetched.

/**
 * Listens. `on(name, data)` gets each event; `onlink(state)` gets "live" or "down". The browser
 * reconnects by itself, except after a refusal; then this does.
 */
export function listen(on, onlink) {
  let source = null;
  let retry = null;
  const open = () => {
    source = new EventSource("/api/v1/events");
    source.addEventListener("hello", () => onlink("live"));
    for (const name of ["joined", "tick", "health", "gone", "lagged"]) {
      source.addEventListener(name, (event) => on(name, JSON.parse(event.data)));
    }
    source.addEventListener("error", () => {
      onlink("down");
      if (source.readyState !== EventSource.CLOSED) return;
      clearTimeout(retry);
      retry = setTimeout(open, 3000);
    });
  };
  open();
}

/**
 * Runs `work` one at a time, at most every `everyMs`; calls that come in between are joined into
 * one more run.
 */
export function paced(work, everyMs) {
  let running = false;
  let wanted = false;
  let last = -Infinity;
  const run = async () => {
    if (running) {
      wanted = true;
      return;
    }
    running = true;
    const wait = last + everyMs - performance.now();
    if (wait > 0) await new Promise((done) => setTimeout(done, wait));
    last = performance.now();
    wanted = false;
    try {
      await work();
    } finally {
      running = false;
    }
    if (wanted) await run();
  };
  return run;
}
