// What the address holds: the chosen node, workload and view, so that a link shows the same thing.

/** Windows of the charts in milliseconds. */
export const WINDOWS = [[300_000, "5 min"], [900_000, "15 min"], [3_600_000, "1 h"]];

const DEFAULTS = { node: null, workload: null, window: 300_000, horizon: 30 };

/** Reads `#node=...&workload=...`; what is not understood gets its default. */
export function parseHash(hash) {
  const params = new URLSearchParams(hash.replace(/^#/, ""));
  const window = Number(params.get("window"));
  const horizon = Number(params.get("horizon"));
  const workload = params.get("workload");
  return {
    node: params.get("node") || DEFAULTS.node,
    workload: workload && /^\d{1,20}$/.test(workload) ? workload : DEFAULTS.workload,
    window: WINDOWS.some(([ms]) => ms === window) ? window : DEFAULTS.window,
    horizon: Number.isInteger(horizon) && horizon > 0 ? horizon : DEFAULTS.horizon,
  };
}

/** The inverse; defaults are left out. */
export function formatHash(state) {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(DEFAULTS)) {
    if (state[key] !== value && state[key] !== null) params.set(key, String(state[key]));
  }
  return `#${params.toString()}`;
}

/** The node to show: the chosen one while it exists, else the first live one, else the first. */
export function chooseNode(chosen, nodes) {
  if (nodes.some((node) => node.id === chosen)) return chosen;
  return (nodes.find((node) => node.health === "live") ?? nodes[0])?.id ?? null;
}

/** The workload to show: the chosen one while it exists, else a managed busy one. */
export function chooseWorkload(chosen, rows) {
  if (rows.some((row) => row.id === chosen)) return chosen;
  const busy = (row) => row.usage.cpu_cores ?? 0;
  const order = (a, b) => Number(b.managed) - Number(a.managed) || busy(b) - busy(a);
  return rows.filter((row) => row.present).sort(order)[0]?.id ?? null;
}
