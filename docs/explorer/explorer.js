"use strict";
// The page: maps that are dragged across, a walk, a sheet of paper, a row of styles.

const $ = (id) => document.getElementById(id);
const models = Object.fromEntries(
  Object.entries(DATA.models).map(([name, {parts, weights}]) => [name, readModel(parts, unpack(weights))]));
const labels = Uint8Array.from(atob(DATA.labels), (letter) => letter.charCodeAt(0));
const codes = {vae: unpack(DATA.codes.vae), plain: unpack(DATA.codes.plain)};

const DIGITS = [...Array(10).keys()];
const oneHot = (digit) => DIGITS.map((i) => Number(i === digit));
const decode = {
  vae: (z) => run(models.vae.decoder, z),
  plain: (z) => run(models.plain.decoder, z),
  style: (z, digit) => run(models.conditional.decoder, [...z, ...oneHot(digit)]),
};

/** q(z | x) of an image of 784 numbers in [0, 1]. */
function encode(image) {
  const body = run(models.vae.body, image);
  return {mean: run(models.vae.mean, body), logVar: run(models.vae.log_var, body)};
}

// Pictures

/** Draws an image of 784 numbers, white on black, with its left upper corner at (x, y). */
function paint(canvas, image, x = 0, y = 0) {
  const pixels = new ImageData(28, 28);
  for (let i = 0; i < 784; i++) {
    pixels.data.fill(255 * image[i], 4 * i, 4 * i + 3);
    pixels.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(pixels, x, y);
}

// Maps

const dots = {}; // the maps without anything on them, by name: three show the VAE's

/** The codes as dots, and a way between codes and places on the canvas. */
class LatentMap {
  constructor(canvas, name) {
    this.canvas = canvas;
    this.size = canvas.width;
    this.limits = DATA.limits[name];
    this.codes = codes[name] ?? new Float32Array(0);
    this.dots = dots[name] ??= this.drawDots(); // drawn once: ten thousand dots a frame would be too many
  }

  place([z1, z2]) {
    const [[left, right], [low, high]] = this.limits;
    return [(z1 - left) / (right - left) * this.size, (high - z2) / (high - low) * this.size];
  }

  code(x, y) {
    const [[left, right], [low, high]] = this.limits;
    return [left + x / this.size * (right - left), high - y / this.size * (high - low)];
  }

  drawDots() {
    const sheet = new OffscreenCanvas(this.size, this.size), pen = sheet.getContext("2d");
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, this.size, this.size);
    for (let i = 0; i < this.codes.length / 2; i++) {
      const [x, y] = this.place(this.codes.subarray(2 * i, 2 * i + 2));
      pen.fillStyle = DATA.colours[labels[i]];
      pen.fillRect(x - 1, y - 1, 2.5, 2.5);
    }
    if (this.codes.length) DIGITS.forEach((digit) => this.label(pen, digit));
    pen.strokeStyle = "#000";
    for (const radius of [1, 2]) this.ellipse(pen, [0, 0], [radius, radius], 1);
    return sheet;
  }

  /** The number of a digit, at the median of its codes. */
  label(pen, digit) {
    const [x, y] = this.place([0, 1].map((axis) => {
      const values = [...labels.keys()].filter((i) => labels[i] === digit).map((i) => this.codes[2 * i + axis]);
      return values.sort((a, b) => a - b)[values.length >> 1];
    }));
    pen.font = "bold 22px system-ui, sans-serif";
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.lineWidth = 5;
    pen.strokeStyle = "#fff";
    pen.strokeText(digit, x, y);
    pen.fillStyle = "#000";
    pen.fillText(digit, x, y);
  }

  ellipse(pen, centre, radii, width) {
    const [x, y] = this.place(centre), [x1] = this.place([centre[0] + radii[0], 0]), [, y1] = this.place([0, centre[1] + radii[1]]);
    pen.lineWidth = width;
    pen.beginPath();
    pen.ellipse(x, y, Math.abs(x1 - x), Math.abs(y1 - y), 0, 0, 2 * Math.PI);
    pen.stroke();
  }

  /** The dots, and over them what `overlay` draws. */
  draw(overlay) {
    const pen = this.canvas.getContext("2d");
    pen.drawImage(this.dots, 0, 0);
    overlay(pen);
  }

  cross(pen, z) {
    const [x, y] = this.place(z);
    for (const [colour, width] of [["#fff", 6], ["#000", 2.5]]) {
      pen.strokeStyle = colour;
      pen.lineWidth = width;
      pen.beginPath();
      for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
        pen.moveTo(x + 6 * dx, y + 6 * dy);
        pen.lineTo(x + 20 * dx, y + 20 * dy);
      }
      pen.stroke();
    }
  }

  line(pen, path, dash) {
    pen.setLineDash(dash);
    pen.strokeStyle = "#000";
    pen.lineWidth = 4;
    pen.beginPath();
    for (const z of path) pen.lineTo(...this.place(z));
    pen.stroke();
    pen.setLineDash([]);
  }

  /** The number of the test digit whose code is nearest. */
  nearest([z1, z2]) {
    let best = -1, least = Infinity;
    for (let i = 0; i < labels.length; i++) {
      const distance = (this.codes[2 * i] - z1) ** 2 + (this.codes[2 * i + 1] - z2) ** 2;
      if (distance < least) [best, least] = [i, distance];
    }
    return best;
  }

  /** How many codes lie within a fiftieth of the map's width. */
  near([z1, z2]) {
    const [[left, right], [low, high]] = this.limits, rx = (right - left) / 50, ry = (high - low) / 50;
    let count = 0;
    for (let i = 0; i < labels.length; i++)
      count += ((this.codes[2 * i] - z1) / rx) ** 2 + ((this.codes[2 * i + 1] - z2) / ry) ** 2 < 1;
    return count;
  }
}

