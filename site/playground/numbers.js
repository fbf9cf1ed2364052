"use strict";

// Numbers and pixels. Nothing here knows of the page or of TensorFlow.js.
// An image is a Float32Array of 64 × 64 pixels, row by row, as in the lesson's Python code.
// Everything that the playground's scripts share is kept in one object.

const playground = {};

playground.SIZE = 64;

// Turn text that `tools/playground.py` has written back into bytes.
playground.toBytes = function (text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
};

playground.toFloats = function (text) {
  return new Float32Array(playground.toBytes(text).buffer);
};

// Shift and scale an image to mean 0 and standard deviation 1, as helpers.images does.
playground.standardise = function (pixels) {
  let sum = 0;
  for (const value of pixels) {
    sum += value;
  }
  const mean = sum / pixels.length;
  let squares = 0;
  for (const value of pixels) {
    squares += (value - mean) ** 2;
  }
  const deviation = Math.sqrt(squares / pixels.length);
  return Float32Array.from(pixels, (value) => (value - mean) / deviation);
};

// Paste a marker, as white as the brightest pixel, as simulator.shortcut does.
// The opacity is 0 where the X-ray shows, and 255 where the marker covers it.
playground.pasteMarker = function (image, opacity) {
  const white = image.reduce((most, value) => Math.max(most, value));
  return image.map((value, k) => {
    const covered = opacity[k] / 255;
    return value * (1 - covered) + white * covered;
  });
};

// Cover a rectangle with 0, the mean of every standardised X-ray.
playground.coverPart = function (image, cover) {
  const result = image.slice();
  for (let y = cover.top; y < cover.top + cover.height; y += 1) {
    const row = y * playground.SIZE;
    result.fill(0, row + cover.left, row + cover.left + cover.width);
  }
  return result;
};

// Enlarge a square map by bilinear interpolation, each cell staying in its place.
playground.enlarge = function (map, from, to) {
  const result = new Float32Array(to * to);
  const places = [];
  for (let k = 0; k < to; k += 1) {
    const place = Math.min(Math.max(((k + 0.5) * from) / to - 0.5, 0), from - 1);
    const first = Math.floor(place);
    places.push([first, Math.min(first + 1, from - 1), place - first]);
  }
  places.forEach(([top, bottom, down], y) => {
    places.forEach(([left, right, along], x) => {
      const above = map[top * from + left] * (1 - along) + map[top * from + right] * along;
      const below = map[bottom * from + left] * (1 - along) + map[bottom * from + right] * along;
      result[y * to + x] = above * (1 - down) + below * down;
    });
  });
  return result;
};

// The 95 % interval of a proportion (Wilson, 1927), as in helpers.metrics.
playground.wilsonInterval = function (right, total) {
  if (total === 0) {
    return [0, 1]; // nothing counted: nothing known
  }
  const z = 1.959963984540054;
  const p = right / total;
  const middle = (p + (z * z) / (2 * total)) / (1 + (z * z) / total);
  const spread = Math.sqrt((p * (1 - p)) / total + (z * z) / (4 * total * total));
  const half = (z * spread) / (1 + (z * z) / total);
  return [Math.max(middle - half, 0), Math.min(middle + half, 1)];
};

// Count how many effusions and how many normal X-rays are predicted correctly.
playground.countCorrect = function (labels, predicted) {
  const counts = { effusions: 0, found: 0, normal: 0, cleared: 0 };
  labels.forEach((label, k) => {
    if (label === 1) {
      counts.effusions += 1;
      counts.found += predicted[k] === 1 ? 1 : 0;
    } else {
      counts.normal += 1;
      counts.cleared += predicted[k] === 0 ? 1 : 0;
    }
  });
  return counts;
};
