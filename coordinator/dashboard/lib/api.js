// Reading the API. A failure is an Error with one line for people and, from the server, a status.

async function get(path) {
  let response;
  try {
    response = await fetch(`/api/v1/${path}`, { headers: { accept: "application/json" } });
  } catch {
    throw new Error("the coordinator does not answer");
  }
  const body = await response.json().catch(() => null);
  if (response.ok && body) return body;
  const error = new Error(body?.error ?? `the coordinator answered with status ${response.status}`);
  error.status = response.status;
  throw error;
}

const part = encodeURIComponent;

export const getFleet = () => get("fleet");

export const getNode = (id, spark) =>
  get(`nodes/${part(id)}${spark ? `?spark=${spark}` : ""}`);

export const getSeries = (id, workload, since) =>
  get(`nodes/${part(id)}/workloads/${part(workload)}?since=${Math.max(0, Math.floor(since))}`);

export const getDecisions = (id, workload, since) =>
  get(`nodes/${part(id)}/decisions?cgroup_id=${part(workload)}&limit=300&since=${since}`);
