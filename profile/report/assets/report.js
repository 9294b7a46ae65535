// Draws what of a report needs a script: memory over time and the flame graph of
// the growth. The numbers come from the element 'data'; nothing is fetched.
(function () {
  "use strict";
  const source = document.getElementById("data");
  const data = source ? JSON.parse(source.textContent) : {};
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const { color, bytes, count, tick, clock, increments, axis, marks, drawFlame, onWidth, copyButtons } = leakguardDraw;

  // What stands in for a picture is folded away once the picture is there.
  function drawn(element) {
    const text = element.parentElement.querySelector("details.alternative");
    if (text) text.open = false;
  }

  function drawMemory(at, m) {
    const goroutines = m.goroutines.some((n) => n !== null);
    const heap = m.live_heap.some((n) => n !== null);
    const times = m.time;
    const values = [times, m.memory];
    const series = [
      { label: "time (UTC)", value: (u, v) => (v === null ? "" : clock(v, times[times.length - 1] - times[0] < 600 ? 0.1 : 1)) },
      { label: "memory", stroke: color("accent"), width: 2, fill: color("accent") + "22", value: (u, v) => bytes(v), points: { show: times.length < 40 } },
    ];
    if (heap) {
      values.push(m.live_heap);
      series.push({ label: "live heap", stroke: color("blue"), width: 2, value: (u, v) => bytes(v), points: { show: false } });
    }
    if (m.limit > 0) {
      values.push(times.map(() => m.limit));
      series.push({ label: "limit", stroke: color("fg"), width: 2, dash: [10, 6], value: (u, v) => bytes(v), points: { show: false } });
    }
    if (goroutines) {
      values.push(m.goroutines);
      series.push({ label: "goroutines", scale: "n", stroke: color("green"), width: 2, dash: [2, 3], value: (u, v) => count(v), points: { show: false } });
    }
    const axes = [
      Object.assign(axis(), { space: 100, values: (u, ticks, i, space, apart) => ticks.map((t) => clock(t, apart)) }),
      Object.assign(axis(), { size: 80, values: (u, ticks) => ticks.map(tick), incrs: increments() }),
    ];
    if (goroutines) {
      axes.push(Object.assign(axis(), { scale: "n", side: 1, size: 56, grid: { show: false }, stroke: color("green"), values: (u, ticks) => ticks.map((n) => (Number.isInteger(n) ? count(n) : "")) }));
    }
    return new uPlot({
      width: at.clientWidth, height: 280,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
      scales: { y: { range: (u, min, max) => [0, Math.max(max, 1) * 1.08] }, n: { range: (u, min, max) => [0, Math.max(max, 1) * 1.08] } },
      cursor: { drag: { x: true, y: false } },
      series, axes, hooks: { draw: [marks(() => m.marks)] },
    }, values, at);
  }

  const chart = document.getElementById("chart");
  if (chart && data.memory) {
    let plot = drawMemory(chart, data.memory);
    onWidth(chart, (width) => plot.setSize({ width, height: 280 }));
    dark.addEventListener("change", () => { plot.destroy(); plot = drawMemory(chart, data.memory); });
    drawn(chart);
  }
  const flame = document.getElementById("flame-graph");
  if (flame && data.flame) {
    onWidth(flame, drawFlame(flame, data.flame, {
      unit: data.unit, whole: "the growth", details: document.getElementById("flame-details"),
      tools: document.getElementById("flame-tools"), reset: document.getElementById("flame-reset"),
    }));
    drawn(flame);
  }

  copyButtons(document);
})();
