// What a chart looks like: traces and layout for Plotly, in the colours of the tokens.

const probe = document.createElement("span");

/** A token as rgb(…): the browser resolves light-dark() when the token is used as a colour. */
function token(name, alpha = 1) {
  probe.hidden = true;
  document.body.append(probe);
  probe.style.color = `var(--${name})`;
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return alpha === 1 ? colour : colour.replace(/^rgb\((.*)\)$/, `rgba($1, ${alpha})`);
}

/** Series n of a chart takes its own colour first, then the following ones. */
function colourOf(element, index) {
  const order = "abcd";
  const first = Math.max(0, order.indexOf(element.dataset.chartColor ?? "a"));
  return `chart-${order[(first + index) % order.length]}`;
}

export function traces(element, chart) {
  const x = chart.times_ms.map((at) => new Date(at));
  return chart.series.map((series, index) => ({
    type: "scatter",
    mode: "lines",
    name: series.name,
    x: [...x],
    y: series.values,
    fill: chart.series.length === 1 ? "tozeroy" : "none",
    ...paint(element, index),
    hovertemplate: `%{y:,.4~g} ${chart.unit ?? ""}<extra>%{fullData.name}</extra>`,
  }));
}

function paint(element, index) {
  const name = colourOf(element, index);
  return { line: { color: token(name), width: 1.6 }, fillcolor: token(name, 0.13) };
}

/** Colours of the traces as arrays, one entry a trace: the argument of Plotly.restyle. */
export function repaint(element, count) {
  const all = Array.from({ length: count }, (_, index) => paint(element, index));
  return { "line.color": all.map((one) => one.line.color), fillcolor: all.map((one) => one.fillcolor) };
}

function limitLine(limit) {
  return {
    type: "line",
    xref: "paper",
    x0: 0,
    x1: 1,
    y0: limit,
    y1: limit,
    line: { color: token("chart-limit"), width: 1.2, dash: "dot" },
  };
}

/** A half is 0.5 on the axis, not the 500m of the SI format that writes thousands as k. */
const SMALL_STEPS = [
  { dtickrange: [null, 0.999], value: ".3~f" },
  { dtickrange: [0.999, null], value: "~s" },
];

export function layout(chart) {
  const axis = {
    color: token("fg-3"),
    gridcolor: token("chart-grid"),
    tickfont: { size: 10.5 },
    zeroline: false,
    fixedrange: true,
    automargin: false,
  };
  // One line of labels: the day only where the window is longer than one.
  const days = chart.until_ms - chart.from_ms > 86400000;
  const range = [new Date(chart.from_ms), new Date(chart.until_ms)];
  return {
    margin: { l: 38, r: 8, t: 8, b: 22 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, size: 11, color: token("fg-2") },
    showlegend: chart.series.length > 1,
    legend: { orientation: "h", y: 1.12, x: 0 },
    hovermode: "x unified",
    hoverlabel: { bgcolor: token("panel"), bordercolor: token("line"), font: { color: token("fg"), size: 11 } },
    xaxis: {
      ...axis,
      type: "date",
      range,
      showgrid: false,
      nticks: days ? 5 : 7,
      tickformat: days ? "%m-%d %H:%M" : "%H:%M",
      hoverformat: "%m-%d %H:%M:%S",
    },
    yaxis: { ...axis, rangemode: "tozero", nticks: 5, tickformat: "~s", tickformatstops: SMALL_STEPS },
    shapes: chart.limit ? [limitLine(chart.limit)] : [],
  };
}

/** No mode bar and none of Plotly's uploads to its own cloud. */
export const CONFIG = {
  displayModeBar: false,
  displaylogo: false,
  responsive: true,
  showSendToCloud: false,
  plotlyServerURL: "",
};
