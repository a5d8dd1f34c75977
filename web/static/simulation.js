// A simulation's charts: how many sessions change by how much, and the revenue of each day. Read
// when the page opens, and again while it runs. uPlot is loaded before, by a script of its own.

const HEIGHT = 260;
const DAY_S = 86400;
const REREAD_MS = 2000;

const source = document.getElementById("figures");
const bars = document.getElementById("bars");
const days = document.getElementById("days");
let plots = [];
let shown = "";
let timer = 0;

const state = () => {
  const progress = document.getElementById("progress");
  return `${progress?.dataset.done} ${progress?.dataset.state}`;
};

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function axis() {
  const grid = { stroke: colour("--hf-line"), width: 1 };
  return { stroke: colour("--hf-ink"), grid, ticks: grid, font: "12px system-ui, sans-serif" };
}

const named = (label) => ({ label, labelSize: 20, labelFont: "12px system-ui, sans-serif" });

// At most six, whole days apart; also where there is but one day.
function daySplits(first, last) {
  const count = Math.round((last - first) / DAY_S) + 1;
  const step = Math.ceil(count / 6);
  return Array.from({ length: Math.ceil(count / step) }, (_none, number) => first + number * step * DAY_S);
}

const midnight = (day) => Date.parse(`${day}T00:00:00Z`) / 1000;

const money = (currency) => (_plot, value) => (value == null ? "-" : `${value.toFixed(2)} ${currency}`);

function barOptions(figures) {
  const last = figures.bars.length - 1;
  const short = (name) => name.replace(/ (to|or) .*/, "");
  return {
    width: bars.clientWidth,
    height: HEIGHT,
    scales: { x: { time: false, range: () => [-0.6, last + 0.6] }, y: { range: (_plot, _low, high) => [0, Math.max(1, high * 1.1)] } },
    cursor: { drag: { x: false, y: false }, points: { show: false } },
    axes: [
      { ...axis(), ...named(`Change in ${figures.currency}`), grid: { show: false }, splits: () => [0, 5, 10, 15, last], values: (_plot, splits) => splits.map((at) => short(figures.bars[at] ?? "")) },
      { ...axis(), ...named("Sessions"), size: 56, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 50000] },
    ],
    series: [
      { label: figures.currency, value: (_plot, at) => (at == null ? "-" : figures.bars[at]) },
      { label: "Sessions", fill: colour("--hf-accent-pale"), stroke: colour("--hf-accent"), width: 1.5, paths: window.uPlot.paths.bars({ size: [0.8, 60] }), points: { show: false } },
    ],
  };
}

function dayOptions(figures) {
  const line = (label, stroke, more) => ({ label, stroke: colour(stroke), width: 2, points: { show: figures.days.length < 3 }, value: money(figures.currency), ...more });
  const first = midnight(figures.days[0]);
  const last = midnight(figures.days.at(-1));
  const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
  return {
    width: days.clientWidth,
    height: HEIGHT,
    scales: { x: { range: () => [first - DAY_S / 2, last + DAY_S / 2] }, y: { range: (_plot, _low, high) => [0, Math.max(0.01, high * 1.1)] } },
    cursor: { drag: { x: false, y: false } },
    axes: [
      { ...axis(), splits: () => daySplits(first, last), values: (_plot, splits) => splits.map((at) => day.format(at * 1000)) },
      { ...axis(), ...named(figures.currency), size: 56 },
    ],
    series: [
      { label: "Day", value: (_plot, at) => (at == null ? "-" : day.format(at * 1000)) },
      line("As it was", "--hf-second", { dash: [6, 4] }),
      line("As it would have been", "--hf-accent"),
    ],
  };
}

function put(place, options, data) {
  place.textContent = "";
  place.classList.remove("chart-empty");
  plots.push(new window.uPlot(options, data, place));
}

function none(place) {
  place.classList.add("chart-empty");
  place.textContent = document.getElementById("progress")?.hasAttribute("data-open") ? "No session priced yet." : "No session was priced.";
}

function offerCancel() {
  const cancel = document.getElementById("cancel");
  if (cancel) cancel.hidden = !document.getElementById("progress")?.hasAttribute("data-open");
}

async function draw() {
  offerCancel(); // it may have ended before this script listened
  shown = state();
  const answer = await fetch(source.dataset.url, { headers: { "HX-Request": "true" } });
  if (!answer.ok) return;
  const figures = await answer.json();
  plots.forEach((plot) => plot.destroy());
  plots = [];
  if (figures.days.length === 0) {
    none(bars);
    none(days);
    return;
  }
  put(bars, barOptions(figures), [figures.bars.map((_name, at) => at), figures.sessions]);
  put(days, dayOptions(figures), [figures.days.map(midnight), figures.before, figures.after]);
}

document.addEventListener("htmx:after:swap", () => {
  offerCancel();
  if (state() === shown || timer) return;
  timer = window.setTimeout(() => {
    timer = 0;
    draw();
  }, REREAD_MS);
});
document.addEventListener("holdfast:theme", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => window.setTimeout(draw, 0));
new ResizeObserver(() => plots.forEach((plot) => {
  const width = plot.root.parentElement.clientWidth;
  if (width) plot.setSize({ width, height: HEIGHT });
})).observe(bars);
draw();
