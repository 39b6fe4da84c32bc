// The page's charts: Chart.js with one look, in both themes. Data goes in, nothing is decided here.
"use strict";

const dark = matchMedia("(prefers-color-scheme: dark)");
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Okabe and Ito's set, which colour-blind people can tell apart, for light and for dark grounds.
const kLight = ["#0072b2", "#d55e00", "#009e73", "#b5578c", "#8a7500", "#3f8fd0", "#7a5195", "#666666"];
const kDark = ["#56b4e9", "#ff9d5c", "#2fd0a0", "#e68fc0", "#f0e442", "#8fb8ff", "#c39be0", "#aaaaaa"];
// By place among all slaves, so that a slave has one colour everywhere.
let order = [];
function colour(name) {
  const at = order.indexOf(name);
  const set = dark.matches ? kDark : kLight;
  return set[(at < 0 ? set.length - 1 : at) % set.length];
}

const charts = {};

function axis(title, more = {}) {
  return {
    border: {display: false}, beginAtZero: true,
    title: {display: Boolean(title), text: title, color: css("--quiet")},
    ticks: {color: css("--quiet"), maxRotation: 0, autoSkipPadding: 14},
    grid: {color: css("--line"), drawTicks: false},
    ...more,
  };
}

function look(type, x, y, more = {}) {
  return {
    type,
    data: {labels: [], datasets: []},
    options: {
      animation: false, responsive: true, maintainAspectRatio: false, normalized: true,
      interaction: {mode: "index", intersect: false},
      scales: {x, y},
      plugins: {legend: {labels: {color: css("--ink"), boxWidth: 12, boxHeight: 12}}, ...more.plugins},
      ...more.options,
    },
    plugins: more.draw ? [more.draw] : [],
  };
}

// Vertical lines at values of a linear x axis: [{at, text, colour}] in options.plugins.marks.
const marks = {
  id: "marks",
  afterDatasetsDraw(chart, _, options) {
    const {ctx, chartArea: area, scales} = chart;
    let row = 0;
    for (const mark of options.all || []) {
      const x = scales.x.getPixelForValue(mark.at);
      if (!(x >= area.left && x <= area.right)) continue;
      ctx.save();
      ctx.strokeStyle = ctx.fillStyle = mark.colour;
      ctx.lineWidth = 1.5;
      ctx.setLineDash([4, 3]);
      ctx.beginPath();
      ctx.moveTo(x, area.top);
      ctx.lineTo(x, area.bottom);
      ctx.stroke();
      ctx.font = "12px system-ui, sans-serif";
      const right = x + ctx.measureText(mark.text).width + 6 > area.right;
      ctx.textAlign = right ? "right" : "left";
      ctx.fillText(mark.text, x + (right ? -5 : 5), area.bottom - 8 - 15 * row++);
      ctx.restore();
    }
  },
};

const percent = {ticks: {callback: (v) => Math.round(v * 100) + " %"}, min: 0, max: 1};
const inPercent = {tooltip: {callbacks: {label: (c) => `${c.dataset.label}: ${share(c.parsed.y)}`}}};

const kinds = {
  wins: () => look("bar", axis(""), axis("", {grid: {display: false}}),
                   {options: {indexAxis: "y"}, plugins: {legend: {display: false}}}),
  live: () => look("line", axis("", {ticks: {color: css("--quiet"), maxRotation: 0, autoSkipPadding: 30}, grid: {display: false}}), axis("", {suggestedMax: 1})),
  oneway: () => look("bar", axis("one way, ms", {grid: {display: false}}), axis("share of orders"), {plugins: inPercent}),
  tune: () => look("line", axis("delay, ms", {type: "linear", beginAtZero: false}), axis("on time"),
                   {draw: marks, plugins: {...inPercent, marks: {all: []}}}),
  margins: () => look("bar", axis("won by, ms", {grid: {display: false}}), axis("races")),
  clocks: () => look("bar", axis("ms"), axis("", {grid: {display: false}}), {options: {indexAxis: "y"}}),
};

// Draws `data` ({labels, datasets}) in a canvas; `adjust(options)` before that. Without a value there is no
// chart: the note below it says why.
function draw(id, data, adjust) {
  const empty = !data.datasets.some((set) => set.data.some((value) => value !== 0 && value !== null));
  $(id).parentElement.hidden = empty;
  if (empty) {
    if (charts[id]) charts[id].destroy();
    delete charts[id];
    return;
  }
  if (!charts[id]) {
    charts[id] = new Chart($(id), kinds[id]());
    for (const side of id === "oneway" || id === "tune" ? ["y"] : [])
      Object.assign(charts[id].options.scales[side], percent,
                    {ticks: {...charts[id].options.scales[side].ticks, ...percent.ticks}});
    if (id === "oneway") delete charts[id].options.scales.y.max;
  }
  const chart = charts[id];
  chart.data.labels = data.labels;
  // Datasets keep their identity, so that hiding one in the legend lasts.
  const old = new Map(chart.data.datasets.map((set) => [set.label, set]));
  chart.data.datasets = data.datasets.map((set) => Object.assign(old.get(set.label) || {}, set));
  if (adjust) adjust(chart.options);
  chart.update("none");
}

dark.addEventListener("change", () => {
  for (const id of Object.keys(charts)) {
    charts[id].destroy();
    delete charts[id];
  }
  redraw();
});
