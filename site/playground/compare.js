"use strict";

// Maps of both networks beside each other, on one scale.

playground.maps = null; // the maps that are shown, by the name of the network
playground.asked = 0; // counts the questions, so that an old one can be given up

playground.method = function () {
  return document.querySelector("[name=pg-method]:checked").value;
};

playground.tell = function (text) {
  playground.byId("maps-status").textContent = text;
};

// Compute the maps of both networks for what lies on the bench.
playground.computeMaps = async function () {
  const method = playground.method();
  playground.asked += 1;
  const mine = playground.asked;
  const goOn = () => playground.asked === mine;
  playground.maps = null;
  playground.byId("maps").hidden = !method;
  playground.tell(method ? `${method}: computing the maps …` : "");
  if (!method) {
    return;
  }
  playground.showMaps();
  await new Promise((resolve) => setTimeout(resolve, method === "Occlusion" ? 400 : 50));
  const image = playground.image();
  const maps = {};
  for (const [name, network] of Object.entries(playground.networks)) {
    if (goOn()) {
      maps[name] =
        method === "Grad-CAM"
          ? playground.gradCam(network, image)
          : await playground.occlusion(network, image, goOn);
    }
  }
  if (goOn()) {
    playground.maps = maps;
    playground.showMaps();
    playground.tell(`${method}: the maps of both networks are ready.`);
  }
};

// Draw the maps that there are; without maps, the X-ray alone.
playground.showMaps = function () {
  const method = playground.method();
  if (!method) {
    return;
  }
  const top = playground.SCALES[method];
  const opacity = Number(playground.byId("opacity").value) / 100;
  const title = playground.xrays[playground.bench.xray].title;
  for (const name of Object.keys(playground.networks)) {
    const map = playground.maps ? playground.maps[name] : null;
    const canvas = playground.byId(`map-${name}`);
    playground.draw(canvas, { ...playground.scene(), image: null, map, top, opacity });
    const largest = map ? map.reduce((one, other) => Math.max(one, other)) : 0;
    const text = map ? `Largest value: ${largest.toFixed(2)}.` : "";
    playground.byId(`largest-${name}`).textContent = text;
    const about = map ? `${playground.whereLargest(map)} ${text}` : "No map yet.";
    canvas.setAttribute(
      "aria-label",
      `${method} of ${playground.NAMES[name].toLowerCase()} over the X-ray: ${title}. ${about}`,
    );
  }
  playground.byId("top").textContent = `${top} or more`;
  playground.byId("scale-text").textContent =
    `Both maps have one scale, from 0 to ${top}, and so have the maps of all X-rays here. ` +
    "What speaks against effusion, below 0, is drawn as 0.";
};

// Say in words where a map is largest.
playground.whereLargest = function (map) {
  const size = playground.SIZE;
  const place = map.indexOf(map.reduce((one, other) => Math.max(one, other)));
  const third = (value) => Math.min(Math.floor((3 * value) / size), 2);
  const row = ["upper", "middle", "lower"][third(Math.floor(place / size))];
  const column = ["left", "middle", "right"][third(place % size)];
  return `It is largest in the ${row} ${column} part of the picture.`;
};

playground.startMaps = function () {
  const stops = playground.COLOURS.map((colour) => `rgb(${colour.join(" ")})`);
  playground.byId("colours").style.background = `linear-gradient(to right, ${stops.join(", ")})`;
  for (const button of document.querySelectorAll("[name=pg-method]")) {
    button.addEventListener("change", playground.computeMaps);
  }
  playground.afterChange.push(() => {
    if (playground.method()) {
      playground.computeMaps();
    }
  });
  playground.byId("opacity").addEventListener("input", (event) => {
    playground.byId("opacity-value").textContent = `${event.target.value} %`;
    playground.showMaps();
  });
  // The two switches for the mask are one.
  const [here, there] = [playground.byId("mask-again"), playground.byId("mask")];
  here.addEventListener("change", () => {
    there.checked = here.checked;
    playground.showBench();
    playground.showMaps();
  });
  there.addEventListener("change", () => {
    here.checked = there.checked;
    playground.showMaps();
  });
};
