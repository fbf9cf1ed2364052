"use strict";

// The bench: one X-ray, a side marker in one of its corners, and perhaps a cover.

playground.NAMES = { lesson: "The lesson's network", shortcut: "The network with a shortcut" };
playground.CLASSES = ["normal", "effusion"];
const START = { xray: 0, corner: "lower right", cover: null };
const FIRST_COVER = { left: 24, top: 24, width: 16, height: 16 };
const SMALLEST = 4; // pixels of a side of the cover

// What lies on the bench now, and what the networks predicted for it.
playground.bench = { ...START, moved: [0, 0], probability: null };
// Functions that are called after each change, such as those that draw maps.
playground.afterChange = [];

playground.byId = function (name) {
  return document.getElementById(`pg-${name}`);
};

// Say something to readers who use a screen reader, once nothing has changed for a while.
playground.say = function (text) {
  clearTimeout(playground.saying);
  playground.saying = setTimeout(() => {
    playground.byId("live").textContent = text;
  }, 700);
};

playground.asText = function (probability) {
  return probability.toFixed(2);
};

playground.classOf = function (probability) {
  return playground.CLASSES[probability >= 0.5 ? 1 : 0];
};

// Put together what the networks see.
playground.compose = function (xray, corner, cover) {
  let image = playground.standardise(xray.bytes);
  if (corner) {
    image = playground.pasteMarker(image, playground.markers[corner].bytes);
  }
  return cover ? playground.coverPart(image, cover) : image;
};

playground.image = function () {
  const { xray, corner, cover } = playground.bench;
  return playground.compose(playground.xrays[xray], corner, cover);
};

// Put together what a reader sees.
playground.scene = function () {
  const { xray, corner, cover, moved } = playground.bench;
  const shown = playground.xrays[xray];
  return {
    picture: shown.loaded,
    image: playground.byId("pixels").checked ? playground.image() : null,
    marker: corner ? playground.markers[corner].loaded : null,
    moved,
    cover,
    grey: Math.round(shown.bytes.reduce((sum, value) => sum + value) / shown.bytes.length),
    mask: playground.byId("mask").checked ? shown.mask : "",
  };
};

// Change what lies on the bench, and predict anew.
playground.change = function (part) {
  const before = { ...playground.bench };
  Object.assign(playground.bench, { moved: [0, 0] }, part);
  const image = playground.image();
  const probability = {};
  for (const [name, network] of Object.entries(playground.networks)) {
    probability[name] = playground.predict(network, image);
  }
  playground.bench.probability = probability;
  playground.showBench();
  const meaning = playground.meaning(before, playground.bench);
  playground.byId("meaning").textContent = meaning;
  if (before.probability) {
    const numbers = Object.entries(probability).map(
      ([name, value]) => `${playground.NAMES[name]}: ${playground.asText(value)}`,
    );
    const moved = before.corner !== playground.bench.corner;
    playground.say(moved ? meaning : `Probability of effusion. ${numbers.join(". ")}.`);
  }
  playground.afterChange.forEach((each) => each());
};

// Say in words what a change has done to the predictions.
playground.meaning = function (before, after) {
  if (!before.probability || before.xray !== after.xray) {
    return "Move the marker to another corner, or put a cover on the X-ray. Compare the two predictions.";
  }
  const results = Object.keys(playground.NAMES).map((name) => {
    const [old, now] = [before.probability[name], after.probability[name]];
    const same = playground.classOf(old) === playground.classOf(now);
    const change = `${playground.asText(old)} before, ${playground.asText(now)} now`;
    return { name, same, text: `${playground.NAMES[name]}: ${change}.` };
  });
  const numbers = results.map((each) => each.text).join(" ");
  if (before.corner !== after.corner) {
    const place = after.corner ? `now in the ${after.corner} corner` : "taken away";
    const flipped = results.filter((each) => !each.same).map((each) => each.name);
    let verdict = "No predicted class changes here. Try another corner.";
    if (flipped.length === 2) {
      verdict = "Both predicted classes change, and only the marker is different.";
    } else if (flipped.length === 1) {
      const [one] = flipped;
      const other = one === "lesson" ? "shortcut" : "lesson";
      verdict =
        "Only the marker is different, so the marker is the cause. " +
        `${playground.NAMES[one]} takes it as a sign of the class. ` +
        `${playground.NAMES[other]} keeps its predicted class.`;
    }
    return `The marker is ${place}. ${numbers} ${verdict}`;
  }
  if (after.cover) {
    return (
      "What lies under the cover, the networks do not see. " +
      "If a probability falls, that part spoke for an effusion."
    );
  }
  return numbers;
};

