"use strict";

// The networks, with TensorFlow.js. They have the layers of build_lesson_model in helpers.models.

const LAST_MAPS = 16; // width and height of the last feature maps
const CHANNELS = 64; // how many there are
const POOL = 4; // cells of 4 × 4 are averaged before the last layer
const EPSILON = 0.001; // of the batch normalisation

// Start TensorFlow.js: with WebAssembly where the browser has it, else a tenth as fast.
playground.startTensorFlow = async function () {
  tf.enableProdMode();
  const settings = tf.env();
  settings.set("WASM_HAS_MULTITHREAD_SUPPORT", false); // threads would need a server
  let started = false;
  if (playground.wasm && (await settings.getAsync("WASM_HAS_SIMD_SUPPORT"))) {
    const address = `data:application/wasm;base64,${playground.wasm}`;
    const names = ["", "-simd", "-threaded-simd"].map((kind) => `tfjs-backend-wasm${kind}.wasm`);
    tf.wasm.setWasmPaths(Object.fromEntries(names.map((name) => [name, address])), true);
    const tooLong = new Promise((resolve) => setTimeout(resolve, 10000, false));
    const ready = tf.setBackend("wasm").catch(() => false);
    started = await Promise.race([ready, tooLong]);
  }
  if (!started && !(await tf.setBackend("cpu"))) {
    throw new Error("no backend");
  }
};

// Make a network from its weights: four times the kernel of a convolution and the scale, offset,
// mean and variance of its batch normalisation; then the kernel and bias of the last layer.
playground.loadNetwork = function (stored) {
  const weights = stored.map(({ shape, values }) => tf.tensor(playground.toFloats(values), shape));
  const blocks = [0, 5, 10, 15].map((k) => weights.slice(k, k + 5));
  return { blocks, kernel: weights[20], bias: weights[21] };
};

// The last feature maps of some images: a tensor (n, 16, 16, 64).
playground.featureMaps = function (network, images) {
  return tf.tidy(() => {
    const size = playground.SIZE;
    const pixels = new Float32Array(images.length * size * size);
    images.forEach((image, k) => pixels.set(image, k * size * size));
    let maps = tf.tensor(pixels, [images.length, size, size, 1]);
    network.blocks.forEach(([kernel, scale, offset, mean, variance], k) => {
      maps = tf.conv2d(maps, kernel, 1, "same");
      maps = tf.relu(tf.batchNorm(maps, mean, variance, offset, scale, EPSILON));
      maps = k < 2 ? tf.maxPool(maps, 2, 2, "valid") : maps;
    });
    return maps;
  });
};

// The logit (log-odds of effusion) of each image.
playground.logits = function (network, images) {
  const result = tf.tidy(() => {
    const maps = playground.featureMaps(network, images);
    const values = tf.reshape(tf.avgPool(maps, POOL, POOL, "valid"), [images.length, -1]);
    return tf.add(tf.matMul(values, network.kernel), network.bias);
  });
  const logits = Array.from(result.dataSync());
  result.dispose();
  return logits;
};

// The probability of effusion of one image.
playground.predict = function (network, image) {
  const [logit] = playground.logits(network, [image]);
  return 1 / (1 + Math.exp(-logit));
};
