// "12 s ago" and running lengths go on by themselves; the server worded them first, likewise.

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86400;

/** @param {number} seconds */
export function ago(seconds) {
  const size = Math.abs(seconds);
  let text = `${Math.floor(size / DAY)} d`;
  if (size < MINUTE) text = `${size} s`;
  else if (size < HOUR) text = `${Math.floor(size / MINUTE)} min`;
  else if (size < 2 * DAY) text = `${Math.floor(size / HOUR)} h`;
  return seconds < 0 ? `in ${text}` : `${text} ago`;
}

/** @param {number} seconds */
export function length(seconds) {
  const whole = Math.max(0, seconds);
  const two = (/** @type {number} */ part) => String(part).padStart(2, "0");
  if (whole < MINUTE) return `${whole} s`;
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)} min ${two(whole % MINUTE)} s`;
  if (whole < DAY) return `${Math.floor(whole / HOUR)} h ${two(Math.floor((whole % HOUR) / MINUTE))} min`;
  return `${Math.floor(whole / DAY)} d ${Math.floor((whole % DAY) / HOUR)} h`;
}

/** @param {string} selector @param {(seconds: number) => string} word */
function reword(selector, word) {
  for (const element of document.querySelectorAll(selector)) {
    if (!(element instanceof HTMLTimeElement)) continue;
    const text = word(Math.trunc((Date.now() - Date.parse(element.dateTime)) / 1000));
    if (element.textContent !== text) element.textContent = text;
  }
}

function refresh() {
  if (document.hidden) return;
  reword("time[data-age]", ago);
  reword("time[data-running]", length);
}

setInterval(refresh, 1000);
document.addEventListener("visibilitychange", refresh);
document.addEventListener("htmx:after:swap", refresh);
