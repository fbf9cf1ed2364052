"use strict";

// You against the network: ten X-rays, and what they tell about sensitivity and specificity.

playground.answers = [];

playground.startGame = function () {
  playground.byId("start").addEventListener("click", () => {
    playground.answers = [];
    playground.byId("result").hidden = true;
    playground.byId("round").hidden = false;
    playground.byId("start").textContent = "Start again";
    playground.ask();
    playground.byId("turn").focus({ preventScroll: true });
  });
  for (const button of document.querySelectorAll("[data-answer]")) {
    button.addEventListener("click", () => {
      playground.answers.push(Number(button.dataset.answer));
      if (playground.answers.length < playground.game.length) {
        playground.ask();
      } else {
        playground.showResult();
      }
    });
  }
};

// Show the next X-ray.
playground.ask = function () {
  const place = playground.answers.length;
  const turn = `X-ray ${place + 1} of ${playground.game.length}. Is there an effusion?`;
  playground.byId("turn").textContent = turn;
  const canvas = playground.byId("question");
  canvas.setAttribute("aria-label", `A simulated chest X-ray, ${place + 1} of ten.`);
  playground.draw(canvas, { picture: playground.game[place].loaded });
};

// Sensitivity and specificity of some predictions, each with its interval.
playground.rates = function (labels, predicted) {
  const { effusions, found, normal, cleared } = playground.countCorrect(labels, predicted);
  return {
    sensitivity: [found / effusions, ...playground.wilsonInterval(found, effusions)],
    specificity: [cleared / normal, ...playground.wilsonInterval(cleared, normal)],
  };
};

playground.showResult = function () {
  const labels = playground.game.map((xray) => xray.label);
  const probability = playground.game.map((xray) =>
    playground.predict(playground.networks.lesson, playground.standardise(xray.bytes)),
  );
  const predicted = probability.map((value) => (value >= 0.5 ? 1 : 0));
  const yours = playground.rates(labels, playground.answers);
  const its = playground.rates(labels, predicted);
  playground.byId("round").hidden = true;
  playground.byId("result").hidden = false;
  const correct = playground.answers.filter((answer, k) => answer === labels[k]).length;
  const itsCorrect = predicted.filter((answer, k) => answer === labels[k]).length;
  playground.byId("verdict").textContent =
    `You were right about ${correct} of ${labels.length} X-rays, and the lesson's network about ` +
    `${itsCorrect}. The curve is the network's ROC curve on ${playground.roc.count} other X-rays.`;
  playground.byId("roc").replaceChildren(playground.drawRoc(yours, its));
  playground.fillRates({ You: yours, "The lesson's network, at 0.5": its });
  playground.fillEach(labels, probability);
  playground.byId("result-heading").focus();
};

playground.rateText = function ([value, low, high]) {
  return `${value.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`;
};

// Fill a row of a table; its first cell is a heading.
playground.addRow = function (table, texts) {
  const row = table.insertRow();
  texts.forEach((text, k) => {
    const cell = document.createElement(k ? "td" : "th");
    cell.textContent = text;
    if (!k) {
      cell.scope = "row";
    }
    row.append(cell);
  });
};

playground.fillRates = function (results) {
  const table = playground.byId("rates");
  table.replaceChildren();
  for (const [who, { sensitivity, specificity }] of Object.entries(results)) {
    const texts = [sensitivity, specificity].map(playground.rateText);
    playground.addRow(table, [who, ...texts]);
  }
};

playground.fillEach = function (labels, probability) {
  const table = playground.byId("each");
  table.replaceChildren();
  labels.forEach((label, k) => {
    const sign = (right) => (right ? "✓" : "✗ wrong");
    const [you, network] = [playground.answers[k], probability[k] >= 0.5 ? 1 : 0];
    playground.addRow(table, [
      String(k + 1),
      playground.CLASSES[label],
      `${playground.CLASSES[you]} ${sign(you === label)}`,
      `${playground.asText(probability[k])}, ${playground.CLASSES[network]} ${sign(network === label)}`,
    ]);
  });
};

