"use strict";
(() => {
  const read = (name) => JSON.parse(document.getElementById(name).textContent);
  const specs = read("specs"), charts = read("charts"), sliders = read("sliders");
  const views = {}, moved = {};

  // Charts, one after the other, so that the page can be read meanwhile.
  const draw = async (chart) => {
    const spec = structuredClone(specs[chart.kind]);
    for (const one of spec.data) if (one.name === "rows") one.values = chart.rows;
    for (const one of spec.signals) if (one.name in chart.params) one.value = chart.params[one.name];
    const place = document.getElementById(chart.name);
    try {
      const made = await vegaEmbed(place, spec, { mode: "vega", renderer: "svg", actions: false, ast: true });
      views[chart.name] = made.view;
      if (chart.name in moved) moved[chart.name]();
    } catch (error) {
      place.textContent = "This chart could not be drawn; the table has its numbers.";
      console.error(chart.name, error);
    }
  };
  // What is folded has no width yet, and is drawn when it is opened.
  const begun = new Set();
  let drawing = Promise.resolve();
  const drawOpen = () => {
    delete document.documentElement.dataset.drawn;
    for (const chart of typeof vegaEmbed === "function" ? charts : []) {
      if (begun.has(chart.name) || document.getElementById(chart.name).closest("details:not([open])")) continue;
      begun.add(chart.name);
      drawing = drawing.then(() => draw(chart));
    }
    const last = drawing;
    last.then(() => { if (last === drawing) document.documentElement.dataset.drawn = "yes"; });
  };
  drawOpen();
  addEventListener("toggle", drawOpen, true);

  const number = (count) => Math.round(count).toLocaleString("en-US");
  const percent = (part, whole) => {
    if (!whole) return "-";
    const share = part / whole;
    if (share > 0 && share < 0.0005) return "<0.1%";
    if (share >= 0.9995 && share < 1) return ">99.9%";
    return (100 * share).toFixed(1) + "%";
  };
  const bytes = (count) => {
    for (const unit of ["B", "kB", "MB", "GB", "TB"]) {
      if (count < 1000 || unit === "TB") return (unit === "B" || count >= 100 ? count.toFixed(0) : count.toFixed(1)) + " " + unit;
      count /= 1000;
    }
  };
  const plain = (value) => (Number.isInteger(value) ? number(value) : String(value));
  const signed = (count, say) => (count === 0 ? "no change" : (count < 0 ? "−" : "+") + say(Math.abs(count)));

  // Sliders: what another limit would keep was counted beforehand.
  for (const [name, rule] of Object.entries(sliders.rules || {})) {
    const box = document.getElementById(name), range = box.querySelector("input"), said = box.querySelector("output"), command = box.querySelector("code");
    const now = rule.limits.indexOf(rule.now), whole = sliders.readable;
    const line = (documents, size) => `${number(documents)} documents (${percent(documents, whole.documents)}), ${bytes(size)} (${percent(size, whole.bytes)})`;
    const show = () => {
      const i = Number(range.value), limit = rule.limits[i];
      box.querySelector(".limit").textContent = plain(limit);
      box.querySelector(".others").textContent = line(rule.documents[i], rule.bytes[i]);
      box.querySelector(".alone").textContent = line(rule.documents_alone[i], rule.bytes_alone[i]);
      const change = rule.documents[i] - rule.documents[now], size = rule.bytes[i] - rule.bytes[now];
      box.querySelector(".change").textContent = i === now ? "as in the recipe" : `${signed(change, number)} documents, ${signed(size, bytes)}`;
      range.setAttribute("aria-valuetext", `${plain(limit)}: ${number(rule.documents[i])} documents`);
      command.textContent = `tamis what-if OUT ${rule.place}=${String(limit)}`;
      const view = views[rule.chart];
      if (view) view.signal("limit", limit + (rule.whole && !rule.least ? 1 : 0)).runAsync();
    };
    range.addEventListener("input", show);
    box.querySelector("button").addEventListener("click", () => { range.value = now; show(); range.focus(); });
    moved[rule.chart] = () => { if (Number(range.value) !== now) show(); };
    box.hidden = false;
    said.hidden = false;
    show();
  }

  // Search among the samples.
  const search = document.getElementById("search");
  if (search) {
    const samples = [...document.querySelectorAll(".sample")].map((sample) => [sample, sample.textContent.toLowerCase()]);
    const groups = [...document.querySelectorAll("details.samples")];
    const before = groups.map((group) => group.open);
    const count = document.getElementById("found");
    search.addEventListener("input", () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      let found = 0;
      for (const [sample, text] of samples) {
        const meets = words.every((word) => text.includes(word));
        sample.hidden = !meets;
        found += meets;
      }
      groups.forEach((group, i) => {
        const any = group.querySelector(".sample:not([hidden])");
        group.hidden = !any;
        group.open = words.length ? Boolean(any) : before[i];
      });
      count.textContent = words.length ? `${found} of ${samples.length} samples` : "";
    });
    search.closest(".search").hidden = false;
  }

  addEventListener("beforeprint", () => { document.querySelectorAll("details").forEach((part) => { part.open = true; }); drawOpen(); });
})();