/** Calls `draw` once in the next frame, however often it is asked to before. */
function inFrames(draw) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      const start = performance.now();
      draw();
      explorer.frames.push(performance.now() - start);
    });
  };
}

/** A map to drag across, with two sliders that say and set the same; `show` draws what is there. */
function makePad(home, name, title, show) {
  home.insertAdjacentHTML("beforeend", `
    <canvas class="map" width="640" height="640" tabindex="0" role="application"
      aria-label="Map of the code of the ${title}. Arrow keys move, with shift in small steps."></canvas>
    <div class="under"><div class="sliders">
      ${[1, 2].map((i) => `<label>z${"₁₂"[i - 1]} <input type="range" step="any"> <output></output></label>`).join("")}
      <output class="faint" aria-live="polite"></output></div></div>`);
  const canvas = home.querySelector("canvas"), map = new LatentMap(canvas, name);
  const sliders = [...home.querySelectorAll("input")], numbers = [...home.querySelectorAll("label output")];
  const says = home.querySelector("output.faint"), z = [0, 0];
  sliders.forEach((slider, axis) => [slider.min, slider.max] = map.limits[axis]);
  const draw = inFrames(() => {
    map.draw((pen) => map.cross(pen, z));
    sliders.forEach((slider, axis) => {
      slider.value = z[axis];
      numbers[axis].textContent = z[axis].toFixed(2);
    });
    says.textContent = show(z, map);
  });
  const move = (to) => {
    to.forEach((value, axis) => {
      const [least, most] = map.limits[axis];
      z[axis] = Math.min(most, Math.max(least, value));
    });
    draw();
  };
  const drag = (event) => {
    const box = canvas.getBoundingClientRect(), scale = map.size / box.width;
    move(map.code((event.clientX - box.left) * scale, (event.clientY - box.top) * scale));
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    drag(event);
  });
  canvas.addEventListener("pointermove", (event) => canvas.hasPointerCapture(event.pointerId) && drag(event));
  canvas.addEventListener("keydown", (event) => {
    const step = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]}[event.key];
    if (!step) return;
    event.preventDefault();
    const part = event.shiftKey ? 400 : 50;
    move(z.map((value, axis) => value + step[axis] * (map.limits[axis][1] - map.limits[axis][0]) / part));
  });
  sliders.forEach((slider, axis) => slider.addEventListener("input", () =>
    move(z.map((value, i) => (i === axis ? Number(slider.value) : value)))));
  return move;
}

// Look around

