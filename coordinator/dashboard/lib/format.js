// Numbers with units, as people read them. Absent is shown as absent, never as zero.

export const ABSENT = "–";
export const MIB = 1024 ** 2;

const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
const RATE_UNITS = ["B/s", "kB/s", "MB/s", "GB/s", "TB/s"];

/** Whether there is a number. */
export function known(value) {
  return typeof value === "number" && Number.isFinite(value);
}

/** Three significant digits at most, no exponent. */
function digits(value) {
  const size = Math.abs(value);
  if (size >= 100) return value.toFixed(0);
  if (size >= 10) return value.toFixed(1);
  return value.toFixed(2);
}

/** Cores, without the unit: `0.42`, `0.004`, `12.5`. */
export function cores(value) {
  if (!known(value)) return ABSENT;
  if (value > 0 && value < 0.0005) return "<0.001";
  if (value > 0 && value < 0.1) return value.toFixed(3);
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** The unit that suits a size in bytes: `{ size, name }`. */
export function byteUnit(value) {
  let step = 0;
  while (step < BYTE_UNITS.length - 1 && Math.abs(value) >= 1024 ** (step + 1)) step += 1;
  return { size: 1024 ** step, name: BYTE_UNITS[step] };
}

/** The unit that suits a rate in bytes per second: `{ size, name }`. */
export function rateUnit(value) {
  let step = 0;
  while (step < RATE_UNITS.length - 1 && Math.abs(value) >= 1000 ** (step + 1)) step += 1;
  return { size: 1000 ** step, name: RATE_UNITS[step] };
}

/** Bytes: `412 MiB`. */
export function bytes(value) {
  if (!known(value)) return ABSENT;
  const unit = byteUnit(value);
  return `${unit.size === 1 ? value.toFixed(0) : digits(value / unit.size)} ${unit.name}`;
}

/** Bytes per second: `1.20 MB/s`. */
export function rate(value) {
  if (!known(value)) return ABSENT;
  const unit = rateUnit(value);
  return `${unit.size === 1 ? value.toFixed(0) : digits(value / unit.size)} ${unit.name}`;
}

/** A share from 0 to 1: `12 %`. */
export function share(value) {
  if (!known(value)) return ABSENT;
  const percent = value * 100;
  if (percent > 0 && percent < 0.1) return "<0.1 %";
  return `${percent >= 10 || percent === 0 ? percent.toFixed(0) : percent.toFixed(1)} %`;
}

/** A length of time: `850 ms`, `12 s`, `3 min`, `2.5 h`. */
export function duration(ms) {
  if (!known(ms)) return ABSENT;
  if (ms < 1000) return `${ms.toFixed(0)} ms`;
  const s = ms / 1000;
  if (s < 120) return `${Number.isInteger(s) || s >= 10 ? s.toFixed(0) : s.toFixed(1)} s`;
  if (s < 7200) return `${(s / 60).toFixed(0)} min`;
  return `${(s / 3600).toFixed(1)} h`;
}

/** Wall clock of a moment in the reader's time zone: `14:05:09`. */
export function clock(ms) {
  if (!known(ms)) return ABSENT;
  const date = new Date(ms);
  const two = (value) => String(value).padStart(2, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** Values in the unit of the last, which is written once: `2.82 / 3.39 / 3.76 GiB`. */
export function together(values, format, unitOf) {
  if (!values.every(known)) return ABSENT;
  const unit = unitOf(values.at(-1));
  const name = format(values.at(-1)).endsWith(unit.name) ? ` ${unit.name}` : "";
  const texts = values.map((value) => (name ? digits(value / unit.size) : format(value)));
  return texts.join(" / ") + name;
}

/** A value of a limit file in its own unit; `max` when absent. */
export function limitValue(knob, value) {
  if (!known(value)) return "max";
  if (knob === "cpu.max.burst") return `${value / 1000} ms`;
  if (knob === "cpu.weight") return String(value);
  return knob.startsWith("cpu.") ? `${cores(value)} cores` : bytes(value);
}
