// The map: points in a plane of which one is chosen; its structure and its values stand beside it.
(() => {
  "use strict";
  const SPACE = { left: 56, right: 10, top: 8, bottom: 42 };
  const REACH = 24; // pixels from a point at which a click still means it
  const SAME = 3; // pixels at which points cannot be told apart
  const chart = document.querySelector(".chart");
  const card = document.querySelector(".chosen");
  const stage = card.querySelector(".stage");
  const hint = document.createElement("div");
  const n = MAP.places.length;
  const all = whole();
  let view = { ...all };
  let chosen = MAP.first;
  let near = -1;
  let due = 0;
  let size = [0, 0];

  function element(name, attributes, parent, text) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    parent?.append(made);
    return made;
  }

  function whole() {
    const ends = [0, 1].map((axis) => {
      const values = MAP.places.map((place) => place[axis]);
      const [low, high] = [Math.min(...values), Math.max(...values)];
      const room = 0.05 * (high - low) || 1;
      return [low - room, high + room];
    });
    return { x: ends[0], y: ends[1] };
  }

  const inner = () => [size[0] - SPACE.left - SPACE.right, size[1] - SPACE.top - SPACE.bottom];

  function onScreen([x, y]) {
    const [width, height] = inner();
    return [
      SPACE.left + (width * (x - view.x[0])) / (view.x[1] - view.x[0]),
      SPACE.top + height * (1 - (y - view.y[0]) / (view.y[1] - view.y[0])),
    ];
  }

  const within = ([x, y]) =>
    x >= SPACE.left && x <= size[0] - SPACE.right && y >= SPACE.top && y <= size[1] - SPACE.bottom;

  // Round numbers, about one in 70 pixels.
  function ticks([low, high], pixels) {
    const rough = (high - low) / Math.max(2, pixels / 70);
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
    const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    const first = Math.ceil(low / step);
    const count = Math.floor(high / step) - first + 1;
    return Array.from({ length: Math.max(0, count) }, (_, k) => {
      const value = (first + k) * step;
      return [value, digits > 6 ? value.toExponential(1) : value.toFixed(digits).replace(/^-(?=[0.]*$)/, "")];
    });
  }

  function draw() {
    size = [chart.clientWidth, Math.min(520, Math.max(280, 0.72 * chart.clientWidth))];
    const [width, height] = inner();
    const plane = element("svg", { class: "plane", viewBox: `0 0 ${size[0]} ${size[1]}`, "aria-hidden": "true" });
    const clip = element("clipPath", { id: "inner" }, element("defs", {}, plane));
    element("rect", { x: SPACE.left, y: SPACE.top, width, height }, clip);
    axes(plane, width, height);
    const dots = element("g", { "clip-path": "url(#inner)" }, plane);
    const r = n > 800 ? 3 : 4;
    for (let i = 0; i < n; i++) {
      const [cx, cy] = onScreen(MAP.places[i]).map((value) => value.toFixed(1));
      element("circle", { cx, cy, r, fill: MAP.colours[i], "data-point": i }, dots);
    }
    for (const name of ["near", "ring"]) element("circle", { class: name, r: r + (name === "ring" ? 4 : 2), cx: -99, cy: -99 }, dots);
    chart.querySelector("svg")?.remove();
    chart.prepend(plane);
    mark();
  }

  function axes(plane, width, height) {
    const [bottom, right] = [SPACE.top + height, SPACE.left + width];
    for (const [value, text] of ticks(view.x, width)) {
      const [x] = onScreen([value, 0]);
      element("line", { class: "grid-line", x1: x, x2: x, y1: SPACE.top, y2: bottom }, plane);
      element("text", { x, y: bottom + 16, "text-anchor": "middle" }, plane, text);
    }
    for (const [value, text] of ticks(view.y, height)) {
      const [, y] = onScreen([0, value]);
      element("line", { class: "grid-line", x1: SPACE.left, x2: right, y1: y, y2: y }, plane);
      element("text", { x: SPACE.left - 6, y: y + 4, "text-anchor": "end" }, plane, text);
    }
    element("text", { x: SPACE.left + width / 2, y: size[1] - 6, "text-anchor": "middle" }, plane, MAP.axes[0]);
    const turned = `translate(12 ${SPACE.top + height / 2}) rotate(-90)`;
    element("text", { transform: turned, "text-anchor": "middle" }, plane, MAP.axes[1]);
  }

  // The rings around the chosen point and the one under the pointer, and the latter's name.
  function mark() {
    for (const [name, i] of [["ring", chosen], ["near", near]]) {
      const [cx, cy] = i < 0 ? [-99, -99] : onScreen(MAP.places[i]);
      const ring = chart.querySelector(`.${name}`);
      ring.setAttribute("cx", cx);
      ring.setAttribute("cy", cy);
      ring.setAttribute("fill", MAP.colours[Math.max(i, 0)]); // seen whole where others lie above
    }
    hint.hidden = near < 0;
    if (near < 0) return;
    const [x, y] = onScreen(MAP.places[near]);
    hint.textContent = `${MAP.formulas[near]}, ${MAP.texts[near][0]}`;
    hint.style.left = x > size[0] / 2 ? "" : `${x + 12}px`;
    hint.style.right = x > size[0] / 2 ? `${size[0] - x + 12}px` : "";
    hint.style.top = `${Math.max(0, y - 30)}px`;
  }

  // Points in sight by their distance to a place on the screen, the nearest first.
  function around([x, y], reach) {
    const found = [];
    for (let i = 0; i < n; i++) {
      const at = onScreen(MAP.places[i]);
      const d = Math.hypot(at[0] - x, at[1] - y);
      if (d <= reach && within(at)) found.push([d, i]);
    }
    return found.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  }

  function where(event) {
    const box = chart.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  // The nearest point; where several lie on one another, the one after the chosen.
  function clicked(event) {
    const found = around(where(event), REACH);
    if (!found.length) return;
    const alike = around(onScreen(MAP.places[found[0][1]]), SAME).map(([, i]) => i).sort((a, b) => a - b);
    const next = alike.indexOf(chosen) + 1;
    choose(next ? alike[next % alike.length] : found[0][1]);
  }

  function choose(i) {
    chosen = i;
    intoSight();
    card.querySelector("h3").textContent = MAP.formulas[i];
    card.querySelector("tbody").replaceChildren(...MAP.fields.map((name, k) => {
      const row = document.createElement("tr");
      for (const [kind, text] of [["th", name], ["td", MAP.texts[i][k]]]) {
        row.append(Object.assign(document.createElement(kind), { textContent: text }));
      }
      return row;
    }));
    stage.dataset.scene = i;
    still(SCENES[i], MAP.formulas[i]);
    cancelAnimationFrame(due); // of keys that come faster than pictures, the last
    due = requestAnimationFrame(() => stage.dispatchEvent(new Event("scenechange")));
    mark();
  }

  // The structure from the front: what is seen without WebGL and on paper.
  function still(scene, label) {
    const ends = scene.positions.concat(scene.cell.flat()).flatMap(([x, y]) => [Math.abs(x), Math.abs(y)]);
    const widest = Math.max(...scene.looks.map(([, , radius]) => radius));
    const scale = 100 / (ends.reduce((a, b) => Math.max(a, b), 0) + 1.5 * widest);
    const parts = scene.cell.map((line) => [-Infinity, "cell", line]);
    for (const [i, j] of scene.bonds) {
      const line = [scene.positions[i], scene.positions[j]];
      parts.push([(line[0][2] + line[1][2]) / 2, "bond", line]);
    }
    scene.positions.forEach((place, i) => parts.push([place[2], scene.looks[scene.kinds[i]], [place]]));
    const drawn = element("svg", { class: "still", role: "img", "aria-label": label, viewBox: "-100 -100 200 200" });
    for (const [, look, [a, b]] of parts.sort((p, q) => p[0] - q[0])) {
      const [x1, y1] = [a[0] * scale, -a[1] * scale];
      if (b) element("line", { class: look, x1, y1, x2: b[0] * scale, y2: -b[1] * scale }, drawn);
      else element("circle", { cx: x1, cy: y1, r: look[2] * scale, fill: look[1] }, drawn);
    }
    stage.querySelector("svg.still")?.remove();
    stage.prepend(drawn);
  }

  // Move what is seen so that the chosen point is in it.
  function intoSight() {
    let moved = false;
    ["x", "y"].forEach((axis, k) => {
      const [low, high] = view[axis];
      const value = MAP.places[chosen][k];
      if (value >= low && value <= high) return;
      const half = (high - low) / 2;
      view[axis] = [value - half, value + half];
      moved = true;
    });
    if (moved) draw();
  }

  function zoom(factor) {
    if (factor) {
      ["x", "y"].forEach((axis, k) => {
        const about = MAP.places[chosen][k];
        view[axis] = view[axis].map((end) => about + (end - about) / factor);
      });
      const full = ["x", "y"].some((axis) => view[axis][1] - view[axis][0] >= all[axis][1] - all[axis][0]);
      if (full) view = { ...all };
    } else {
      view = { ...all };
    }
    near = -1;
    draw();
  }

  // The nearest point in a direction; what lies aside counts twice.
  function step([right, up]) {
    const [x, y] = onScreen(MAP.places[chosen]);
    let [best, least] = [-1, Infinity];
    for (let i = 0; i < n; i++) {
      const at = onScreen(MAP.places[i]);
      const along = (at[0] - x) * right - (at[1] - y) * up;
      const aside = Math.abs((at[0] - x) * up) + Math.abs((at[1] - y) * right);
      if (i === chosen || along < 0.5 || aside > 2 * along) continue;
      if (along + 2 * aside < least) [best, least] = [i, along + 2 * aside];
    }
    if (best >= 0) choose(best);
  }

  const byValue = MAP.values.map((_, i) => i).sort((a, b) => MAP.values[a] - MAP.values[b] || a - b);
  const ranked = (rank) => choose(byValue[Math.min(n - 1, Math.max(0, rank))]);

  const KEYS = {
    ArrowLeft: () => step([-1, 0]), ArrowRight: () => step([1, 0]), ArrowUp: () => step([0, 1]),
    ArrowDown: () => step([0, -1]), Home: () => ranked(0), End: () => ranked(n - 1),
    PageUp: () => ranked(byValue.indexOf(chosen) + 1), PageDown: () => ranked(byValue.indexOf(chosen) - 1),
    "+": () => zoom(1.6), "=": () => zoom(1.6), "-": () => zoom(1 / 1.6), "0": () => zoom(0),
  };

  function listen() {
    chart.tabIndex = 0;
    chart.setAttribute("role", "application");
    chart.setAttribute("aria-label", `Map of ${n} systems: arrow keys go from point to point, plus and minus zoom`);
    hint.className = "hint";
    chart.append(hint);
    chart.addEventListener("click", clicked);
    chart.addEventListener("pointermove", (event) => {
      const found = event.pointerType === "mouse" ? around(where(event), REACH) : [];
      if ((found[0]?.[1] ?? -1) === near) return;
      near = found[0]?.[1] ?? -1;
      mark();
    });
    chart.addEventListener("pointerleave", () => {
      near = -1;
      mark();
    });
    chart.addEventListener("keydown", (event) => {
      if (!(event.key in KEYS) || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      KEYS[event.key]();
    });
    const factors = { in: 1.6, out: 1 / 1.6, all: 0 };
    for (const button of document.querySelectorAll("[data-zoom]")) {
      button.hidden = false;
      button.addEventListener("click", () => zoom(factors[button.dataset.zoom]));
    }
  }

  listen();
  draw();
  choose(chosen);
  let width = size[0];
  new ResizeObserver(() => {
    if (chart.clientWidth !== width) draw();
    width = chart.clientWidth;
  }).observe(chart);
})();