function lookAround(name, title) {
  const home = document.querySelector(`#look [data-map=${name}]`);
  const move = makePad(home, name, title, (z, map) => {
    paint(image, decode[name](z));
    const near = map.near(z);
    return `nearest test digit: a ${labels[map.nearest(z)]}; ${near || "none"} close by`;
  });
  home.querySelector(".under").insertAdjacentHTML("afterbegin",
    `<canvas class="image" width="28" height="28" role="img" aria-label="what the decoder of the ${title} draws there"></canvas>`);
  const image = home.querySelector(".image");
  move([0, 0]);
}

// Walk

const STEPS = 101;
const straight = (from, to) => Array.from({length: STEPS}, (_, i) =>
  from.map((value, axis) => value + i / (STEPS - 1) * (to[axis] - value)));

/** The cheapest way across a grid (Dijkstra 1959); a cell costs the less, the more codes lie near it. */
function alongTheData(map, from, to, cells = 64) {
  const index = (z) => {
    const [x, y] = map.place(z).map((value) => Math.min(cells - 1, Math.max(0, Math.floor(value / map.size * cells))));
    return y * cells + x;
  };
  const cost = density(map, index, cells).map((value) => 1 / (value + 0.02));
  const best = new Float64Array(cells * cells).fill(Infinity), before = new Int32Array(cells * cells).fill(-1);
  const open = new Set([index(from)]), goal = index(to);
  best[index(from)] = 0;
  while (open.size) {
    const here = [...open].reduce((a, b) => (best[a] <= best[b] ? a : b));
    if (here === goal) break;
    open.delete(here);
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1], [1, 1], [1, -1], [-1, 1], [-1, -1]]) {
      const x = here % cells + dx, y = Math.floor(here / cells) + dy, there = y * cells + x;
      if (x < 0 || y < 0 || x >= cells || y >= cells) continue;
      const sum = best[here] + Math.hypot(dx, dy) * (cost[here] + cost[there]) / 2;
      if (sum < best[there]) {
        [best[there], before[there]] = [sum, here];
        open.add(there);
      }
    }
  }
  const path = [to];
  for (let cell = before[goal]; cell > -1 && before[cell] > -1; cell = before[cell])
    path.unshift(map.code((cell % cells + 0.5) * map.size / cells, (Math.floor(cell / cells) + 0.5) * map.size / cells));
  return evenly(smooth([from, ...path]));
}

/** The share of the codes around each cell, of the largest share: counts, blurred three times by 3 × 3 means. */
function density(map, index, cells) {
  let counts = new Float64Array(cells * cells);
  for (let i = 0; i < labels.length; i++) counts[index(map.codes.subarray(2 * i, 2 * i + 2))]++;
  for (let round = 0; round < 3; round++)
    counts = counts.map((_, at) => {
      let sum = 0;
      for (let dy = -1; dy < 2; dy++)
        for (let dx = -1; dx < 2; dx++) {
          const x = at % cells + dx, y = Math.floor(at / cells) + dy;
          if (x >= 0 && y >= 0 && x < cells && y < cells) sum += counts[y * cells + x];
        }
      return sum / 9;
    });
  const most = counts.reduce((a, b) => Math.max(a, b));
  return counts.map((value) => value / most);
}

function smooth(path) {
  for (let round = 0; round < 10; round++)
    path = path.map((z, i) => (i === 0 || i === path.length - 1 ? z
      : z.map((value, axis) => (path[i - 1][axis] + 2 * value + path[i + 1][axis]) / 4)));
  return path;
}

/** The same way in steps of equal length. */
function evenly(path) {
  const far = [0];
  for (let i = 1; i < path.length; i++) far.push(far[i - 1] + Math.hypot(...path[i].map((v, axis) => v - path[i - 1][axis])));
  return Array.from({length: STEPS}, (_, step) => {
    const goal = step / (STEPS - 1) * far.at(-1);
    const i = Math.max(1, far.findIndex((value) => value >= goal - 1e-9)), part = (goal - far[i - 1]) / (far[i] - far[i - 1] || 1);
    return path[i - 1].map((value, axis) => value + part * (path[i][axis] - value));
  });
}

