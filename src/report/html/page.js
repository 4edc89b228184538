"use strict";
// The page can be read without any of this: it sorts tables, and says what a pointer is at.
for (const table of document.querySelectorAll("table.sort")) {
  const body = table.tBodies[0], made = [...body.rows];
  for (const head of table.tHead.rows[0].cells) {
    const key = row => {
      const text = (row.cells[head.cellIndex].firstChild?.textContent ?? "").trim();
      const number = parseFloat(text.replace(/^[^\d.+-]+/, ""));
      return head.className === "n" ? number : text;
    };
    const known = key => key !== "" && key === key;
    const sort = () => {
      const way = { ascending: "descending", descending: null }[head.ariaSort] ?? (head.ariaSort ? null : "ascending");
      for (const other of table.tHead.rows[0].cells) other.ariaSort = null;
      head.ariaSort = way;
      const sign = way === "descending" ? -1 : 1;
      const rows = way ? made.toSorted((a, b) => {
        const [x, y] = [key(a), key(b)];
        if (known(x) !== known(y)) return known(x) ? -1 : 1;
        return sign * (typeof x === "string" ? x.localeCompare(y, undefined, { numeric: true }) : x - y) || 0;
      }) : made;
      body.append(...rows);
    };
    head.tabIndex = 0;
    head.addEventListener("click", sort);
    head.addEventListener("keydown", event => { if (event.key === "Enter") sort(); });
  }
}
const tip = document.body.appendChild(document.createElement("div"));
tip.id = "tip";
tip.hidden = true;
const say = (event, text) => {
  tip.textContent = text;
  tip.hidden = !text;
  tip.style.left = Math.min(event.pageX + 12, scrollX + innerWidth - tip.offsetWidth - 8) + "px";
  tip.style.top = event.pageY + 16 + "px";
};
for (const spot of document.querySelectorAll(".spot")) {
  const text = spot.querySelector("title").textContent;
  spot.replaceChildren();
  spot.ariaLabel = text;
  spot.addEventListener("pointermove", event => say(event, text));
  spot.addEventListener("pointerleave", event => say(event, ""));
}
for (const panel of document.querySelectorAll(".panel")) {
  const { low, high, decades, unit, name, end } = panel.dataset;
  const [x, y, width, height] = ["x", "y", "width", "height"].map(key => panel[key].baseVal.value);
  panel.addEventListener("pointermove", event => {
    const to = panel.ownerSVGElement.getScreenCTM().inverse();
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(to);
    let best = null;
    for (const line of panel.ownerSVGElement.querySelectorAll("polyline")) {
      const points = [...line.points].filter(point => point.y >= y && point.y <= y + height);
      if (points.length < 3) continue;
      for (const point of points) {
        if (!best || Math.abs(point.x - at.x) <= Math.abs(best.x - at.x)) best = point;
      }
    }
    if (!best) return;
    const share = (y + height - best.y) / height;
    const value = decades ? low * (high / low) ** share : +low + (high - low) * share;
    // A line is drawn in whole pixels: no more digits than it has.
    const time = (end * (best.x - x) / width).toFixed(1);
    say(event, `${name}: about ${+value.toPrecision(2)}${unit && " " + unit} at ${time} s`);
  });
  panel.addEventListener("pointerleave", event => say(event, ""));
}
const open = () => {
  const target = document.querySelector("details:target");
  if (target) target.open = true;
};
addEventListener("hashchange", open);
open();
