"use strict";

// Start the playground. Whatever goes wrong, the page says it in one sentence.

playground.giveUp = function (sentence) {
  const problem = playground.byId("problem");
  problem.textContent = sentence;
  problem.hidden = false;
  playground.byId("waiting")?.remove();
};

// Make pictures and bytes of what the scripts hold as text.
playground.unpack = async function () {
  for (const xray of [...playground.xrays, ...playground.game]) {
    xray.bytes = playground.toBytes(xray.pixels);
    xray.loaded = await playground.loadPicture("jpeg", xray.picture);
  }
  for (const marker of Object.values(playground.markers)) {
    marker.bytes = playground.toBytes(marker.opacity);
    marker.loaded = await playground.loadPicture("png", marker.picture);
    marker.middle = playground.middleOf(marker.bytes);
  }
};

// The middle of a marker, in pixels from the left and from the top.
playground.middleOf = function (bytes) {
  const sums = [0, 0, 0];
  bytes.forEach((value, k) => {
    sums[0] += value * ((k % playground.SIZE) + 0.5);
    sums[1] += value * (Math.floor(k / playground.SIZE) + 0.5);
    sums[2] += value;
  });
  return [sums[0] / sums[2], sums[1] / sums[2]];
};

playground.begin = async function () {
  if (typeof tf === "undefined") {
    playground.giveUp(
      "The playground was built without TensorFlow.js: run npm ci and then make site in the lesson's folder.",
    );
    return;
  }
  try {
    await playground.startTensorFlow();
  } catch {
    playground.giveUp(
      "TensorFlow.js does not start in this browser: use a current Firefox, Chrome, Edge or Safari.",
    );
    return;
  }
  playground.networks = {};
  for (const [name, stored] of Object.entries(playground.stored)) {
    playground.networks[name] = playground.loadNetwork(stored);
  }
  await playground.unpack();
  for (const part of document.querySelectorAll(".pg")) {
    part.hidden = false;
  }
  playground.startMaps();
  playground.startBench();
  playground.startGame();
  playground.byId("waiting").remove();
  document.documentElement.dataset.playground = "ready"; // for the tests
};

playground.stumble = function () {
  playground.giveUp("Something went wrong in the playground: load this page again.");
};
window.addEventListener("error", playground.stumble);
window.addEventListener("unhandledrejection", playground.stumble);
// A missing script has been named already.
if (playground.byId && playground.byId("problem").hidden) {
  playground.begin();
}
