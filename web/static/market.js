// A market's price as a step line over three days, with a hole where nothing is known.
// uPlot is loaded before, by a script of its own.

const HEIGHT = 280;

const place = document.getElementById("market");
let plot = null;

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function now(at) {
  return {
    hooks: {
      draw: (chart) => {
        const x = Math.round(chart.valToPos(at, "x", true));
        const { top, height, left, width } = chart.bbox;
        if (x < left || x > left + width) return;
        chart.ctx.save();
        chart.ctx.strokeStyle = colour("--hf-second");
        chart.ctx.setLineDash([4, 4]);
        chart.ctx.beginPath();
        chart.ctx.moveTo(x, top);
        chart.ctx.lineTo(x, top + height);
        chart.ctx.stroke();
        chart.ctx.restore();
      },
    },
  };
}

function options(said) {
  const grid = { stroke: colour("--hf-line"), width: 1 };
  const axis = { stroke: colour("--hf-ink"), grid, ticks: grid, font: "12px system-ui, sans-serif" };
  const zone = place.dataset.zone;
  const tick = new Intl.DateTimeFormat("en-GB", { weekday: "short", hour: "2-digit", minute: "2-digit", timeZone: zone });
  const price = (value) => (value == null ? "-" : `${Number(value.toFixed(6))} ${place.dataset.currency}`);
  return {
    width: place.clientWidth,
    height: HEIGHT,
    cursor: { drag: { x: false, y: false } },
    plugins: [now(said.now)],
    scales: { y: { range: (_chart, low, high) => [Math.min(0, low * 1.1), Math.max(0.01, high * 1.1)] } },
    axes: [
      { ...axis, space: 84, values: (_chart, splits) => splits.map((at) => tick.format(at * 1000)) },
      { ...axis, size: 66, label: `${place.dataset.currency} per kWh`, labelSize: 20, labelFont: "12px system-ui, sans-serif" },
    ],
    series: [
      { label: zone, value: (_chart, at) => (at == null ? "-" : tick.format(at * 1000)) },
      { label: "Price per kWh", stroke: colour("--hf-accent"), fill: colour("--hf-accent-pale"), width: 2, points: { show: false }, paths: window.uPlot.paths.stepped({ align: 1 }), value: (_chart, value) => price(value) },
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
