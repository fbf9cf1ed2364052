"use strict";

// Draw X-rays: with marker, cover, saliency map and ground-truth mask.

// Load a picture that stands in a script.
playground.loadPicture = function (kind, text) {
  return new Promise((resolve, reject) => {
    const picture = new Image();
    picture.onload = () => resolve(picture);
    picture.onerror = reject;
    picture.src = `data:image/${kind};base64,${text}`;
  });
};

// Make a small canvas of grey levels or colours: `colourOf` gives red, green and blue of a pixel.
playground.toCanvas = function (values, colourOf) {
  const size = playground.SIZE;
  const canvas = document.createElement("canvas");
  canvas.width = size;
  canvas.height = size;
  const pixels = new ImageData(size, size);
  values.forEach((value, k) => pixels.data.set([...colourOf(value), 255], 4 * k));
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  return canvas;
};

// Draw a scene on a canvas. All parts may be left out:
//   picture: the X-ray; image: what the networks see, drawn in its place
//   marker: picture of the marker, with how far it is moved, as fractions of the width
//   cover: a rectangle in pixels of the networks; grey: its grey level
//   map, top, opacity: a saliency map, the value of its brightest colour, and how opaque it is
//   mask: the line around the fluid
playground.draw = function (canvas, scene) {
  const width = canvas.width;
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = !scene.image;
  context.imageSmoothingQuality = "high";
  context.clearRect(0, 0, width, width);
  if (scene.image) {
    const least = scene.image.reduce((one, other) => Math.min(one, other));
    const most = scene.image.reduce((one, other) => Math.max(one, other));
    const grey = (value) => Array(3).fill((255 * (value - least)) / (most - least));
    context.drawImage(playground.toCanvas(scene.image, grey), 0, 0, width, width);
  } else if (scene.picture) {
    context.drawImage(scene.picture, 0, 0, width, width);
    if (scene.marker) {
      const [x, y] = scene.moved || [0, 0];
      context.drawImage(scene.marker, x * width, y * width, width, width);
    }
    if (scene.cover) {
      const { left, top, width: across, height } = scene.cover;
      const scale = width / playground.SIZE;
      context.fillStyle = `rgb(${scene.grey} ${scene.grey} ${scene.grey})`;
      context.fillRect(left * scale, top * scale, across * scale, height * scale);
    }
  }
  context.imageSmoothingEnabled = true;
  if (scene.map) {
    const colours = playground.toCanvas(scene.map, (value) =>
      playground.colour(value / scene.top),
    );
    context.globalAlpha = scene.opacity;
    context.drawImage(colours, 0, 0, width, width);
    context.globalAlpha = 1;
  }
  if (scene.mask) {
    playground.drawMask(context, scene.mask, width / 256);
  }
};

// Draw a dashed white line on a black one, so that it is seen on any background.
playground.drawMask = function (context, mask, scale) {
  context.save();
  context.scale(scale, scale);
  const line = new Path2D(mask);
  context.lineJoin = "round";
  context.lineWidth = 2.6;
  context.strokeStyle = "black";
  context.stroke(line);
  context.lineWidth = 1.5;
  context.setLineDash([5, 3]);
  context.strokeStyle = "white";
  context.stroke(line);
  context.restore();
};
