// Sign-ins that wait for an answer.

import { announce, button, element, fact } from "./elements.js";
import { ask, serviceNow } from "./service.js";

const DONE = { approved: "Approved", denied: "Denied", fraud: "Reported" };
const TOLD = {
  approved: "You are being signed in.",
  denied: "Nobody was signed in.",
  fraud: "Nobody was signed in, and your administrators were told.",
};
const END_SHOWN = 8_000; // milliseconds
const CODE_SHOWN = 120_000;

export class Requests {
  constructor(place) {
    this.place = place;
    this.cards = new Map();
    this.empty = element("div", { class: "empty" },
      element("p", { class: "calm" }, "Nothing to approve"),
      element("p", { class: "quiet" }, "A sign-in that needs you appears here by itself."));
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
    announce(`Sign-in request: ${push.username} at ${push.application}`);
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
    this.heading = element("h2", { tabindex: "-1" }, push.detail.type === "Test" ? "Test request" : "Are you signing in?");
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
      ...fact("User", display_username || push.username),
      ...fact("Application", push.application, "strong"),
      ...fact("Request", type === "Test" ? "" : type),
      ...fact("From", push.client_ip || "address not known"),
      ...fact("Place", push.location),
      ...fact("Host", hostname),
      ...more(pushinfo).flatMap(([name, value]) => fact(name, String(value))),
      ...fact("Time", new Date(push.created * 1000).toLocaleTimeString([], { timeStyle: "medium" })));
  }

  choices() {
    const refuse = element("div", { class: "refuse" },
      button("Deny", () => this.answer("deny"), "deny"),
      button("This wasn't me", () => this.report(), "fraud"));
    if (this.push.mode !== "number") {
      return element("div", { class: "choices" }, button("Approve", () => this.answer("approve"), "approve"), refuse);
    }
    const pick = this.push.options.length ? this.options() : this.typed();
    return element("div", { class: "choices" }, pick, refuse);
  }

  options() {
    const name = `pick-${this.push.id}`;
    return element("div", { class: "pick", role: "group", "aria-labelledby": name },
      element("p", { id: name }, "Which number does the sign-in show? Picking it approves."),
      element("div", { class: "numbers" }, ...this.push.options.map((option) =>
        button(option, () => this.answer("approve", option), "number"))));
  }

  typed() {
    const field = element("input", {
      id: `typed-${this.push.id}`, inputmode: "numeric", autocomplete: "off", required: true, maxlength: "12",
    });
    const send = (event) => { event.preventDefault(); this.answer("approve", field.value.trim()); };
    return element("form", { class: "pick", onsubmit: send },
      element("label", { for: field.id }, "Type the number that the sign-in shows"), field,
      element("button", { class: "approve" }, "Approve"));
  }

  report() {
    if (confirm("Report this sign-in? Your administrators will be told that somebody else tried.")) this.answer("fraud");
  }

  async answer(decision, number = "") {
    const { push } = this;
    this.busy(true);
    try {
      const said = await ask(this.account, "answer", { push: push.id, nonce: push.nonce, decision, number });
      this.end(said, decision);
    } catch (error) {
      if (error.why === "too-late" || error.why === "no-such-push") this.over("Too late", error.message);
      else this.problem.textContent = error.why ? error.message : "No connection. Try again.";
      this.busy(false);
    }
  }

  busy(isBusy) {
    for (const each of this.box.querySelectorAll("button, input")) each.disabled = isBusy;
  }

  end(said, decision) {
    const wrong = said.status === "denied" && decision === "approve";
    const text = said.code ? "Type this code at the sign-in." : TOLD[said.status];
    this.over(DONE[said.status], wrong ? "That was not the number." : text, said.code, said.status);
  }

  over(title, text, code = "", status = "") {
    this.isOver = true;
    this.box.className = `card request over ${status}`;
    const heading = element("h2", { tabindex: "-1" }, title);
    const close = button("Close", this.remove);
    this.box.replaceChildren(heading, element("p", {}, text),
      code ? element("p", { class: "code", "aria-label": [...code].join(" ") }, code) : "", close);
    heading.focus({ preventScroll: true });
    announce(`${title}. ${text}`);
    setTimeout(this.remove, code ? CODE_SHOWN : END_SHOWN);
  }

  tick() {
    if (this.isOver) return;
    const left = Math.max(0, Math.round(this.push.expires - serviceNow() / 1000));
    this.bar.value = left;
    this.left.textContent = `${left} seconds left`;
    if (!left) this.over("Expired", "Nobody was signed in.");
  }
}

function more(pushinfo) {
  try {
    return Object.entries(JSON.parse(pushinfo || "{}"));
  } catch {
    return [];
  }
}
