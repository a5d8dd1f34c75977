// The price over seven days as step lines: a kWh before and after tax, an hour of parking beside
// it; on a page of review also the price that is in force. Drawn anew when its data are swapped.
// The legend tells the prices under the pointer; without one, those of now, where a line stands.
// uPlot is loaded before, by a script of its own.

const HEIGHT = 260;
const DAY_S = 86400;

const place = document.getElementById("curve");
let plot = null;
let drawn = "";

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function read() {
  const said = document.querySelector("#curve-data [data-series]");
  return said && { ...said.dataset, ...JSON.parse(said.dataset.series) };
}

const money = (value) => (value == null ? "-" : Number(value.toFixed(4)).toString());

const told = (value, unit) => (value == null ? "-" : `${money(value)} ${unit}`);

const isTimed = (series) => [...series.parking, ...(series.old?.parking ?? [])].some((price) => price > 0);

function lines(series) {
  const stepped = window.uPlot.paths.stepped({ align: 1 });
  const unit = (more) => `${series.currency}/${more.scale === "hour" ? "h" : "kWh"}`;
  const line = (label, stroke, more) => ({ label, stroke: colour(stroke), width: 2, paths: stepped, points: { show: false }, value: (plot, value, number) => told(value ?? heldNow(plot, series, number), unit(more)), ...more });
  const shown = [
    line("Energy, after tax", "--hf-accent", { fill: colour("--hf-accent-pale") }),
    line("Energy, before tax", "--hf-accent", { dash: [3, 3], width: 1.5 }),
  ];
  if (isTimed(series)) shown.push(line("Parking, after tax", "--hf-second", { dash: [8, 4], scale: "hour" }));
  if (series.old) shown.push(line("Energy, in force", "--hf-faint", { dash: [2, 3] }));
  if (series.old && isTimed(series)) shown.push(line("Parking, in force", "--hf-wait", { dash: [2, 3], scale: "hour" }));
  return shown;
}

// Lines at midnights and at now. Without them seven days are one long stripe.
function marks(series, midnights) {
  return {
    hooks: {
      drawClear: (chart) => stripe(chart, midnights, colour("--hf-line"), []),
      draw: (chart) => stripe(chart, [here(series)], colour("--hf-ink"), [3, 4]),
    },
  };
}

function stripe(chart, instants, stroke, dash) {
  const { top, height, left, width } = chart.bbox;
  chart.ctx.save();
  chart.ctx.strokeStyle = stroke;
  chart.ctx.lineWidth = devicePixelRatio;
  chart.ctx.setLineDash(dash.map((length) => length * devicePixelRatio));
  for (const at of instants) {
    const x = Math.round(chart.valToPos(at, "x", true));
    if (at == null || x < left || x > left + width) continue;
    chart.ctx.beginPath();
    chart.ctx.moveTo(x, top);
    chart.ctx.lineTo(x, top + height);
    chart.ctx.stroke();
  }
  chart.ctx.restore();
}

// Now, or null where these are other days.
function here(series) {
  const now = Date.now() / 1000;
  return now >= series.from && now < series.until ? now : null;
}

// The value that holds now, for a legend that nobody points at.
function heldNow(plot, series, number) {
  const now = here(series);
  const at = now == null ? -1 : plot.data[0].findLastIndex((start) => start <= now);
  return at < 0 ? null : plot.data[number][at];
}

const named = (label) => ({ label, labelSize: 20, labelFont: "12px system-ui, sans-serif" });

function options(series) {
  const ink = colour("--hf-ink");
  const grid = { stroke: colour("--hf-line"), width: 1 };
  const axis = { stroke: ink, grid, ticks: grid, font: "12px system-ui, sans-serif" };
  const day = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", timeZone: series.zone });
  const exactly = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZone: series.zone });
  const middays = [series.from, ...series.midnights].map((start) => start + DAY_S / 2);
  const from0 = (room) => (_plot, _low, high) => [0, Math.max(0.01, high * room)]; // two rooms: lines of two scales lie apart
  return {
    width: place.clientWidth,
    height: HEIGHT,
    scales: { x: { range: () => [series.from, series.until] }, y: { range: from0(1.15) }, hour: { range: from0(1.5) } },
    cursor: { drag: { x: false, y: false } },
    legend: { markers: { dash: (chart, number) => (chart.series[number].dash ? "dashed" : "solid") } },
    plugins: [marks(series, series.midnights)],
    axes: [
      { ...axis, splits: () => middays, grid: { show: false }, ticks: { show: false }, values: (_plot, splits) => splits.map((at) => (place.clientWidth < 480 ? day.format(at * 1000).slice(0, 3) : day.format(at * 1000))) },
      { ...axis, ...named(`${series.currency} per kWh`), size: 56, values: (_plot, values) => values.map(money) },
      { ...axis, ...named(`${series.currency} per hour`), scale: "hour", side: 1, show: isTimed(series), size: 56, grid: { show: false }, values: (_plot, values) => values.map(money) },
    ],
    series: [{ label: `On the clock of ${series.zone}`, value: (_plot, at) => (at == null ? (here(series) == null ? "-" : "now") : exactly.format(at * 1000)) }, ...lines(series)],
  };
}

function data(series) {
  const kept = (rows, parking) => (isTimed(series) ? [...rows, parking] : rows);
  const rows = kept([series.at, series.gross, series.net], series.parking);
  return series.old ? window.uPlot.join([rows, kept([series.old.at, series.old.gross], series.old.parking)]).map(held) : rows;
}

// Joined instants have no value where one of the two curves does not change: it holds on.
function held(values, number) {
  if (number === 0) return values;
  let last = null;
  return values.map((value) => (last = value ?? last));
}

function draw() {
  const series = read();
  if (!series) {
    plot?.destroy();
    plot = null;
    drawn = "";
    place.hidden = true;
    return;
  }
  if (series.series === drawn && plot) return;
  place.hidden = false;
  drawn = series.series;
  plot?.destroy();
  plot = new window.uPlot(options(series), data(series), place);
}

if (place) {
  document.addEventListener("htmx:after:swap", draw);
  document.addEventListener("holdfast:theme", () => {
    drawn = "";
    draw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    drawn = "";
    window.setTimeout(draw, 0);
  });
  new ResizeObserver(() => plot && place.clientWidth && plot.setSize({ width: place.clientWidth, height: HEIGHT })).observe(place);
  draw();
}