function makeWalk() {
  const map = new LatentMap($("walk-map"), "vae"), ends = {from: 0, to: 0}, paths = {};
  const codeOf = (i) => [...map.codes.subarray(2 * i, 2 * i + 2)];
  const draw = inFrames(() => {
    const step = Number($("step").value);
    map.draw((pen) => {
      map.line(pen, paths.straight, [10, 8]);
      map.line(pen, paths.along, []);
      for (const path of Object.values(paths)) map.cross(pen, path[step]);
    });
    for (const [name, path] of Object.entries(paths)) paint($(`step-${name}`), decode.vae(path[step]));
  });
  const renew = () => {
    const [from, to] = [codeOf(ends.from), codeOf(ends.to)];
    Object.assign(paths, {straight: straight(from, to), along: alongTheData(map, from, to)});
    for (const [name, path] of Object.entries(paths)) {
      for (let i = 0; i < 11; i++) paint($(`walk-${name}`), decode.vae(path[10 * i]), 28 * i);
      const near = path.map((z) => map.near(z)), mean = near.reduce((a, b) => a + b) / STEPS;
      $(`walk-${name}`).setAttribute("aria-label", `Eleven steps from a ${labels[ends.from]} to a ${labels[ends.to]}, ${name}.`);
      $(`say-${name}`).textContent = `${mean.toFixed(0)} test digits close by in the mean, ${Math.min(...near)} at its emptiest place`;
    }
    draw();
  };
  const choose = (end) => { // the next test digit of that class
    const digit = Number($(`${end}-class`).value);
    do ends[end] = (ends[end] + 1) % labels.length; while (labels[ends[end]] !== digit);
    renew();
  };
  for (const [end, digit] of [["from", 4], ["to", 0]]) {
    $(`${end}-class`).innerHTML = DIGITS.map((i) => `<option ${i === digit ? "selected" : ""}>${i}</option>`).join("");
    $(`${end}-class`).addEventListener("change", () => choose(end));
    $(`${end}-next`).addEventListener("click", () => choose(end));
    do ends[end]++; while (labels[ends[end]] !== digit);
  }
  $("step").addEventListener("input", draw);
  let playing = false;
  const play = () => {
    if (!playing) return;
    $("step").value = (Number($("step").value) + 1) % STEPS;
    draw();
    setTimeout(play, 40);
  };
  $("play").addEventListener("click", () => {
    playing = !playing;
    $("play").setAttribute("aria-pressed", playing);
    $("play").textContent = playing ? "Stop" : "Play";
    play();
  });
  renew();
}

// Draw a digit

