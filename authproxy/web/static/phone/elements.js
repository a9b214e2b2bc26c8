// Elements of the page, made from text only.

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
}

export const button = (text, onclick, kind = "") => element("button", { type: "button", class: kind, onclick }, text);

export const fact = (name, value, kind = null) =>
  value ? [element("dt", {}, name), element("dd", { class: kind }, ...breakable(value))] : [];

// Long names break where a reader expects it.
const breakable = (text) =>
  text.split(/(?<=[_@.-])/).flatMap((part, at) => (at ? [document.createElement("wbr"), part] : [part]));

// Read out to those who don't see it.
export function announce(text) {
  const news = document.getElementById("news");
  news.textContent = "";
  requestAnimationFrame(() => { news.textContent = text; });
}
