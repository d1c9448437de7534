// Building elements. Text goes in as text nodes only: names and reasons come from machines that are
// not trusted.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, props, children) {
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** An HTML element: `h("button", { class: "x", onclick: f }, "text", child)`. */
export function h(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** An SVG element. */
export function svg(tag, props = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

/** Sets the text only when it differs, so that a selection on the page survives a refresh. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Sets or removes an attribute, only when it differs. */
export function setAttr(node, name, value) {
  if (value === null || value === undefined || value === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== String(value)) {
    node.setAttribute(name, String(value));
  }
}

/** A group of buttons of which one is pressed. Returns the element and a setter. */
export function choice(label, options, onchoose) {
  const buttons = new Map();
  const group = h("div", { class: "choice", role: "group", "aria-label": label });
  for (const [value, text] of options) {
    const button = h("button", { type: "button", onclick: () => onchoose(value) }, text);
    buttons.set(String(value), button);
    group.append(button);
  }
  return {
    element: group,
    set(value) {
      for (const [key, button] of buttons) {
        setAttr(button, "aria-pressed", String(key === String(value)));
      }
    },
  };
}
