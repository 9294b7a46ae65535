// Draws what of a report needs a script: memory over time and the flame graph of
// the growth. The numbers come from the element 'data'; nothing is fetched.
(function () {
  "use strict";
  const source = document.getElementById("data");
  const data = source ? JSON.parse(source.textContent) : {};
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;

  function color(name) {
    return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  }

  function bytes(n) {
    if (n === null || n === undefined) return "";
    const units = [[2 ** 30, " GiB", 2], [2 ** 20, " MiB", 1], [2 ** 10, " KiB", 1]];
    for (const [size, name, digits] of units) {
      if (n >= size) return (n / size).toFixed(digits) + name;
    }
    return Math.round(n) + " B";
  }

  function count(n) {
    return n === null || n === undefined ? "" : n.toLocaleString("en");
  }

  // A tick of memory: whole numbers, as its increments are.
  function tick(n) {
    return bytes(n).replace(/\.0+ /, " ");
  }

  // A tick of time, UTC, as fine as the ticks are apart.
  function clock(seconds, apart) {
    const iso = new Date(seconds * 1000).toISOString();
    if (apart >= 86400) return iso.slice(0, 10);
    if (apart >= 60) return iso.slice(11, 16);
    return apart >= 1 ? iso.slice(11, 19) : iso.slice(11, 23);
  }

  function amount(n) {
    switch (data.unit) {
      case "bytes": return bytes(n);
      case "ns": return (n / 1e9).toPrecision(3) + " s";
      default: return count(n);
    }
  }

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
    const axis = { stroke: color("dim"), grid: { stroke: color("line"), width: 1 }, ticks: { stroke: color("line"), width: 1 } };
    const axes = [
      Object.assign({}, axis, { space: 100, values: (u, ticks, i, space, apart) => ticks.map((t) => clock(t, apart)) }),
      Object.assign({}, axis, { size: 80, values: (u, ticks) => ticks.map(tick), incrs: increments() }),
    ];
    if (goroutines) {
      axes.push(Object.assign({}, axis, { scale: "n", side: 1, size: 56, grid: { show: false }, stroke: color("green"), values: (u, ticks) => ticks.map((n) => (Number.isInteger(n) ? count(n) : "")) }));
    }
    function drawMarks(u) {
      const ctx = u.ctx;
      const ratio = window.devicePixelRatio || 1;
      ctx.save();
      ctx.strokeStyle = ctx.fillStyle = color("fg");
      ctx.lineWidth = ratio;
      ctx.font = 12 * ratio + "px system-ui, sans-serif";
      for (const mark of m.marks) {
        const x = Math.round(u.valToPos(Math.min(mark.time, u.scales.x.max), "x", true));
        if (x < u.bbox.left || mark.time < u.scales.x.min) continue;
        ctx.setLineDash([4 * ratio, 4 * ratio]);
        ctx.beginPath();
        ctx.moveTo(x, u.bbox.top);
        ctx.lineTo(x, u.bbox.top + u.bbox.height);
        ctx.stroke();
        const right = x > u.bbox.left + u.bbox.width / 2;
        ctx.textAlign = right ? "right" : "left";
        ctx.fillText(mark.name, x + (right ? -5 : 5) * ratio, u.bbox.top + u.bbox.height - 8 * ratio);
      }
      ctx.restore();
    }
    return new uPlot({
      width: at.clientWidth, height: 280,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
      scales: { y: { range: (u, min, max) => [0, Math.max(max, 1) * 1.08] }, n: { range: (u, min, max) => [0, Math.max(max, 1) * 1.08] } },
      cursor: { drag: { x: true, y: false } },
      series, axes, hooks: { draw: [drawMarks] },
    }, values, at);
  }

  // Ticks at round numbers of binary units.
  function increments() {
    const all = [];
    for (let unit = 1; unit < 2 ** 50; unit *= 1024) {
      for (const n of [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]) all.push(unit * n);
    }
    return all;
  }

  function drawFlame(at, root) {
    const cell = 21;
    const chart = leakguardFlame.flamegraph()
      .width(at.clientWidth)
      .cellHeight(cell)
      .height(cell * depth(root))
      .inverted(true)
      .minFrameSize(1)
      .transitionDuration(0)
      .setLabelHandler(describe)
      .setColorMapper((d) => shade(d))
      .setDetailsElement(document.getElementById("flame-details"))
      .onClick(() => setTimeout(keys, still ? 0 : 300));

    function depth(node) {
      return 1 + Math.max(0, ...(node.children || []).map(depth));
    }

    function describe(d) {
      return d.data.name + ": " + amount(d.data.value) + ", " + (100 * d.data.value / root.value).toFixed(1) + "% of the growth";
    }

    // One hue for each package, so that its frames are seen to belong together.
    function shade(d) {
      const name = d.data.name;
      const slash = name.split("[")[0].lastIndexOf("/");
      const dot = name.indexOf(".", slash + 1);
      if (dot < 0) return "hsl(210 10% 78%)"; // no function: the root
      const pkg = name.slice(0, dot);
      let hash = 0;
      for (let i = 0; i < pkg.length; i++) hash = (hash * 31 + pkg.charCodeAt(i)) >>> 0;
      return "hsl(" + (hash * 47) % 360 + " 62% " + (70 + hash % 3 * 4) + "%)";
    }

    // The arrow keys walk along the frames, Enter zooms.
    function keys() {
      const frames = at.querySelectorAll("g.frame");
      frames.forEach((g) => {
        const d = g.__data__;
        g.setAttribute("role", "button");
        g.setAttribute("tabindex", d && d.parent ? "-1" : "0");
        if (d) g.setAttribute("aria-label", describe(d));
        g.onkeydown = (event) => {
          let to = null;
          switch (event.key) {
            case "Enter": case " ":
              event.preventDefault();
              g.dispatchEvent(new MouseEvent("click", { bubbles: true }));
              return;
            case "ArrowUp": to = d.parent; break;
            case "ArrowDown": to = d.children && d.children[0]; break;
            case "ArrowLeft": to = sibling(d, -1); break;
            case "ArrowRight": to = sibling(d, 1); break;
            default: return;
          }
          event.preventDefault();
          const next = to && Array.from(frames).find((f) => f.__data__ === to);
          if (next) next.focus();
        };
        g.onfocus = () => { document.getElementById("flame-details").textContent = describe(d); };
      });
    }

    function sibling(d, step) {
      return d.parent ? d.parent.children[d.parent.children.indexOf(d) + step] : null;
    }

    // The library lets frames grow in, which needs a window that is looked at;
    // whoever prints or opens the page in the background has them at once.
    function settle() {
      leakguardFlame.select(at).selectAll("g.frame rect").interrupt().attr("width", function () {
        return this.parentNode.getAttribute("width");
      });
      leakguardFlame.select(at).selectAll(".d3-flame-graph-label").interrupt().text((d) => d.data.name);
    }

    leakguardFlame.select(at).datum(root).call(chart);
    settle();
    keys();
    chart.transitionDuration(still ? 0 : 250);
    document.getElementById("flame-tools").hidden = false;
    document.getElementById("flame-reset").addEventListener("click", () => { chart.resetZoom(); });
    return (width) => {
      const duration = chart.transitionDuration();
      chart.transitionDuration(0).width(width).update();
      chart.transitionDuration(duration);
      settle();
      keys();
    };
  }

  // Calls back when the element's width has changed.
  function onWidth(element, f) {
    let width = element.clientWidth;
    new ResizeObserver(() => {
      if (element.clientWidth === width || element.clientWidth === 0) return;
      width = element.clientWidth;
      requestAnimationFrame(() => f(width));
    }).observe(element);
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
    onWidth(flame, drawFlame(flame, data.flame));
    drawn(flame);
  }

  document.querySelectorAll("dl.commands dd").forEach((dd) => {
    const code = dd.querySelector("code");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.setAttribute("aria-label", "Copy: " + code.textContent);
    button.addEventListener("click", () => {
      navigator.clipboard.writeText(code.textContent).then(
        () => { button.textContent = "Copied"; },
        () => { getSelection().selectAllChildren(code); });
    });
    dd.append(button);
  });
})();
