// The live page. It loads everything from the API, follows the stream of events, and
// inserts all data as text.
(function () {
  "use strict";
  const { color, bytes, count, tick, clock, amount, increments, axis, marks, drawFlame, onWidth, copyButtons } = leakguardDraw;
  const $ = (id) => document.getElementById(id);
  const here = new URL(".", location.href);
  const state = {};

  // --- words

  function el(tag, attributes, ...children) {
    const e = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value !== undefined && value !== false) e.setAttribute(name, value === true ? "" : value);
    }
    e.append(...children.filter((c) => c !== null && c !== undefined && c !== ""));
    return e;
  }

  function setText(e, text) {
    if (e.textContent !== text) e.textContent = text;
  }

  function span(seconds) {
    if (seconds < 2) return Math.max(seconds, 0).toFixed(1) + " s";
    if (seconds < 120) return Math.round(seconds) + " s";
    if (seconds < 7200) return Math.round(seconds / 60) + " min";
    if (seconds < 172800) return Math.round(seconds / 3600) + " h";
    return Math.round(seconds / 86400) + " days";
  }

  const date = (t) => Date.parse(t) / 1000;
  const now = () => (state.time ? date(state.time) : Date.now() / 1000); // the host's clock
  const ago = (t) => span(now() - date(t)) + " ago";
  const utc = (t) => new Date(t).toISOString().replace("T", " ").replace(/\.\d+Z/, " UTC");

  function value(n, unit) {
    if (n === null || n === undefined) return "?";
    switch (unit) {
      case "bytes": return bytes(n);
      case "millicpu": return (n / 10).toPrecision(2) + "% of a core";
      case "per_second": return count(n) + "/s";
      default: return count(n);
    }
  }

  const shortFile = (f) => f.split("/").slice(-2).join("/");
  const badge = (text, tone) => el("span", { class: "badge " + (tone || "") }, text);

  // Updates the children of parent to match items, by key. Existing elements are reused,
  // so they keep the focus and the selection.
  function keyed(parent, items, keyOf, make, update) {
    const old = new Map(Array.from(parent.children).map((c) => [c.dataset.key, c]));
    let before = null;
    for (const item of items) {
      const key = keyOf(item);
      let e = old.get(key);
      old.delete(key);
      if (!e) {
        e = make(item);
        e.dataset.key = key;
      }
      update(e, item);
      const next = before ? before.nextSibling : parent.firstChild;
      if (next !== e) parent.insertBefore(e, next);
      before = e;
    }
    old.forEach((e) => e.remove());
  }

  // Updates the rows of a table. Each cell is a string or a list of nodes, and is written
  // only if it has changed.
  function rows(tbody, items, keyOf, cells) {
    const names = Array.from(tbody.closest("table").querySelectorAll("thead th")).map((th) => [th.textContent, th.className]);
    keyed(tbody, items, keyOf,
      () => el("tr", {}, ...names.map(([name, cls], i) => el(i ? "td" : "th", { "data-name": name, class: cls || undefined, scope: i ? undefined : "row" }))),
      (tr, item) => cells(item).forEach((content, i) => {
        const td = tr.children[i];
        const list = Array.isArray(content) ? content : [content];
        const plain = list.map((c) => (c instanceof Node ? c.outerHTML : String(c))).join("\n");
        if (td.dataset.plain === plain) return;
        td.dataset.plain = plain;
        td.replaceChildren(...list.filter((c) => c !== ""));
      }));
  }

  // --- the state in one sentence

  function showStatus() {
    const s = state.status;
    $("status").dataset.level = s.level;
    setText($("sentence"), s.sentence);
    setText($("spoken"), s.title);
    document.title = s.title + " – leakguard";
    const p = state.process;
    setText($("who"), p ? [p.service, p.version, p.pod || p.host, "pid " + p.pid, "up " + span(now() - date(p.started))].filter(Boolean).join(" · ") : "");
    $("capture").disabled = !p || capturing;
  }

  function showTiles() {
    const m = state.memory;
    const r = state.reading;
    const tiles = [];
    if (m && r) {
      const share = m.limit_bytes && m.unreclaimable_bytes !== null ? m.unreclaimable_bytes / m.limit_bytes : null;
      tiles.push(["Memory", value(m.unreclaimable_bytes, "bytes"),
        m.limit_bytes ? (share !== null ? Math.round(100 * share) + "% of " : "of ") + bytes(m.limit_bytes) + " (" + m.limit_source + ")" : "no limit known", share]);
      const rate = Math.abs(m.rate_bytes_per_second);
      tiles.push(["Last 10 s", rate < 10240 ? "steady" : (m.rate_bytes_per_second > 0 ? "+" : "−") + bytes(rate) + "/s",
        rate >= 10240 && m.seconds_to_limit !== null ? "full in " + span(m.seconds_to_limit) + " at this rate" : "", null]);
      tiles.push(["Live heap after GC", value(r.heap_live_bytes, "bytes"), m.gomemlimit_bytes ? "GOMEMLIMIT " + bytes(m.gomemlimit_bytes) : "next GC at " + value(r.next_gc_bytes, "bytes"), null]);
      tiles.push(["Goroutines", value(r.goroutines, "count"), r.threads !== null ? count(r.threads) + " threads" : "", null]);
    }
    keyed($("tiles"), tiles, (t) => t[0],
      (t) => el("div", {}, el("dt", {}, t[0]), el("dd", {}, el("span"), t[3] === null ? "" : el("meter", { min: 0, max: 1, low: 0.75, high: 0.9, optimum: 0, "aria-hidden": "true" }), el("small"))),
      (e, t) => {
        setText(e.querySelector("span"), t[1]);
        setText(e.querySelector("small"), t[2]);
        const meter = e.querySelector("meter");
        if (meter && t[3] !== null) meter.value = t[3];
      });
  }

  // --- memory over time

  const most = 6000; // points that the page holds
  const points = { time: [], unreclaimable_bytes: [], heap_live_bytes: [], goroutines: [], limit_bytes: [] };
  let plot = null;
  let seconds = 600; // shown; 0: all

  function addPoints(p) {
    const last = points.time.length ? points.time[points.time.length - 1] : 0;
    for (let i = 0; i < p.time.length; i++) {
      if (p.time[i] <= last) continue;
      for (const name of Object.keys(points)) points[name].push(p[name][i]);
    }
    const over = points.time.length - most;
    if (over > 0) for (const name of Object.keys(points)) points[name].splice(0, over);
  }

  // Merges a history that was requested. It may be older than points received meanwhile.
  function mergePoints(p) {
    const all = [];
    for (const from of [points, p]) from.time.forEach((time, i) => all.push({ time, from, i }));
    all.sort((a, b) => a.time - b.time);
    const news = all.filter((x, i) => i === 0 || x.time > all[i - 1].time);
    for (const name of Object.keys(points)) points[name] = news.map((x) => x.from[name][x.i]);
    if (state.status) drawChart();
  }

  // Returns the data and the lines within the selected span.
  function shown() {
    const t = points.time;
    const end = t.length ? t[t.length - 1] : now();
    let from = seconds ? t.findIndex((x) => x >= end - seconds) : 0;
    if (from < 0) from = 0;
    const cut = (name) => points[name].slice(from);
    const data = { time: cut("time"), memory: cut("unreclaimable_bytes"), heap: cut("heap_live_bytes"), goroutines: cut("goroutines") };
    const top = Math.max(1, ...data.memory.map((n) => n || 0), ...data.heap.map((n) => n || 0));
    data.lines = [];
    const limit = state.memory && state.memory.limit_bytes;
    if (limit) data.lines.push(["limit", limit, "fg", [10, 6]]);
    for (const r of state.rules || []) {
      if (r.unit === "bytes" && r.line !== null && (r.signal === "memory" || r.signal === "live heap") && r.line !== limit) {
        data.lines.push(["rule " + r.name, r.line, "amber", [4, 4]]);
      }
    }
    data.lines = data.lines.filter((l) => l[1] <= 4 * top); // a line far above would flatten the rest
    return data;
  }

  function incidentMarks() {
    const apart = plot ? (plot.scales.x.max - plot.scales.x.min) / 8 : 0;
    const list = [];
    for (const i of (state.incidents || []).slice().reverse()) {
      const time = date(i.opened);
      const last = list[list.length - 1];
      if (last && time - last.time < apart) {
        last.more++;
        last.name = last.first + " and " + last.more + " more";
      } else {
        list.push({ time, name: i.rule, first: i.rule, more: 0 });
      }
    }
    return list;
  }

  const columns = (d) => [d.time, d.memory, d.heap, d.goroutines, ...d.lines.map((l) => d.time.map(() => l[1]))];
  let drawnLines = "";

  function drawChart() {
    const at = $("chart");
    const d = shown();
    const lines = JSON.stringify(d.lines.map((l) => l[0]));
    if (plot && lines === drawnLines) {
      plot.setData(columns(d));
    } else if (d.time.length > 1) {
      if (plot) plot.destroy();
      drawnLines = lines;
      const line = (label, name, more) => Object.assign({ label, stroke: color(name), width: 2, value: (u, v) => bytes(v), points: { show: false } }, more);
      plot = new uPlot({
        width: at.clientWidth, height: chartHeight(),
        tzDate: (s) => uPlot.tzDate(new Date(s * 1000), "UTC"),
        scales: { y: { range: (u, min, max) => [0, Math.max(max, 1) * 1.06] }, n: { range: (u, min, max) => [0, Math.max(max, 1) * 1.3] } },
        cursor: { drag: { x: true, y: false } },
        series: [
          { label: "time (UTC)", value: (u, v) => (v === null ? "" : clock(v, 1)) },
          line("memory", "memory", { fill: color("memory") + "26" }),
          line("live heap", "heap"),
          line("goroutines", "goroutines", { scale: "n", dash: [2, 3], value: (u, v) => count(v) }),
          ...d.lines.map((l) => line(l[0], l[2], { dash: l[3], width: l[0] === "limit" ? 2 : 1 })),
        ],
        axes: [
          Object.assign(axis(), { space: 100, values: (u, ticks, i, s, apart) => ticks.map((t) => clock(t, Math.max(apart, 1))) }),
          Object.assign(axis(), { size: 80, values: (u, ticks) => ticks.map(tick), incrs: increments() }),
          Object.assign(axis(), { scale: "n", side: 1, size: 56, grid: { show: false }, stroke: color("goroutines"), values: (u, ticks) => ticks.map((n) => (Number.isInteger(n) ? count(n) : "")) }),
        ],
        hooks: { draw: [marks(incidentMarks)] },
      }, columns(d), at);
    }
    const n = d.time.length;
    if (n > 1) {
      const known = d.memory.some((v) => v !== null);
      const series = known ? d.memory : d.heap;
      const words = (known ? "Memory went" : "The live heap went") + " from " + value(series[0], "bytes") + " to " + value(series[n - 1], "bytes") + " in " + span(d.time[n - 1] - d.time[0]) +
        ", with a maximum of " + bytes(Math.max(...series)) + (state.memory && state.memory.limit_bytes ? "; the limit is " + bytes(state.memory.limit_bytes) : "") + ".";
      setText($("chart-words"), words);
      at.setAttribute("aria-label", words);
    } else {
      setText($("chart-words"), "No readings yet.");
    }
  }

  const chartHeight = () => (innerWidth < 640 ? 260 : 320);

  document.querySelectorAll(".spans button").forEach((b) => b.addEventListener("click", () => {
    document.querySelectorAll(".spans button").forEach((o) => o.setAttribute("aria-pressed", String(o === b)));
    seconds = Number(b.dataset.span);
    drawChart();
  }));
  onWidth($("chart"), (width) => plot && plot.setSize({ width, height: chartHeight() }));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { drawnLines = ""; drawChart(); });

  // --- tables

  const shades = ["#1f6feb", "#8ab4f8", "#57a6a1", "#9aa7b5", "#d4761c", "#b5527a", "#a371f7", "#7a5ea8", "#8b949e", "#c9a227", "#7fb069", "#c4ccd4"];

  function swatch(i) {
    const e = el("span", { class: "swatch" });
    e.style.background = shades[i % shades.length];
    return e;
  }

  function showDivision() {
    const d = state.division;
    $("division").hidden = !d;
    if (!d) return;
    const verdict = d.verdict.text ? d.verdict.text[0].toUpperCase() + d.verdict.text.slice(1) + ". " : "";
    setText($("division-words"), verdict + "The total is " + bytes(d.total_bytes) + (d.cgroup ? " for all processes in the cgroup, including page cache." : " for this process."));
    const parts = d.parts.map((p, i) => Object.assign({ i }, p)).filter((p) => p.bytes > 0);
    keyed($("division-bar"), parts, (p) => p.name, (p) => {
      const e = el("div");
      e.style.background = shades[p.i % shades.length];
      return e;
    }, (e, p) => {
      e.style.flexGrow = String(p.bytes / d.total_bytes);
      e.title = p.name;
    });
    rows($("division-rows"), parts, (p) => p.name, (p) => [
      [swatch(p.i), p.name],
      bytes(p.bytes),
      share(p.bytes / d.total_bytes),
      p.reclaimable ? "the kernel reclaims it" : p.name.includes("garbage") ? "a GC frees the garbage" : "stays",
    ]);
  }

  function share(x) {
    return x < 0.01 ? "<1%" : Math.round(100 * x) + "%";
  }

  function showRules() {
    rows($("rules"), state.rules, (r) => r.name, (r) => [
      [el("strong", {}, r.name), el("small", {}, r.text)],
      [r.open ? badge("open", "bad") : badge("calm", "good")],
      value(r.value, r.unit),
      r.line === null ? "–" : value(r.line, r.unit),
      [r.decision, el("small", {}, r.decided_seconds_ago < 3 ? "just now" : span(r.decided_seconds_ago) + " ago")],
    ]);
  }

  function showSites() {
    const c = state.census;
    let words = "The goroutine census is off.";
    if (c && c.seconds_ago === null) words = "The first census runs a minute after the start.";
    else if (c && c.every_seconds) words = "Places where the number of goroutines has grown. The last census was " + span(c.seconds_ago) + " ago, and the next follows " + span(c.every_seconds) + " after it." + (c.skipped ? " The last one was skipped: " + c.skipped + "." : "");
    if (c && c.seconds_ago !== null && !state.goroutine_sites.length) words += " There are none.";
    setText($("sites-words"), words);
    $("sites-table").hidden = !state.goroutine_sites.length;
    rows($("sites"), state.goroutine_sites, (s) => s.frame.function + ":" + s.frame.line + " " + s.root + " " + s.wait, (s) => [
      [el("code", {}, s.frame.function), el("small", {}, shortFile(s.frame.file) + ":" + s.frame.line + ", started with " + s.root)],
      s.wait,
      count(s.count),
      count(s.grown),
      s.grown > 0 ? ago(s.since) : "–",
      s.standing_ns > 0 ? span(s.standing_ns / 1e9) : "–",
      [s.proven ? badge("proven leak", "bad") : s.leaking ? badge("leak", "bad") : badge("no leak so far"), s.reason ? el("small", {}, s.reason) : ""],
    ]);
  }

  function showTrends() {
    $("trends-section").hidden = !state.trends.length;
    const slope = (n, unit) => (n < 0 ? "−" : "+") + (unit === "count" ? Math.abs(n).toPrecision(3) : value(Math.abs(n), unit));
    rows($("trends"), state.trends, (t) => t.signal, (t) => [
      el("strong", {}, t.signal),
      [badge(t.state, t.state === "leaking" ? "bad" : t.state === "growing" ? "warn" : "good"), el("small", {}, Math.round(100 * t.confidence) + "% confidence")],
      [slope(t.slope_per_hour, t.unit), el("small", {}, slope(t.slope_low_per_hour, t.unit) + " to " + slope(t.slope_high_per_hour, t.unit))],
      date(t.since) > 0 ? ago(t.since) : "–",
      t.limit_soonest_ns > 0 ? span(t.limit_soonest_ns / 1e9) + " at the earliest" : "–",
      t.reason,
    ]);
  }

  function showCounters() {
    const c = state.counters;
    const parts = [count(c.readings) + " readings", count(c.incidents) + " incidents", count(c.captures) + " captures", count(c.baselines) + " baselines", count(c.reports) + " reports", count(c.delivered_events) + " events delivered"];
    for (const [name, words] of [["failed_captures", "captures lost"], ["failed_reports", "reports lost"], ["dropped_events", "events dropped"], ["dropped_log_lines", "log lines dropped"], ["sink_failures", "deliveries failed"], ["panics", "panics recovered"]]) {
      if (c[name]) parts.push(count(c[name]) + " " + words);
    }
    setText($("counters"), "Since the start: " + parts.join(", ") + ".");
  }

  // --- incidents

  let openNext = ""; // the ID of an incident to open when it is listed
  const evidence = (id, file) => "incident/" + id + "/" + file;

  function showIncidents() {
    const list = state.incidents;
    $("incidents-none").hidden = list.length > 0;
    setText($("incidents-none"), "There are no incidents.");
    keyed($("incidents"), list, (i) => i.id, makeIncident, (e, i) => {
      e.classList.toggle("open", i.open);
      setText(e.querySelector("strong"), i.headline || i.reason || "cut short: the process died before it could record the reason");
      const b = e.querySelector(".badge");
      const died = i.trigger === "death";
      b.className = "badge " + (i.open || died ? "bad" : "");
      setText(b, died ? "died" : i.open ? "open" : i.recovered ? "closed" : i.this_process ? "capturing" : "never closed");
      const parts = [i.rule, "opened " + utc(i.opened) + ", " + ago(i.opened)];
      if (i.recovered) parts.push("lasted " + span(date(i.recovered) - date(i.opened)));
      if (!i.this_process) parts.push("another process" + (i.pid ? ", pid " + i.pid : ""));
      parts.push(i.files ? i.files + " files, " + bytes(i.size_bytes) : i.not_captured ? "no evidence of its own" : "no evidence yet");
      setText(e.querySelector(".sub"), parts.join(" · "));
      if (openNext === i.id) {
        openNext = "";
        e.open = true;
      }
      // Reload an expanded incident when it has changed.
      const version = [i.files, i.size_bytes, i.headline, i.recovered, i.open].join();
      if (e.open && e.dataset.version !== version) load(e, i);
      e.dataset.next = version;
    });
  }

  function makeIncident(i) {
    const e = el("details", { class: "incident" }, el("summary", {}, el("span", { class: "badge" }), el("span", { class: "what" }, el("strong"), el("span", { class: "sub" }))), el("div", { class: "body" }));
    e.addEventListener("toggle", () => {
      const live = state.incidents.find((x) => x.id === i.id);
      if (e.open && live && e.dataset.version !== e.dataset.next) load(e, live);
    });
    return e;
  }

  async function load(e, i) {
    e.dataset.version = [i.files, i.size_bytes, i.headline, i.recovered, i.open].join();
    const body = e.querySelector(".body");
    if (!i.kept) {
      body.replaceChildren(el("p", {}, i.not_captured ? "No evidence of its own: " + i.not_captured + "." : "A capture is running."));
      if (i.evidence) body.append(el("p", {}, "The evidence of " + i.evidence + " covers this incident as well."));
      return;
    }
    let d;
    try {
      d = await getJSON("api/v1/incident/" + i.id);
    } catch (err) {
      body.replaceChildren(el("p", {}, err.message));
      return;
    }
    const m = d.manifest;
    const facts = [["Incident", m.id], ["Reason", m.reason || "unknown"]];
    if (m.peak !== null && m.peak >= 0) facts.push(["Peak", value(m.peak, m.unit)]);
    if (m.verdict && m.verdict.text) facts.push(["Memory", m.verdict.text]);
    if (m.death && m.death.why) facts.push(["Cause of death", m.death.why]);
    if (m.process && m.process.service) facts.push(["Process", [m.process.service, m.process.version, m.process.pod || m.process.host, "pid " + m.process.pid].filter(Boolean).join(" · ")]);
    facts.push(["Folder", d.folder]);
    const files = m.artefacts.map((a) => a.name);
    const links = el("ul", { class: "links" });
    if (files.includes("report.html")) links.append(el("li", {}, el("a", { class: "primary", href: evidence(m.id, "report.html"), target: "_blank", rel: "noopener" }, "Open the report")));
    for (const a of m.artefacts) {
      if (a.name === "report.html") continue;
      links.append(el("li", {}, el("a", { href: evidence(m.id, a.name) }, a.name + " ", el("small", {}, bytes(a.size_bytes)))));
    }
    if (!d.cut_short) links.append(el("li", {}, el("a", { href: evidence(m.id, "manifest.json") }, "manifest.json")));
    const commands = el("dl", { class: "commands" });
    const add = (purpose, line) => commands.append(el("div", {}, el("dt", {}, purpose), el("dd", {}, el("code", { tabindex: "0" }, line))));
    const difference = d.flames.filter((f) => f.base);
    const asked = new Set();
    for (const f of difference.length ? difference : d.flames) {
      const kind = f.title.split(":")[0];
      if (asked.has(kind)) continue;
      asked.add(kind);
      const url = (name) => quote(new URL(evidence(m.id, name), here).href);
      add(kind + ", from your own machine" + (f.base ? ": growth" : ""), "go tool pprof -http=: " + (f.base ? "-base " + url(f.base) + " " : "") + url(f.file));
    }
    for (const c of d.commands) add("on the host: " + c.purpose, c.line);
    body.replaceChildren(
      el("dl", {}, ...facts.map(([name, text]) => el("div", {}, el("dt", {}, name), el("dd", {}, text)))),
      el("h3", {}, "Evidence"), links,
      ...(d.flames.length ? [el("h3", {}, "Flame graph"), el("div", { class: "flame-place" })] : []),
      ...(commands.children.length ? [el("h3", {}, "Commands"), commands] : []),
      ...(d.warnings.length ? [el("h3", {}, "Warnings"), el("ul", {}, ...d.warnings.map((w) => el("li", {}, w)))] : []),
      ...(m.decisions && m.decisions.length ? [el("h3", {}, "Decisions"), el("ul", {}, ...m.decisions.map((x) => el("li", {}, clock(date(x.time), 1) + " " + x.text)))] : []));
    copyButtons(body);
    if (d.flames.length) placeFlame(body, m.id, d.flames);
  }

  function quote(word) {
    return /^[\w@%+=:,./-]+$/.test(word) ? word : "'" + word.replace(/'/g, "'\\''") + "'";
  }

  // --- flame graphs: one panel, which moves to the incident that shows it

  const panel = $("flame-panel");
  const flame = {};
  for (const name of ["select", "draw", "words", "tools", "reset", "details", "graph"]) flame[name] = $("flame-" + name);
  let asker = null; // where the panel is: its incident, and the button that it replaces
  let redrawFlame = null;

  function placeFlame(body, id, flames) {
    const place = body.querySelector(".flame-place");
    if (asker && asker.id === id) { // the incident was only reloaded
      asker.place = place;
      place.append(panel);
      return;
    }
    const button = el("button", { type: "button", class: "flame-open" }, "Show the flame graph");
    button.addEventListener("click", () => {
      if (asker) asker.place.append(asker.button);
      asker = { id, place, button };
      button.replaceWith(panel);
      panel.hidden = false;
      flame.select.replaceChildren(...flames.map((f) => el("option", {}, f.title)));
      flame.select.onchange = flame.draw.onclick = () => loadFlame(id, flames[flame.select.selectedIndex]);
      flame.select.focus();
      loadFlame(id, flames[0]);
    });
    place.append(button);
  }

  async function loadFlame(id, f) {
    setText(flame.words, "Reading the profiles…");
    let g;
    try {
      g = await getJSON("api/v1/incident/" + id + "/flame?file=" + encodeURIComponent(f.file) + (f.base ? "&base=" + encodeURIComponent(f.base) : ""));
    } catch (err) {
      setText(flame.words, err.message);
      return;
    }
    flame.graph.replaceChildren();
    flame.details.textContent = "";
    redrawFlame = null;
    if (!g.root || !(g.root.value > 0)) {
      flame.tools.hidden = true;
      setText(flame.words, f.base ? "Nothing has grown since the baseline." : "The profile is empty.");
      return;
    }
    setText(flame.words, amount(g.root.value, g.unit) + (f.base ? " more than the baseline. Wider frames grew more; frames that shrank are not shown." : " in total. Wider frames hold more.") +
      (g.warnings.length ? " " + g.warnings.join(". ") + "." : ""));
    redrawFlame = drawFlame(flame.graph, g.root, { unit: g.unit, whole: g.whole, details: flame.details, tools: flame.tools, reset: flame.reset });
  }
  onWidth(flame.graph, (width) => redrawFlame && redrawFlame(width));

  // --- capture now

  let capturing = false;
  $("capture").addEventListener("click", async () => {
    const button = $("capture");
    const answer = $("answer");
    capturing = button.disabled = true;
    answer.className = "";
    setText(answer, "Capturing…");
    try {
      const r = await fetch("capture", { method: "POST", headers: { Leakguard: "1" }, credentials: "same-origin" });
      const text = await r.text();
      if (!r.ok) throw new Error(text.trim().replace(/^guardhttp: /, "") || r.statusText);
      const c = JSON.parse(text);
      setText(answer, "Captured: " + c.id + (c.warning ? ". " + c.warning : ""));
      openNext = c.id; // as soon as it is listed
      await refresh();
    } catch (err) {
      answer.className = "bad";
      setText(answer, err.message);
    }
    capturing = false;
    button.disabled = !state.process;
  });

  // --- requests

  async function getJSON(url) {
    let r;
    try {
      r = await fetch(url, { credentials: "same-origin" });
    } catch (err) {
      throw new Error("The service is not responding.");
    }
    if (!r.ok) throw new Error((await r.text()).trim().replace(/^guardhttp: /, "") || r.statusText);
    return r.json();
  }

  // The functions that draw the sections of the state.
  const views = [
    [showStatus, ["status", "process", "time"]],
    [showTiles, ["memory", "reading", "process"]],
    [showDivision, ["division"]],
    [showRules, ["rules"]],
    [showSites, ["goroutine_sites", "census"]],
    [showTrends, ["trends"]],
    [showIncidents, ["incidents"]],
    [showCounters, ["counters"]],
    [drawChart, ["points", "incidents", "rules"]],
  ];

  function apply(news) {
    if (news.points) addPoints(news.points);
    Object.assign(state, news);
    if (!state.status) return; // the state is not complete yet
    for (const [show, sections] of views) {
      if (sections.some((name) => name in news)) show();
    }
  }

  async function refresh() {
    apply(await getJSON("api/v1/state"));
  }

  // Loads the points that were missed, with retries if the service is busy.
  async function catchUp() {
    const last = points.time[points.time.length - 1];
    try {
      mergePoints(await getJSON("api/v1/history" + (last ? "?since=" + (last + 0.001) : "")));
    } catch (err) {
      setTimeout(catchUp, 3000);
    }
  }

  let stream = null;

  function live(name, text) {
    $("live").dataset.state = name;
    setText($("live"), text);
  }

  function connect() {
    if (stream || document.hidden) return;
    stream = new EventSource("events");
    // An open stream is not live yet: before the first message there is no data.
    const isLive = () => (state.status ? live("on", "live") : live("off", "loading"));
    stream.onopen = () => { isLive(); catchUp(); };
    stream.onmessage = (e) => { apply(JSON.parse(e.data)); isLive(); };
    stream.onerror = () => {
      live("lost", "connection lost, reconnecting");
      if (stream && stream.readyState === EventSource.CLOSED) { // refused; retry every few seconds
        stream = null;
        setTimeout(() => { refresh().catch(() => {}); connect(); }, 5000);
      }
    };
  }

  // Disconnect a hidden page, so that it costs the service nothing.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) return connect();
    if (stream) stream.close();
    stream = null;
    live("off", "paused");
  });

  const nowCommands = $("now-commands");
  for (const [purpose, name] of [["what holds memory", "heap"], ["where goroutines wait", "goroutine"]]) {
    nowCommands.append(el("div", {}, el("dt", {}, purpose), el("dd", {}, el("code", { tabindex: "0" }, "go tool pprof -http=: " + quote(new URL(name, here).href)))));
  }
  copyButtons(nowCommands);
  refresh().catch((err) => setText($("sentence"), err.message));
  catchUp();
  connect();
})();
