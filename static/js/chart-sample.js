// What a live sample changes in a chart that is drawn: its line, its window and the number at its top.

const MOST_POINTS = 1440;

export function showValue(element, chart, value) {
  const output = element.closest(".chart")?.querySelector("[data-chart-value]");
  if (!output || value == null) return;
  const percent = output.dataset.chartValue === "percent" && chart.limit;
  output.textContent = percent
    ? `${Math.round((100 * value) / chart.limit)}%`
    : value.toLocaleString("en", { maximumFractionDigits: value < 10 ? 1 : 0 });
}

/**
 * Moves the window on and adds the values; both are drawn at once, because extendTraces redraws the layout too.
 * A long window takes only as many points as it has room for: the first ones would else be pushed out of it.
 */
export function addSample(Plotly, element, chart, { at_ms: atMs, values }) {
  const known = [...chart.series.keys()].filter((index) => chart.series[index].key in values);
  if (known.length === 0) return;
  const y = known.map((index) => [values[chart.series[index].key]]);
  if (atMs - (chart.added_ms ?? 0) < (chart.until_ms - chart.from_ms) / MOST_POINTS) {
    if (known[0] === 0) showValue(element, chart, y[0][0]);
    return;
  }
  chart.added_ms = atMs;
  [chart.from_ms, chart.until_ms] = [atMs - (chart.until_ms - chart.from_ms), atMs];
  element.layout.xaxis.range = [new Date(chart.from_ms), new Date(chart.until_ms)];
  Plotly.extendTraces(element, { x: known.map(() => [new Date(atMs)]), y }, known, MOST_POINTS);
  if (known[0] === 0) showValue(element, chart, y[0][0]);
}