// Show the bench: the X-ray, the handles on it, the predictions.
playground.showBench = function () {
  const { xray, corner, cover, probability } = playground.bench;
  const shown = playground.xrays[xray];
  const canvas = playground.byId("xray");
  playground.draw(canvas, playground.scene());
  const marked = corner ? `a marker in the ${corner} corner` : "no marker";
  const covered = cover ? "a part of it is covered" : "nothing is covered";
  canvas.setAttribute("aria-label", `Simulated X-ray: ${shown.title}; ${marked}; ${covered}.`);
  playground.byId("label").textContent = playground.CLASSES[shown.label];
  for (const [name, value] of Object.entries(probability)) {
    const panel = playground.byId(name);
    panel.querySelector(".pg-number").textContent = playground.asText(value);
    panel.querySelector(".pg-bar span").style.width = `${100 * value}%`;
    panel.querySelector(".pg-class").textContent = playground.classOf(value);
    panel.dataset.class = playground.classOf(value);
  }
  playground.placeHandles();
};

// Put the handles where the marker and the cover are.
playground.placeHandles = function () {
  const { corner, cover, moved } = playground.bench;
  const percent = (value) => `${(100 * value) / playground.SIZE}%`;
  const marker = playground.byId("marker");
  marker.hidden = !corner;
  if (corner) {
    const [x, y] = playground.markers[corner].middle;
    marker.style.left = percent(x + moved[0] * playground.SIZE);
    marker.style.top = percent(y + moved[1] * playground.SIZE);
    marker.setAttribute("aria-label", `Side marker, ${corner}`);
  }
  for (const button of document.querySelectorAll("[name=pg-corner]")) {
    button.checked = button.value === (corner || "");
  }
  const box = playground.byId("cover");
  box.hidden = !cover;
  playground.byId("cover-buttons").hidden = !cover;
  playground.byId("toggle-cover").textContent = cover
    ? "Take the cover off"
    : "Put a cover on the X-ray";
  if (cover) {
    for (const side of ["left", "top", "width", "height"]) {
      box.style[side] = percent(cover[side]);
    }
    const place = `${cover.left} from the left, ${cover.top} from the top`;
    box.setAttribute("aria-label", `Cover, ${cover.width} × ${cover.height} pixels, ${place}`);
  }
};

// Move the cover and change its size, within the X-ray.
playground.moveCover = function (cover, [x, y, wider, taller]) {
  const size = playground.SIZE;
  const within = (value, low, high) => Math.min(Math.max(value, low), high);
  const left = within(cover.left + x, 0, size - cover.width);
  const top = within(cover.top + y, 0, size - cover.height);
  const width = within(cover.width + wider, SMALLEST, size - left);
  const height = within(cover.height + taller, SMALLEST, size - top);
  return { left, top, width, height };
};

// The corner that lies in the direction of an arrow key, such as "upper" or "left".
playground.cornerTowards = function (corner, direction) {
  const [row, column] = corner.split(" ");
  const vertical = direction === "upper" || direction === "lower";
  return vertical ? `${direction} ${column}` : `${row} ${direction}`;
};

// Call `move` with how far a pointer is dragged, as fractions of the X-ray, and `end` at the end.
playground.onDrag = function (element, begin, move, end) {
  element.addEventListener("pointerdown", (down) => {
    const width = playground.byId("stage").clientWidth;
    const from = begin();
    down.stopPropagation();
    element.setPointerCapture(down.pointerId);
    let last = null;
    const drag = (event) => {
      last = [(event.clientX - down.clientX) / width, (event.clientY - down.clientY) / width];
      cancelAnimationFrame(playground.frame);
      playground.frame = requestAnimationFrame(() => move(from, last));
    };
    const stop = () => {
      element.removeEventListener("pointermove", drag);
      element.removeEventListener("pointerup", stop);
      element.removeEventListener("pointercancel", stop);
      cancelAnimationFrame(playground.frame);
      if (last) {
        move(from, last);
        end(from, last);
      }
    };
    element.addEventListener("pointermove", drag);
    element.addEventListener("pointerup", stop);
    element.addEventListener("pointercancel", stop);
  });
};

