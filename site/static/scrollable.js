// What is wider than the page, on a phone above all, scrolls by itself. A reader without a mouse
// must be able to go there with Tab; what fits is left out, so that there are no needless stops.
"use strict";

function letTabReachWhatScrolls() {
  for (const each of document.querySelectorAll("pre, .table-wrapper, .math-wrapper")) {
    if (each.scrollWidth > each.clientWidth) {
      each.tabIndex = 0;
    } else {
      each.removeAttribute("tabindex");
    }
  }
}

window.addEventListener("load", letTabReachWhatScrolls);
window.addEventListener("resize", letTabReachWhatScrolls);
document.addEventListener("toggle", letTabReachWhatScrolls, true); // a solution that opens
