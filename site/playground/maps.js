"use strict";

// Saliency maps: what in an X-ray moves the logit. The definitions are those of helpers.explain.
// A map is a Float32Array of 64 × 64 values. Nothing is scaled here.

// Grad-CAM: weight the last feature maps by their mean gradient.
// Behind these maps come only a mean over cells and a weighted sum. So the gradient of the logit
// at a place is the weight of its cell, divided by the places in a cell, whatever the image is.
playground.gradCam = function (network, image) {
  const features = playground.featureMaps(network, [image]);
  const values = features.dataSync();
  features.dispose();
  const kernel = network.kernel.dataSync();
  const importance = new Float32Array(CHANNELS);
  kernel.forEach((weight, k) => {
    importance[k % CHANNELS] += weight / (LAST_MAPS * LAST_MAPS);
  });
  const map = new Float32Array(LAST_MAPS * LAST_MAPS);
  values.forEach((value, k) => {
    map[Math.floor(k / CHANNELS)] += importance[k % CHANNELS] * value;
  });
  const positive = map.map((value) => Math.max(value, 0));
  return playground.enlarge(positive, LAST_MAPS, playground.SIZE);
};

// Where the squares of an occlusion map lie, cut off at the edges of the X-ray.
playground.squares = function () {
  const size = playground.SIZE;
  const side = Math.round(0.2 * size);
  const move = Math.round(0.1 * size);
  const starts = [];
  for (let start = move - side; start < size; start += move) {
    const first = Math.max(start, 0);
    starts.push([first, Math.min(start + side, size) - first]);
  }
  const rows = starts.map(([top, height]) =>
    starts.map(([left, width]) => ({ left, top, width, height })),
  );
  return rows;
};

// Occlusion: cover one square at a time with grey; how far does the logit fall?
// After each row of squares the page may do something else, and `goOn` may end the work early:
// then the result is null.
playground.occlusion = async function (network, image, goOn) {
  const size = playground.SIZE;
  const [logit] = playground.logits(network, [image]);
  const sums = new Float32Array(size * size);
  const counts = new Float32Array(size * size);
  for (const row of playground.squares()) {
    const covered = row.map((square) => playground.coverPart(image, square));
    playground.logits(network, covered).forEach((value, k) => {
      const { left, top, width, height } = row[k];
      for (let y = top; y < top + height; y += 1) {
        for (let x = left; x < left + width; x += 1) {
          sums[y * size + x] += logit - value;
          counts[y * size + x] += 1;
        }
      }
    });
    await new Promise((resolve) => setTimeout(resolve));
    if (!goOn()) {
      return null;
    }
  }
  return sums.map((value, k) => value / counts[k]);
};

// The value that gets the brightest colour: for both networks and all X-rays the same, so that
// maps can be compared. Larger values get that colour, too.
playground.SCALES = { "Grad-CAM": 0.12, Occlusion: 6 };

// The colours of the lesson's figures, "inferno", from 0 to 1 in eight steps.
playground.COLOURS = [
  [0, 0, 4],
  [33, 12, 74],
  [87, 16, 110],
  [138, 34, 106],
  [188, 55, 84],
  [228, 90, 49],
  [249, 142, 9],
  [249, 203, 53],
  [252, 255, 164],
];

// Return red, green and blue for a value; below 0 and above 1 the colour stays the same.
playground.colour = function (value) {
  const last = playground.COLOURS.length - 1;
  const place = Math.min(Math.max(value, 0), 1) * last;
  const before = Math.min(Math.floor(place), last - 1);
  const along = place - before;
  return playground.COLOURS[before].map((part, k) =>
    Math.round(part * (1 - along) + playground.COLOURS[before + 1][k] * along),
  );
};
