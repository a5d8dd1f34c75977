// The power curve: read when the page opens, and again when the fragment says that the meter moved.
// uPlot is loaded before, by a script of its own.

const REREAD_MS = 5000;
const HEIGHT = 260;

const place = document.getElementById("power");
let plot = null;
let shown = "";
let timer = 0;

const shape = { hour: "2-digit", minute: "2-digit", timeZone: place.dataset.zone };
const minutes = new Intl.DateTimeFormat("en-GB", shape);
const exactly = new Intl.DateTimeFormat("en-GB", { ...shape, second: "2-digit" });
const ticks = (splits) => splits.map((at) => (splits[1] - splits[0] < 60 ? exactly : minutes).format(at * 1000));

function meterAt() {
  return document.getElementById("meter")?.dataset.meterAt ?? "";
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function options() {
  const ink = colour("--hf-ink");
  const grid = { stroke: colour("--hf-line"), width: 1 };
  const axis = { stroke: ink, grid, ticks: grid, font: "12px system-ui, sans-serif" };
  const kilo = (unit) => (_plot, values) => values.map((value) => `${Number(value.toFixed(2))} ${unit}`);
  const legend = (unit) => (_plot, value) => (value == null ? "-" : `${value.toFixed(2)} ${unit}`);
  return {
    width: place.clientWidth,
    height: HEIGHT,
    scales: { kW: { range: (_plot, _low, high) => [0, Math.max(1, high * 1.1)] }, kWh: { range: (_plot, _low, high) => [0, Math.max(0.1, high * 1.1)] } },
    axes: [
      { ...axis, space: 76, values: (_plot, splits) => ticks(splits) },
      { ...axis, scale: "kW", values: kilo("kW"), size: 70 },
      { ...axis, scale: "kWh", side: 1, grid: { show: false }, values: kilo("kWh"), size: 84 },
    ],
    series: [
      { label: "Time", value: (_plot, at) => (at == null ? "-" : exactly.format(at * 1000)) },
      { label: "Power", scale: "kW", stroke: colour("--hf-accent"), fill: colour("--hf-accent-pale"), width: 2, spanGaps: true, value: legend("kW") },
      { label: "Energy", scale: "kWh", stroke: colour("--hf-second"), width: 2, dash: [6, 4], spanGaps: true, value: legend("kWh") },
    ],
  };
}

async function draw() {
  shown = meterAt();
  const answer = await fetch(place.dataset.url, { headers: { "HX-Request": "true" } });
  if (!answer.ok) return;
  const series = await answer.json();
  const kilo = (values) => values.map((value) => (value == null ? null : value / 1000));
  const data = [series.at, kilo(series.power_w), kilo(series.energy_wh)];
  if (series.at.length < 2) {
    place.classList.add("chart-empty");
    place.textContent = "No meter values yet.";
    return;
  }
  place.classList.remove("chart-empty");
  if (plot) {
    plot.setData(data);
    return;
  }
  place.textContent = "";
  plot = new window.uPlot(options(), data, place);
}

function redraw() {
  plot?.destroy();
  plot = null;
  draw();
}

document.addEventListener("htmx:after:swap", () => {
  if (meterAt() === shown || timer) return;
  timer = window.setTimeout(() => {
    timer = 0;
    draw();
  }, REREAD_MS);
});
document.addEventListener("holdfast:theme", redraw);
new ResizeObserver(() => plot?.setSize({ width: place.clientWidth, height: HEIGHT })).observe(place);
draw();
