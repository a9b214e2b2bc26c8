// Sign-ins that wait for an answer.

import { announce, button, element, fact } from "./elements.js";
import { ask, serviceNow } from "./service.js";
import { refusal, text } from "./texts.js";

const END_SHOWN = 8_000; // milliseconds
const CODE_SHOWN = 120_000;

export class Requests {
  constructor(place) {
    this.place = place;
    this.cards = new Map();
    this.empty = element("div", { class: "empty" },
      element("p", { class: "calm" }, text("nothing")),
      element("p", { class: "quiet" }, text("appears")));
    this.showEmpty();
  }

  // What `account` is asked now.
  show(account, pushes) {
    const open = new Set(pushes.map((push) => push.id));
    for (const [id, card] of this.cards) {
      if (card.account.serial === account.serial && !open.has(id) && !card.isOver) this.remove(id);
    }
    for (const push of pushes) if (!this.cards.has(push.id)) this.add(account, push);
    this.showEmpty();
  }

  add(account, push) {
    const card = new Card(account, push, () => this.remove(push.id));
    this.cards.set(push.id, card);
    this.place.prepend(card.box);
    announce(text("asked", { user: push.username, application: push.application }));
    if (this.cards.size === 1 && document.hasFocus()) card.heading.focus({ preventScroll: true });
    navigator.vibrate?.(80);
  }

  remove(id) {
    const card = this.cards.get(id);
    if (!card) return;
    this.cards.delete(id);
    card.box.remove();
    this.showEmpty();
  }

  drop(serial) {
    for (const [id, card] of this.cards) if (card.account.serial === serial) this.remove(id);
  }

  showEmpty() {
    if (this.cards.size) this.empty.remove();
    else this.place.append(this.empty);
  }

  tick() {
    for (const card of this.cards.values()) card.tick();
  }
}

class Card {
  constructor(account, push, remove) {
    this.account = account;
    this.push = push;
    this.remove = remove;
    this.isOver = false;
    this.heading = element("h2", { tabindex: "-1" }, text(push.detail.type === "Test" ? "test-request" : "signing-in"));
    this.left = element("p", { class: "left" });
    this.bar = element("progress", { class: "bar", max: push.expires - push.created, value: 0, "aria-hidden": "true" });
    this.problem = element("p", { class: "problem", role: "alert" });
    this.box = element("article", { class: "card request", "data-push": push.id },
      this.heading, this.facts(), this.choices(), this.problem, this.bar, this.left);
    this.tick();
  }

  facts() {
    const { push } = this;
    const { type, display_username, hostname, pushinfo } = push.detail;
    return element("dl", {},
      ...fact(text("user"), display_username || push.username),
      ...fact(text("application"), push.application, "strong"),
      ...fact(text("request"), type === "Test" ? "" : type),
      ...fact(text("from"), push.client_ip || text("no-address")),
      ...fact(text("place"), push.location),
      ...fact(text("host"), hostname),
      ...more(pushinfo).flatMap(([name, value]) => fact(name, String(value))),
      ...fact(text("time"), new Date(push.created * 1000).toLocaleTimeString(navigator.language, { timeStyle: "medium" })));
  }

  choices() {
    const refuse = element("div", { class: "refuse" },
      button(text("deny"), () => this.answer("deny"), "deny"),
      button(text("not-me"), () => this.report(), "fraud"));
    if (this.push.mode !== "number") {
      return element("div", { class: "choices" }, button(text("approve"), () => this.answer("approve"), "approve"), refuse);
    }
    const pick = this.push.options.length ? this.options() : this.typed();
    return element("div", { class: "choices" }, pick, refuse);
  }

  options() {
    const name = `pick-${this.push.id}`;
    return element("div", { class: "pick", role: "group", "aria-labelledby": name },
      element("p", { id: name }, text("pick")),
      element("div", { class: "numbers" }, ...this.push.options.map((option) =>
        button(option, () => this.answer("approve", option), "number"))));
  }

  typed() {
    const field = element("input", {
      id: `typed-${this.push.id}`, inputmode: "numeric", autocomplete: "off", required: true, maxlength: "12",
    });
    const send = (event) => { event.preventDefault(); this.answer("approve", field.value.trim()); };
    return element("form", { class: "pick", onsubmit: send },
      element("label", { for: field.id }, text("type")), field,
      element("button", { class: "approve" }, text("approve")));
  }

  report() {
    if (confirm(text("report"))) this.answer("fraud");
  }

  async answer(decision, number = "") {
    const { push } = this;
    this.busy(true);
    try {
      const said = await ask(this.account, "answer", { push: push.id, nonce: push.nonce, decision, number });
      this.end(said, decision);
    } catch (error) {
      if (error.why === "too-late" || error.why === "no-such-push") this.over(text("late"), refusal(error));
      else this.problem.textContent = error.why ? refusal(error) : text("no-connection");
      this.busy(false);
    }
  }

  busy(isBusy) {
    for (const each of this.box.querySelectorAll("button, input")) each.disabled = isBusy;
  }

  end(said, decision) {
    const wrong = said.status === "denied" && decision === "approve";
    const told = said.code ? "type-code" : `${said.status}-told`;
    this.over(text(said.status), text(wrong ? "wrong-number" : told), said.code, said.status);
  }

  over(title, told, code = "", status = "") {
    this.isOver = true;
    this.box.className = `card request over ${status}`;
    const heading = element("h2", { tabindex: "-1" }, title);
    const close = button(text("close"), this.remove);
    this.box.replaceChildren(heading, element("p", {}, told),
      code ? element("p", { class: "code", "aria-label": [...code].join(" ") }, code) : "", close);
    heading.focus({ preventScroll: true });
    announce(`${title}. ${told}`);
    setTimeout(this.remove, code ? CODE_SHOWN : END_SHOWN);
  }

  tick() {
    if (this.isOver) return;
    const left = Math.max(0, Math.round(this.push.expires - serviceNow() / 1000));
    this.bar.value = left;
    this.left.textContent = text("left", { seconds: left });
    if (!left) this.over(text("expired"), text("denied-told"));
  }
}

function more(pushinfo) {
  try {
    return Object.entries(JSON.parse(pushinfo || "{}"));
  } catch {
    return [];
  }
}
