// The page in a real browser, against the real coordinator, fed by `examples/feed` over gRPC.
// LLMOS_COORDINATOR_BIN, LLMOS_FEED_BIN, LLMOS_CHROMIUM name other binaries.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const here = dirname(fileURLToPath(import.meta.url));
const target = resolve(process.env.CARGO_TARGET_DIR ?? join(here, "../../../target"));
const coordinatorBin = process.env.LLMOS_COORDINATOR_BIN ?? join(target, "debug/llmos-coordinator");
const feedBin = process.env.LLMOS_FEED_BIN ?? join(target, "debug/examples/feed");
const screenshots = join(target, "screenshots");
const profile = mkdtempSync(join(tmpdir(), "llmos-dashboard-"));
const children = [];
let context;
let http;
let grpc;

function start(bin, args) {
  const child = spawn(bin, args, { stdio: ["ignore", "pipe", "pipe"] });
  children.push(child);
  return child;
}

function lineWith(child, pattern) {
  return new Promise((found, failed) => {
    let seen = "";
    const look = (chunk) => {
      seen += chunk;
      const match = seen.match(pattern);
      if (match) found(match);
    };
    child.stdout.on("data", look);
    child.stderr.on("data", look);
    child.on("error", (error) => failed(new Error(`cannot start ${child.spawnfile}: ${error.message}`)));
    child.on("exit", (code) => failed(new Error(`ended with ${code}:\n${seen}`)));
  });
}

async function startCoordinator(httpAddress, grpcAddress) {
  const child = start(coordinatorBin, ["--http", httpAddress, "--grpc", grpcAddress]);
  // The log may be coloured between the words.
  const ready = await lineWith(child, /ready.*?(127\.0\.0\.1:\d+).*?(127\.0\.0\.1:\d+)/);
  return { child, http: ready[1], grpc: ready[2] };
}

function stop(child, signal = "SIGTERM") {
  return new Promise((done) => {
    if (child.exitCode !== null || child.signalCode !== null) return done(child.exitCode);
    child.once("exit", done);
    child.kill(signal);
    return undefined;
  });
}

/** A page that collects everything that goes wrong in it. */
async function open(size, hash = "") {
  const page = await context.newPage();
  await page.setViewportSize(size);
  const problems = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) problems.push(message.text());
  });
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("dialog", (dialog) => { problems.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  await page.addInitScript(() => {
    globalThis.violations = [];
    document.addEventListener("securitypolicyviolation", (event) => {
      globalThis.violations.push(`${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  await page.goto(`http://${http}/${hash}`);
  return { page, problems };
}

async function fine({ page, problems }) {
  assert.deepEqual(await page.evaluate(() => globalThis.violations), []);
  assert.deepEqual(problems, []);
}

const shoot = (page, name) => page.screenshot({ path: join(screenshots, `${name}.png`) });
const DESKTOP = { width: 1440, height: 900 };

before(async () => {
  mkdirSync(screenshots, { recursive: true });
  ({ http, grpc } = await startCoordinator("127.0.0.1:0", "127.0.0.1:0"));
  context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.LLMOS_CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync",
    ],
  });
  context.setDefaultTimeout(20_000);
});

after(async () => {
  await context?.close();
  await Promise.all(children.map((child) => stop(child)));
  rmSync(profile, { recursive: true, force: true });
});

test("without an agent the page says how to start one", async () => {
  const opened = await open(DESKTOP);
  const notice = opened.page.locator("#notice");
  await notice.getByText("No agent has reported yet").waitFor();
  assert.match(await notice.innerText(), new RegExp(`llmos-agent --coordinator http://${grpc}`));
  assert.equal(await opened.page.locator("#main").isHidden(), true);
  await shoot(opened.page, "empty");
  // The first report makes it live without a reload.
  start(feedBin, ["--grpc", `http://${grpc}`, "--nodes", "3", "--history-s", "900", "--silent-after-s", "1"]);
  await opened.page.locator("tbody tr").first().waitFor();
  await fine(opened);
  await opened.page.close();
});

test("live data, a chosen workload, its charts with legends and units", async () => {
  const opened = await open(DESKTOP);
  const { page } = opened;
  await page.locator("#link[data-state=live]").waitFor();
  await page.locator("tbody tr", { hasText: "checkout" }).click();
  await page.getByRole("heading", { name: "checkout" }).waitFor();
  assert.match(page.url(), /workload=\d+/);
  const texts = await page.locator(".chart figcaption").allInnerTexts();
  assert.equal(texts.length, 3);
  for (const [i, words] of [
    ["CPU", "cores", "use", "limit (cpu.max)", "target", "forecast q50 / q95 / q99"],
    ["Memory", "iB", "use", "memory.high", "memory.max", "high target", "max target", "forecast"],
    ["Network", "B/s", "received", "sent"],
  ].entries()) {
    for (const word of words) assert.ok(texts[i].includes(word), `${word} in ${texts[i]}`);
  }
  assert.equal(await page.locator(".chart-absent:visible").count(), 0);
  await page.locator(".decisions .reasons li").first().waitFor();

  const use = page.locator(".chart").first().locator(".legend-value").first();
  const before = await use.innerText();
  await page.waitForFunction(
    (old) => document.querySelector(".chart .legend-value").textContent !== old, before);
  const ink = await page.locator(".chart canvas").first().evaluate((canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const colours = new Set();
    for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 200) colours.add(`${data[i]},${data[i + 1]},${data[i + 2]}`);
    return [...colours];
  });
  assert.ok(ink.includes("0,114,178"), "the line of use is drawn");
  assert.ok(ink.includes("0,128,92"), "target and markers are drawn");
  await shoot(page, "desktop-light");
  await fine(opened);
  await page.close();
});

test("the cursor shows the values of one time in all charts", async () => {
  const opened = await open(DESKTOP);
  const { page } = opened;
  await page.getByRole("heading", { level: 2 }).nth(1).waitFor();
  const plots = page.locator(".chart .u-over");
  const box = await plots.first().boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.waitForFunction(() => /^\d\d:\d\d:\d\d$/.test(document.querySelector(".cursor-time").textContent));
  const lines = await page.locator(".u-cursor-x").evaluateAll((all) =>
    all.map((one) => one.getBoundingClientRect().x));
  assert.equal(lines.length, 3);
  assert.ok(Math.max(...lines) - Math.min(...lines) < 1.5, `one time, got ${lines}`);
  await shoot(page, "desktop-cursor");
  await fine(opened);
  await page.close();
});

test("sorting, filter and keyboard", async () => {
  const opened = await open(DESKTOP);
  const { page } = opened;
  const names = () => page.locator("tbody .name").allInnerTexts();
  await page.locator("tbody tr").nth(8).waitFor();
  await page.getByRole("button", { name: "Workload", exact: true }).click();
  const sorted = await names();
  assert.deepEqual(sorted, [...sorted].sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1)));
  assert.equal(await page.locator("th[aria-sort=ascending]").count(), 1);
  await page.getByLabel("Filter workloads").fill("slice post");
  assert.deepEqual(await names(), ["postgres"]);
  await page.getByLabel("Filter workloads").fill("no such thing");
  await page.getByText("No workload matches the filter.").waitFor();
  await page.getByLabel("Filter workloads").fill("");
  await page.getByLabel("managed only").check();
  assert.equal((await names()).length, 4);
  await page.locator("tbody .name").first().focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  const second = await page.locator("tbody .name").nth(1).innerText();
  await page.getByRole("heading", { level: 2, name: second }).waitFor();
  await fine(opened);
  await page.close();
});