// The marker follows the pointer, and goes to the nearest corner when it is let go.
playground.connectMarker = function () {
  const marker = playground.byId("marker");
  const follow = (from, moved) => {
    playground.bench.moved = moved;
    playground.showBench();
  };
  const letGo = (from, moved) => {
    const [x, y] = playground.markers[from].middle.map((place, k) => place / playground.SIZE + moved[k]);
    playground.change({ corner: `${y < 0.5 ? "upper" : "lower"} ${x < 0.5 ? "left" : "right"}` });
  };
  playground.onDrag(marker, () => playground.bench.corner, follow, letGo);
  marker.addEventListener("keydown", (event) => {
    const keys = { ArrowUp: "upper", ArrowDown: "lower", ArrowLeft: "left", ArrowRight: "right" };
    if (event.key in keys) {
      event.preventDefault();
      const corner = playground.cornerTowards(playground.bench.corner, keys[event.key]);
      playground.change({ corner });
    }
  });
  playground.byId("corners").addEventListener("change", (event) => {
    playground.change({ corner: event.target.value || null });
  });
};

playground.connectCover = function () {
  const cover = playground.byId("cover");
  const by = (steps) =>
    playground.change({ cover: playground.moveCover(playground.bench.cover, steps) });
  const pixels = (dragged) => dragged.map((part) => Math.round(part * playground.SIZE));
  const begin = () => playground.bench.cover;
  const drag = (from, dragged) => {
    playground.change({ cover: playground.moveCover(from, [...pixels(dragged), 0, 0]) });
  };
  const size = (from, dragged) => {
    playground.change({ cover: playground.moveCover(from, [0, 0, ...pixels(dragged)]) });
  };
  const end = () => {};
  playground.onDrag(cover, begin, drag, end);
  playground.onDrag(playground.byId("grip"), begin, size, end);
  cover.addEventListener("keydown", (event) => {
    const keys = { ArrowUp: [0, -2], ArrowDown: [0, 2], ArrowLeft: [-2, 0], ArrowRight: [2, 0] };
    if (event.key in keys) {
      event.preventDefault();
      by(event.shiftKey ? [0, 0, ...keys[event.key]] : [...keys[event.key], 0, 0]);
    }
  });
  playground.byId("cover-buttons").addEventListener("click", (event) => {
    if (event.target.dataset.move) {
      by(event.target.dataset.move.split(" ").map(Number));
    }
  });
  playground.byId("toggle-cover").addEventListener("click", () => {
    playground.change({ cover: playground.bench.cover ? null : FIRST_COVER });
    if (playground.bench.cover) {
      cover.focus({ preventScroll: true });
    }
  });
};

// List the X-rays, each with a small picture.
playground.listXrays = function () {
  const list = playground.byId("xrays");
  playground.xrays.forEach((xray, k) => {
    const label = document.createElement("label");
    const button = document.createElement("input");
    button.type = "radio";
    button.name = "pg-choice";
    button.value = k;
    button.checked = k === START.xray;
    const picture = xray.loaded.cloneNode();
    picture.alt = "";
    const title = document.createElement("span");
    title.textContent = xray.title;
    label.append(button, picture, title);
    list.append(label);
  });
  list.addEventListener("change", (event) => {
    playground.change({ xray: Number(event.target.value) });
  });
};

playground.startBench = function () {
  playground.listXrays();
  playground.connectMarker();
  playground.connectCover();
  playground.byId("mask").addEventListener("change", playground.showBench);
  playground.byId("pixels").addEventListener("change", playground.showBench);
  playground.byId("reset").addEventListener("click", () => {
    document.querySelector(`[name=pg-choice][value="${START.xray}"]`).checked = true;
    playground.byId("mask").checked = false;
    playground.byId("pixels").checked = false;
    playground.change({ ...START });
  });
  playground.change({});
};
