(() => {
  "use strict";
  const { specs, data, themes } = JSON.parse(document.getElementById("charts").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const wide = matchMedia("(min-width: 44rem)");
  const drawn = new Map();
  const pinned = new Set();

  // On a phone a contender's name leaves room for the chart.
  const fitted = ({ axisY, ...config }) => ({ ...config, axisY: wide.matches ? axisY : { ...axisY, labelLimit: 90, titleFontSize: 11 } });
  const options = (scheme) => ({
    config: fitted(themes[scheme]), renderer: "svg", actions: false, ast: true, tooltip: { theme: scheme },
  });

  function specification(name) {
    const spec = structuredClone(specs[name]);
    spec.datasets = Object.fromEntries(spec.usermeta.datasets.map((key) => [key, data[key]]));
    return spec;
  }

  function chosen(preview) {
    return preview ? [...new Set([...pinned, preview])] : [...pinned];
  }

  async function draw(box) {
    drawn.get(box)?.finalize();
    const spec = specification(box.dataset.chart);
    const labels = spec.params.find((param) => param.name === "labels");
    labels.value &&= wide.matches;
    spec.params.find((param) => param.name === "narrow").value = !wide.matches;
    spec.params.find((param) => param.name === "chosen").value = chosen();
    const result = await vegaEmbed(box, spec, options(dark.matches ? "dark" : "light"));
    drawn.set(box, result);
    box.style.minHeight = "";
  }

  function highlight(preview) {
    for (const { view } of drawn.values()) view.signal("chosen", chosen(preview)).runAsync();
  }

  function save(text, name, type) {
    const link = document.createElement("a");
    link.href = type ? URL.createObjectURL(new Blob([text], { type })) : text;
    link.download = name;
    link.click();
  }

  function csv(table) {
    const quoted = (cell) => `"${cell.textContent.trim().replaceAll('"', '""')}"`;
    return [...table.rows].map((row) => [...row.cells].map(quoted).join(",")).join("\r\n") + "\r\n";
  }

  async function picture(name, kind) {
    const spec = { ...specification(name), width: 720, background: "white" };
    const { view, finalize } = await vegaEmbed(document.createElement("div"), spec, options("light"));
    if (kind === "svg") save(await view.toSVG(), `${name}.svg`, "image/svg+xml");
    else save(await view.toImageURL("png", 2), `${name}.png`);
    finalize();
  }

  const boxes = [...document.querySelectorAll(".chart")];
  const redraw = () => Promise.all(boxes.map(draw));
  dark.addEventListener("change", redraw);
  wide.addEventListener("change", redraw);

  for (const chip of document.querySelectorAll(".chip")) {
    const name = chip.dataset.contender;
    chip.addEventListener("click", () => {
      if (!pinned.delete(name)) pinned.add(name);
      chip.setAttribute("aria-pressed", pinned.has(name));
      highlight();
    });
    chip.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && highlight(name));
    chip.addEventListener("pointerleave", () => highlight());
  }
  for (const radio of document.querySelectorAll(".choices input")) {
    radio.addEventListener("change", () => {
      const box = radio.closest("figure").querySelector(".chart");
      box.dataset.chart = radio.value;
      draw(box);
    });
  }
  for (const row of document.querySelectorAll(".saves")) {
    const figure = row.closest("figure");
    const name = () => figure.querySelector(".chart").dataset.chart;
    row.hidden = false;
    row.addEventListener("click", (event) => {
      const kind = event.target.dataset.save;
      if (kind === "csv") save(csv(figure.querySelector("table")), `${name()}.csv`, "text/csv");
      else if (kind) picture(name(), kind);
    });
  }
  const copy = document.querySelector("[data-copy]");
  if (copy && navigator.clipboard) {
    copy.hidden = false;
    copy.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.querySelector("pre code").textContent);
      copy.textContent = "Copied";
    });
  }
  redraw().then(() => document.documentElement.setAttribute("data-charts", "drawn"));
})();
