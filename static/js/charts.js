// Charts: <div data-chart="published" data-chart-url="/…/charts/" data-chart-range="1h" data-chart-cluster="mqtt-…">.
// Those that come into view (200 px ahead) are asked for together, one request per address:
//   GET <url>?charts=published,delivered&range=1h
//   {"charts": {"published": {"from_ms", "until_ms", "times_ms": […], "series": [{"key", "name", "values"}],
//    "limit", "unit"}}}  limit and unit may be missing; at most 1440 points.
// Live: the DOM event `signalbox:sample` {cluster, at_ms, values: {key: number}} extends the charts in view.
import { CONFIG, layout, repaint, traces } from "./chart-figure.js";
import { addSample, showValue } from "./chart-sample.js";

const drawn = new WeakMap();
const visible = new Set();
let waiting = new Set();
let plotly = null;

/** Plotly weighs a megabyte: fetched by the first page that shows a chart. */
function loadPlotly() {
  plotly ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = document.querySelector("meta[name=signalbox-plotly]").content;
    script.addEventListener("load", () => resolve(window.Plotly));
    script.addEventListener("error", reject);
    document.head.append(script);
  });
  return plotly;
}

/** A sentence in the middle of a chart that has nothing to show; none takes it away. */
function note(element, text = "") {
  const output = element.parentElement.querySelector(".chart-note");
  output.textContent = drawn.has(element) ? "" : text;
}

async function draw(element, chart) {
  if (chart.times_ms.length === 0) return note(element, element.dataset.textEmpty);
  const Plotly = await loadPlotly();
  drawn.set(element, chart);
  note(element);
  await Plotly.react(element, traces(element, chart), layout(chart), CONFIG);
  showValue(element, chart, chart.series[0]?.values.at(-1));
}

async function ask(elements) {
  const { chartUrl, chartRange } = elements[0].dataset;
  const address = new URL(chartUrl, location.href);
  address.searchParams.set("charts", elements.map((element) => element.dataset.chart).join(","));
  if (chartRange) address.searchParams.set("range", chartRange);
  try {
    const response = await fetch(address, { headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(`status ${response.status}`);
    const { charts } = await response.json();
    await Promise.all(elements.map((element) => draw(element, charts[element.dataset.chart])));
  } catch (error) {
    console.error("charts not drawn", error);
    elements.forEach((element) => note(element, element.dataset.textFailed));
  }
}

function flush() {
  const together = Map.groupBy(waiting, ({ dataset }) => `${dataset.chartUrl} ${dataset.chartRange}`);
  waiting = new Set();
  for (const elements of together.values()) ask(elements);
}

const watcher = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      visible[isIntersecting ? "add" : "delete"](target);
      if (isIntersecting) waiting.add(target); // Drawn before or not: out of view it got no samples.
    }
    if (waiting.size) queueMicrotask(flush);
  },
  { rootMargin: "200px" },
);

async function extend({ detail }) {
  const mine = [...visible].filter((element) => element.dataset.chartCluster === detail.cluster);
  for (const element of mine) {
    if (!element.isConnected) visible.delete(element);
    else if (drawn.has(element)) addSample(await plotly, element, drawn.get(element), detail);
    else waiting.add(element); // It was empty; now there is something to show.
  }
  if (waiting.size) flush();
}

async function recolour() {
  if (!plotly) return;
  const Plotly = await plotly;
  for (const element of document.querySelectorAll("[data-chart]")) {
    const chart = drawn.get(element);
    if (chart) Plotly.update(element, repaint(element, chart.series.length), layout(chart));
  }
}

export function start() {
  const watch = (root) => root.querySelectorAll("[data-chart]").forEach((element) => watcher.observe(element));
  watch(document);
  document.body.addEventListener("htmx:load", (event) => watch(event.target));
  document.addEventListener("signalbox:sample", extend);
  document.addEventListener("signalbox:theme", recolour);
}