test("names from machines stay text", async () => {
  const opened = await open(DESKTOP);
  const { page } = opened;
  const row = page.locator("tbody tr", { hasText: "<img src=x onerror=alert(1)>" });
  await row.click();
  await page.getByRole("heading", { name: "<img src=x onerror=alert(1)>" }).waitFor();
  assert.equal(await page.locator("img, #workloads b, #detail b").count(), 0);
  await fine(opened);
  await page.close();
});

test("a limited and a silent node say what is wrong", async () => {
  const opened = await open(DESKTOP);
  const { page } = opened;
  await page.locator(".chip", { hasText: "node-2" }).click();
  await page.getByText("2 parts limited: cgroup.memory, probe.pressure").click();
  await page.getByText("memory.high is not delegated").waitFor();
  await shoot(page, "desktop-node-limited");
  await page.locator(".chip[data-health=stale], .chip[data-health=lost]").click();
  await page.locator("#notice").getByText(/node-3 has been silent for .* Check that llmos-agent runs there/).waitFor();
  await shoot(page, "desktop-stale");
  await fine(opened);
  await page.close();
});

test("a narrow window and dark colours", async () => {
  const narrow = await open({ width: 480, height: 900 });
  await narrow.page.getByRole("heading", { level: 2 }).nth(1).waitFor();
  const wide = await narrow.page.evaluate(() =>
    document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.equal(wide, 0, "the page does not scroll sideways");
  await shoot(narrow.page, "narrow");
  await narrow.page.screenshot({ path: join(screenshots, "narrow-full.png"), fullPage: true });
  await fine(narrow);
  await narrow.page.close();

  const dark = await open(DESKTOP);
  await dark.page.emulateMedia({ colorScheme: "dark" });
  await dark.page.locator("tbody tr", { hasText: "postgres" }).click();
  await dark.page.getByRole("button", { name: "15 min" }).click();
  await dark.page.getByRole("heading", { name: "postgres" }).waitFor();
  await dark.page.waitForTimeout(1500);
  await shoot(dark.page, "desktop-dark");
  await fine(dark);
  await dark.page.close();
});

test("a coordinator that goes away is told, and its return too", async () => {
  const opened = await open(DESKTOP);
  const { page } = opened;
  await page.locator("#link[data-state=live]").waitFor();
  assert.equal(await stop(children[0]), 0, "it ends cleanly while a page listens");
  await page.getByText("Connection to the coordinator lost").waitFor();
  await shoot(page, "desktop-lost");
  await startCoordinator(http, grpc);
  await page.locator("#link[data-state=live]").waitFor();
  await page.getByText("No agent has reported yet").waitFor();
  assert.deepEqual(await page.evaluate(() => globalThis.violations), []);
  await page.close();
});