/** A drawing as MNIST has its digits: 20 pixels at most, grey at the edges, the centre of mass in the middle of 28. */
function asDigit(paper) {
  const {width, height} = paper, ink = paper.getContext("2d").getImageData(0, 0, width, height).data;
  let [left, right, top, bottom] = [width, -1, height, -1];
  for (let i = 0; i < width * height; i++)
    if (ink[4 * i + 3] > 20) {
      const x = i % width, y = Math.floor(i / width);
      [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
    }
  if (right < 0) return null;
  const scale = 20 / Math.max(right - left + 1, bottom - top + 1, 60);
  const small = (dx, dy) => {
    const sheet = new OffscreenCanvas(28, 28), pen = sheet.getContext("2d");
    pen.imageSmoothingQuality = "high";
    const [w, h] = [(right - left + 1) * scale, (bottom - top + 1) * scale];
    pen.drawImage(paper, left, top, right - left + 1, bottom - top + 1, 14 - w / 2 + dx, 14 - h / 2 + dy, w, h);
    const {data} = pen.getImageData(0, 0, 28, 28);
    return Float32Array.from({length: 784}, (_, i) => data[4 * i + 3] / 255);
  };
  const image = small(0, 0), mass = image.reduce((a, b) => a + b);
  const centre = (of) => image.reduce((sum, value, i) => sum + value * of(i), 0) / mass;
  return small(13.5 - centre((i) => i % 28), 13.5 - centre((i) => Math.floor(i / 28)));
}

function makePaper() {
  const canvas = $("pen"), paper = new OffscreenCanvas(280, 280), ink = paper.getContext("2d");
  const map = new LatentMap($("draw-map"), "vae"), at = [140, 140];
  let down = false, byKeys = false;
  Object.assign(ink, {lineWidth: 22, lineCap: "round", lineJoin: "round", strokeStyle: "#000"});
  const draw = inFrames(() => {
    const pen = canvas.getContext("2d");
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, 280, 280);
    pen.drawImage(paper, 0, 0);
    if (byKeys) {
      pen.strokeStyle = down ? "#bd1f01" : "#0b57c2";
      pen.lineWidth = 3;
      pen.strokeRect(at[0] - 8, at[1] - 8, 16, 16);
    }
    const image = asDigit(paper);
    paint($("seen"), image ?? new Float32Array(784));
    paint($("answer"), image ? decode.vae(encode(image).mean) : new Float32Array(784));
    if (!image) {
      map.draw(() => {});
      $("q-says").textContent = "Nothing is drawn yet.";
      return;
    }
    const {mean, logVar} = encode(image), deviations = [...logVar].map((value) => Math.exp(value / 2));
    map.draw((pen) => {
      pen.strokeStyle = "#000";
      map.ellipse(pen, [...mean], deviations.map((value) => 2 * value), 4);
      map.cross(pen, mean);
    });
    $("q-says").textContent = [0, 1].map((i) => `z${"₁₂"[i]} = ${mean[i].toFixed(2)} ± ${deviations[i].toFixed(2)}`).join(", ")
      + `; nearest test digit: a ${labels[map.nearest(mean)]}`;
  });
  const stroke = (x, y, from = [x, y]) => {
    ink.beginPath();
    ink.moveTo(...from);
    ink.lineTo(x, y);
    ink.stroke();
    [at[0], at[1]] = [x, y];
    draw();
  };
  const place = (event) => {
    const box = canvas.getBoundingClientRect(), scale = 280 / box.width;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    byKeys = false;
    stroke(...place(event));
  });
  canvas.addEventListener("pointermove", (event) => canvas.hasPointerCapture(event.pointerId) && stroke(...place(event), [...at]));
  canvas.addEventListener("keydown", (event) => {
    const step = {ArrowLeft: [-8, 0], ArrowRight: [8, 0], ArrowUp: [0, -8], ArrowDown: [0, 8]}[event.key];
    if (!step && event.key !== " ") return;
    event.preventDefault();
    byKeys = true;
    if (event.key === " ") {
      down = !down;
      $("pen-says").textContent = down ? "The pen is down." : "The pen is up.";
    }
    const to = at.map((value, axis) => Math.min(268, Math.max(12, value + (step?.[axis] ?? 0))));
    if (down) stroke(...to, [...at]);
    else {
      [at[0], at[1]] = to;
      draw();
    }
  });
  $("clear").addEventListener("click", () => {
    ink.clearRect(0, 0, 280, 280);
    down = false;
    $("pen-says").textContent = "";
    draw();
  });
  draw();
}

// Digit and style

function makeStyles() {
  const move = makePad(document.querySelector("#style [data-map=style]"), "style", "conditional VAE", (z) => {
    for (const digit of DIGITS) paint($("styles"), decode.style(z, digit), 28 * (digit % 5), 28 * Math.floor(digit / 5));
    return "the circles hold 39 % and 86 % of the prior";
  });
  move([0, 0]);
}

// Tabs

const tabs = [...document.querySelectorAll("[role=tab]")];
function open(tab) {
  for (const other of tabs) {
    other.setAttribute("aria-selected", other === tab);
    other.tabIndex = other === tab ? 0 : -1;
    $(other.getAttribute("aria-controls")).hidden = other !== tab;
  }
}
tabs.forEach((tab, i) => {
  tab.addEventListener("click", () => open(tab));
  tab.addEventListener("keydown", (event) => {
    const next = {ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: tabs.length - 1}[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const other = tabs.at(next % tabs.length);
    open(other);
    other.focus();
  });
});

window.explorer = {decode, encode, frames: []}; // what tests look at: the networks, and the milliseconds of each frame
lookAround("vae", "variational autoencoder");
lookAround("plain", "plain autoencoder");
makeWalk();
makePaper();
makeStyles();
const asked = tabs.find((tab) => tab.getAttribute("aria-controls") === location.hash.slice(1));
if (asked) open(asked);
