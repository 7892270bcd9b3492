// Turns the still pictures of systems into ones that move, where the browser can.
(() => {
  "use strict";
  const MOST_AT_ONCE = 8; // browsers lose the oldest of about 16 contexts
  const TURN = 0.014; // degrees in a millisecond
  const REST = 33; // milliseconds between two pictures
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  const live = new Map();
  const turning = new Set();
  let running = false;

  function able() {
    const context = document.createElement("canvas").getContext("webgl2");
    if (!context) return false;
    context.getExtension("WEBGL_lose_context")?.loseContext();
    return true;
  }

  function fill(viewer, scene) {
    const bonds = scene.kinds.map(() => []);
    for (const [i, j] of scene.bonds) {
      bonds[i].push(j);
      bonds[j].push(i);
    }
    viewer.addModel().addAtoms(
      scene.positions.map(([x, y, z], i) => ({
        x, y, z, serial: i, index: i, elem: "X", resi: scene.kinds[i], hetflag: true,
        bonds: bonds[i], bondOrder: bonds[i].map(() => 1),
      })),
    );
    const stick = Math.min(...scene.looks.map(([, , radius]) => radius)) * 0.45;
    scene.looks.forEach(([, color, radius], kind) => {
      const style = { sphere: { radius, color } };
      if (scene.bonds.length) style.stick = { radius: stick, color };
      viewer.setStyle({ resi: kind }, style);
    });
    const ends = scene.cell.flat();
    const reach = Math.max(0, ...ends.map((end) => Math.hypot(...end)));
    for (const [start, end] of scene.cell) {
      const [from, to] = [start, end].map(([x, y, z]) => ({ x, y, z }));
      viewer.addCylinder({ start: from, end: to, radius: reach * 0.004, color: "#8792a0", fromCap: 1, toCap: 1 });
    }
  }

  // As large as it may be and still turn within its place: the sphere around everything just fits.
  function fit(viewer, scene, place) {
    const n = scene.positions.length;
    const [x, y, z] = [0, 1, 2].map((axis) => scene.positions.reduce((sum, r) => sum + r[axis], 0) / n);
    const thick = Math.max(...scene.looks.map(([, , radius]) => radius));
    let reach = 0;
    for (const r of scene.positions.concat(scene.cell.flat())) {
      reach = Math.max(reach, Math.hypot(r[0] - x, r[1] - y, r[2] - z) + thick);
    }
    const [left, right] = [x - reach, x + reach].map((end) => viewer.modelToScreen({ x: end, y, z }).x);
    viewer.zoom((0.95 * Math.min(place.clientWidth, place.clientHeight)) / Math.abs(right - left));
  }

  function start(stage) {
    if (live.has(stage)) return;
    if (live.size >= MOST_AT_ONCE) stop(live.keys().next().value);
    const place = document.createElement("div");
    place.className = "live3d";
    stage.append(place);
    const viewer = $3Dmol.createViewer(place, { backgroundAlpha: 0, nomouse: true, disableFog: true });
    if (!viewer) return place.remove();
    stage.classList.add("live");
    live.set(stage, { viewer, place });
    show(stage);
    rest(stage, false);
  }

  // The stage's scene as seen from the front, in place of another that was there.
  function show(stage) {
    if (!live.has(stage)) return;
    const { viewer, place } = live.get(stage);
    const scene = SCENES[Number(stage.dataset.scene)];
    viewer.removeAllModels();
    viewer.removeAllShapes();
    viewer.setView([0, 0, 0, 0, 0, 0, 0, 1], true);
    fill(viewer, scene);
    viewer.zoomTo();
    viewer.render();
    fit(viewer, scene, place);
  }

  function stop(stage) {
    const { place } = live.get(stage);
    live.delete(stage);
    turning.delete(stage);
    place.remove();
    stage.classList.remove("live");
    place.querySelector("canvas")?.getContext("webgl2")?.getExtension("WEBGL_lose_context")?.loseContext();
  }

  function rest(stage, wanted) {
    const held = stage.matches(":hover, :focus-within") || stage.dataset.away === "1";
    if (wanted || held || calm.matches || !live.has(stage)) return turning.delete(stage);
    turning.add(stage);
    if (!running) requestAnimationFrame((now) => turn(now, now));
    running = true;
  }

  // All that turn, in one go, and never faster than the browser can draw.
  function turn(now, before) {
    running = turning.size > 0;
    if (!running) return;
    const due = now - before >= REST;
    if (due) turning.forEach((stage) => live.get(stage).viewer.rotate(TURN * Math.min(now - before, 4 * REST), "vy"));
    requestAnimationFrame((next) => turn(next, due ? now : before));
  }

  const KEYS = {
    ArrowLeft: (viewer) => viewer.rotate(-10, "vy"), ArrowRight: (viewer) => viewer.rotate(10, "vy"),
    ArrowUp: (viewer) => viewer.rotate(-10, "vx"), ArrowDown: (viewer) => viewer.rotate(10, "vx"),
    "+": (viewer) => viewer.zoom(1.1), "-": (viewer) => viewer.zoom(1 / 1.1),
  };

  function listen(stage) {
    stage.tabIndex = 0;
    stage.setAttribute("role", "group");
    stage.setAttribute("aria-label", "3D view: arrow keys turn it, plus and minus zoom");
    stage.addEventListener("scenechange", () => show(stage));
    for (const kind of ["pointerenter", "focus"]) stage.addEventListener(kind, () => rest(stage, true));
    for (const kind of ["pointerleave", "blur"]) stage.addEventListener(kind, () => rest(stage, false));
    stage.addEventListener("pointerdown", (event) => {
      if (event.isPrimary) stage.setPointerCapture(event.pointerId);
      rest(stage, true);
    });
    stage.addEventListener("pointermove", (event) => {
      if (!stage.hasPointerCapture(event.pointerId)) return;
      const viewer = live.get(stage)?.viewer;
      viewer?.rotate(event.movementX * 0.6, "vy");
      viewer?.rotate(event.movementY * 0.6, "vx");
    });
    stage.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return; // the wheel alone scrolls the page
      event.preventDefault();
      live.get(stage)?.viewer.zoom(event.deltaY < 0 ? 1.1 : 1 / 1.1);
    }, { passive: false });
    stage.addEventListener("keydown", (event) => {
      const viewer = live.get(stage)?.viewer;
      if (!viewer || !(event.key in KEYS)) return;
      event.preventDefault();
      KEYS[event.key](viewer);
    });
  }

  const stages = document.querySelectorAll(".stage");
  if (!stages.length || !able()) return;
  stages.forEach(listen);
  const watcher = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      target.dataset.away = isIntersecting ? "0" : "1";
      if (isIntersecting) start(target);
      rest(target, false);
    }
  }, { rootMargin: "100px" });
  stages.forEach((stage) => watcher.observe(stage));
  calm.addEventListener("change", () => live.forEach((_, stage) => rest(stage, false)));
})();
