// A market's price as a step line over yesterday, today and tomorrow, with a hole where nothing is
// known: also where tomorrow is not known yet.
// uPlot is loaded before, by a script of its own.

const HEIGHT = 280;

const place = document.getElementById("market");
let plot = null;

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

const QUARTER_S = 6 * 3600;

function line(chart, at, stroke, dash) {
  const x = Math.round(chart.valToPos(at, "x", true));
  const { top, height, left, width } = chart.bbox;
  if (x < left || x > left + width) return;
  chart.ctx.save();
  chart.ctx.strokeStyle = colour(stroke);
  chart.ctx.lineWidth = 1.5 * devicePixelRatio;
  chart.ctx.setLineDash(dash.map((length) => length * devicePixelRatio));
  chart.ctx.beginPath();
  chart.ctx.moveTo(x, top);
  chart.ctx.lineTo(x, top + height);
  chart.ctx.stroke();
  chart.ctx.restore();
}

// Lines at the market's midnights and at now.
function marks(said) {
  return { hooks: { draw: (chart) => {
    for (const at of said.midnights) line(chart, at, "--hf-faint", []);
    line(chart, said.now, "--hf-second", [4, 4]);
  } } };
}

// The price that holds now: what the legend tells while nobody points at the chart.
function current(said) {
  const at = said.at.findLastIndex((start) => start <= said.now);
  return at < 0 || said.at.at(-1) <= said.now ? null : said.price[at];
}

function options(said) {
  const grid = { stroke: colour("--hf-line"), width: 1 };
  const axis = { stroke: colour("--hf-ink"), grid, ticks: grid, font: "12px system-ui, sans-serif" };
  const zone = place.dataset.zone;
  const tick = new Intl.DateTimeFormat("en-GB", { weekday: "short", hour: "2-digit", minute: "2-digit", timeZone: zone });
  const price = (value) => (value == null ? "not known" : `${Number(value.toFixed(6))} ${place.dataset.currency}/kWh`);
  const days = [said.from, ...said.midnights];
  const step = place.clientWidth < 600 ? 2 : 1;
  const splits = days.flatMap((day) => [0, 1, 2, 3].filter((part) => part % step === 0).map((part) => day + part * QUARTER_S));
  return {
    width: place.clientWidth,
    height: HEIGHT,
    cursor: { drag: { x: false, y: false } },
    plugins: [marks(said)],
    scales: { x: { range: () => [said.from, said.until] }, y: { range: (_chart, low, high) => [Math.min(0, low * 1.1), Math.max(0.01, high * 1.1)] } },
    axes: [
      { ...axis, splits: () => splits, values: (_chart, instants) => instants.map((at) => (days.includes(at) ? tick.format(at * 1000) : tick.format(at * 1000).slice(-5))) },
      { ...axis, size: 66, label: `${place.dataset.currency} per kWh`, labelSize: 20, labelFont: "12px system-ui, sans-serif" },
    ],
    series: [
      { label: `On the clock of ${zone}`, value: (_chart, at) => (at == null ? "now" : tick.format(at * 1000)) },
      { label: "Price before tax", stroke: colour("--hf-accent"), fill: colour("--hf-accent-pale"), width: 2, points: { show: false }, paths: window.uPlot.paths.stepped({ align: 1 }), value: (chart, value) => price(value ?? (chart.cursor.idx == null ? current(said) : null)) },
    ],
  };
}

// A step is drawn as far as the next value: before a hole, the last price gets its own end.
function held(said) {
  const at = [];
  const price = [];
  said.at.forEach((start, number) => {
    const before = said.price[number - 1];
    if (said.price[number] == null && before != null) {
      at.push(start - 1);
      price.push(before);
    }
    at.push(start);
    price.push(said.price[number]);
  });
  return [at, price];
}

async function draw() {
  const answer = await fetch(place.dataset.url, { headers: { "HX-Request": "true" } });
  if (!answer.ok) return;
  const said = await answer.json();
  plot?.destroy();
  plot = null;
  if (said.at.length < 2) {
    place.classList.add("chart-empty");
    place.textContent = "No prices in these days.";
    return;
  }
  place.textContent = "";
  plot = new window.uPlot(options(said), held(said), place);
}

if (place) {
  document.addEventListener("holdfast:theme", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => window.setTimeout(draw, 0));
  new ResizeObserver(() => plot?.setSize({ width: place.clientWidth, height: HEIGHT })).observe(place);
  draw();
}