// Draw the ROC curve with both points and their intervals.
playground.drawRoc = function (yours, its) {
  const space = "http://www.w3.org/2000/svg"; // a name: nothing is asked there
  const make = (tag, attributes, text) => {
    const element = document.createElementNS(space, tag);
    for (const [name, value] of Object.entries(attributes)) {
      element.setAttribute(name, value);
    }
    element.textContent = text || "";
    return element;
  };
  const side = 300;
  const x = (value) => 56 + side * value;
  const y = (value) => 16 + side * (1 - value);
  const about =
    `ROC curve of the lesson's network, with two points. You: sensitivity ${playground.rateText(yours.sensitivity)}, ` +
    `specificity ${playground.rateText(yours.specificity)}. The network on the same ten X-rays: ` +
    `sensitivity ${playground.rateText(its.sensitivity)}, specificity ${playground.rateText(its.specificity)}.`;
  const drawing = make("svg", { viewBox: "0 0 380 376", role: "img", "aria-label": about });
  for (const tick of [0, 0.2, 0.4, 0.6, 0.8, 1]) {
    const name = String(tick);
    drawing.append(
      make("line", { class: "pg-grid", x1: x(tick), x2: x(tick), y1: y(0), y2: y(1) }),
      make("line", { class: "pg-grid", x1: x(0), x2: x(1), y1: y(tick), y2: y(tick) }),
      make("text", { x: x(tick), y: y(0) + 18, "text-anchor": "middle" }, name),
      make("text", { x: x(0) - 14, y: y(tick) + 5, "text-anchor": "end" }, name),
    );
  }
  const corners = playground.roc.points.map(([across, up]) => `${x(across)},${y(up)}`);
  drawing.append(
    make("line", { class: "pg-chance", x1: x(0), y1: y(0), x2: x(1), y2: y(1) }),
    make("polyline", { class: "pg-curve", points: corners.join(" ") }),
    make("text", { x: x(0.5), y: y(0) + 42, "text-anchor": "middle" }, "1 − specificity"),
    make(
      "text",
      { transform: `translate(14 ${y(0.5)}) rotate(-90)`, "text-anchor": "middle" },
      "sensitivity",
    ),
    make("text", { transform: `translate(${x(0.13)} ${y(0.06)}) rotate(-45)` }, "chance"),
  );
  const cross = (kind, { sensitivity, specificity }, shape) => {
    const [across, up] = [1 - specificity[0], sensitivity[0]];
    drawing.append(
      make("line", { class: kind, x1: x(across), x2: x(across), y1: y(sensitivity[1]), y2: y(sensitivity[2]) }),
      make("line", { class: kind, x1: x(1 - specificity[1]), x2: x(1 - specificity[2]), y1: y(up), y2: y(up) }),
      shape(x(across), y(up)),
    );
  };
  cross("pg-its", its, (cx, cy) => make("circle", { class: "pg-its", cx, cy, r: 8 }));
  cross("pg-yours", yours, (cx, cy) =>
    make("rect", { class: "pg-yours", x: cx - 5, y: cy - 5, width: 10, height: 10 }),
  );
  // What the signs mean, in the empty part below the curve
  const explain = (height, sign, text) => {
    drawing.append(sign, make("text", { x: x(0.5) + 26, y: height + 5 }, text));
  };
  const [first, second, third] = [0.25, 0.16, 0.07].map(y);
  const middle = x(0.5) + 8;
  const square = { x: middle - 5, y: first - 5, width: 10, height: 10 };
  explain(first, make("rect", { class: "pg-yours", ...square }), "you");
  explain(second, make("circle", { class: "pg-its", cx: middle, cy: second, r: 7 }), "network, same ten");
  const points = `${middle - 10},${third} ${middle + 10},${third}`;
  explain(third, make("polyline", { class: "pg-curve", points }), `network, ${playground.roc.count} others`);
  return drawing;
};
