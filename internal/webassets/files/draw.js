// What the report of an incident and the live page draw with: numbers in words,
// axes, the flame graph. Nothing is fetched.
const leakguardDraw = (function () {
  "use strict";
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

  function amount(n, unit) {
    switch (unit) {
      case "bytes": return bytes(n);
      case "ns": return (n / 1e9).toPrecision(3) + " s";
      default: return count(n);
    }
  }

  // Ticks at round numbers of binary units.
  function increments() {
    const all = [];
    for (let unit = 1; unit < 2 ** 50; unit *= 1024) {
      for (const n of [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]) all.push(unit * n);
    }
    return all;
  }

  // The look of every axis.
  function axis() {
    return { stroke: color("dim"), grid: { stroke: color("line"), width: 1 }, ticks: { stroke: color("line"), width: 1 } };
  }

  // A hook of uPlot that draws moments worth a line: [{time, name}].
  function marks(list) {
    return (u) => {
      const ctx = u.ctx;
      const ratio = window.devicePixelRatio || 1;
      ctx.save();
      ctx.strokeStyle = ctx.fillStyle = color("fg");
      ctx.lineWidth = ratio;
      ctx.font = 12 * ratio + "px system-ui, sans-serif";
      for (const mark of list()) {
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
    };
  }

  // Draws the tree into an element. options: the unit of its values, the whole
  // that they are a part of, in words, and the elements details, tools and reset.
  // Returns what redraws it at another width.
  function drawFlame(at, root, options) {
    const cell = 21;
    const { details, tools, reset } = options;
    const chart = leakguardFlame.flamegraph()
      .width(at.clientWidth)
      .cellHeight(cell)
      .height(cell * depth(root))
      .inverted(true)
      .minFrameSize(1)
      .transitionDuration(0)
      .setLabelHandler(describe)
      .setColorMapper((d) => shade(d))
      .setDetailsElement(details)
      .onClick(() => setTimeout(keys, still ? 0 : 300));

    function depth(node) {
      return 1 + Math.max(0, ...(node.children || []).map(depth));
    }

    function describe(d) {
      return d.data.name + ": " + amount(d.data.value, options.unit) + ", " + (100 * d.data.value / root.value).toFixed(1) + "% of " + options.whole;
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
        g.onfocus = () => { details.textContent = describe(d); };
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
    tools.hidden = false;
    reset.onclick = () => { chart.resetZoom(); };
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

  // Puts a button beside each command that copies it.
  function copyButtons(within) {
    within.querySelectorAll("dl.commands dd").forEach((dd) => {
      const code = dd.querySelector("code");
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "Copy";
      button.setAttribute("aria-label", "Copy: " + code.textContent);
      button.addEventListener("click", () => {
        const select = () => { getSelection().selectAllChildren(code); };
        if (!navigator.clipboard) return select(); // over plain http there is none
        navigator.clipboard.writeText(code.textContent).then(() => { button.textContent = "Copied"; }, select);
      });
      dd.append(button);
    });
  }

  return { color, bytes, count, tick, clock, amount, increments, axis, marks, drawFlame, onWidth, copyButtons };
})();
