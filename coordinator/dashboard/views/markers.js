// Decisions drawn on a chart's time axis: up for raise, down for lower, a dot for hold.

/** Draws them; the chosen one also gets a line through the chart. `u` is a uPlot. */
export function drawMarkers(u, decisions, chosen, ink) {
  const { ctx } = u;
  const ratio = devicePixelRatio;
  const [left, right] = [u.bbox.left, u.bbox.left + u.bbox.width];
  const bottom = u.bbox.top + u.bbox.height;
  const size = 5 * ratio;
  ctx.save();
  for (const one of decisions) {
    const x = u.valToPos(one.at_unix_ms / 1000, "x", true);
    if (x < left || x > right) continue;
    ctx.fillStyle = one.action === "raise" ? ink.raise : one.action === "lower" ? ink.lower : ink.muted;
    ctx.beginPath();
    if (one.action === "raise") {
      ctx.moveTo(x, bottom - 2 * size);
      ctx.lineTo(x + size, bottom);
      ctx.lineTo(x - size, bottom);
    } else if (one.action === "lower") {
      ctx.moveTo(x, bottom);
      ctx.lineTo(x + size, bottom - 2 * size);
      ctx.lineTo(x - size, bottom - 2 * size);
    } else {
      ctx.arc(x, bottom - size / 1.5, size / 2, 0, 2 * Math.PI);
    }
    ctx.fill();
  }
  if (chosen) line(u, chosen.at_unix_ms / 1000, ink.text, []);
  ctx.restore();
}

/** A line through the chart at a time in seconds, with a word beside its top. */
export function line(u, seconds, color, dash, word = "") {
  const { ctx } = u;
  const x = Math.round(u.valToPos(seconds, "x", true)) + 0.5;
  if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) return;
  ctx.save();
  ctx.strokeStyle = color;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash(dash.map((length) => length * devicePixelRatio));
  ctx.beginPath();
  ctx.moveTo(x, u.bbox.top);
  ctx.lineTo(x, u.bbox.top + u.bbox.height);
  ctx.stroke();
  ctx.fillStyle = color;
  ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
  ctx.textAlign = "left";
  ctx.fillText(word, x + 4 * devicePixelRatio, u.bbox.top + 10 * devicePixelRatio);
  ctx.restore();
}
