// Accounts on this device, their passcodes, and how one is added.

import { codeAt, secondsLeft } from "./code.js";
import { announce, button, element } from "./elements.js";
import { activate, ask, leave, serviceNow } from "./service.js";

export class Accounts {
  constructor(place, changed) {
    this.place = place;
    this.changed = changed; // called when an account has gone
    this.rows = [];
  }

  show(accounts) {
    this.rows = accounts.map((account) => new Row(account, this.changed));
    const heading = element("h2", {}, accounts.length > 1 ? "Accounts" : "Account");
    this.place.replaceChildren(...(accounts.length ? [heading, ...this.rows.map((row) => row.box)] : []));
    return this.tick();
  }

  refuse(serial, message) {
    this.rows.find((row) => row.account.serial === serial)?.tell(message);
  }

  tick() {
    return Promise.all(this.rows.map((row) => row.tick()));
  }
}

class Row {
  constructor(account, changed) {
    this.account = account;
    this.step = -1;
    this.code = element("output", { class: "passcode", "aria-live": "off" });
    this.left = element("span", { class: "quiet" });
    this.told = element("p", { class: "problem", role: "status" });
    const names = account.usernames.join(", ") || account.label;
    this.box = element("article", { class: "card account", "data-serial": account.serial },
      element("div", { class: "row" },
        element("div", { class: "who" }, element("h3", {}, names), element("p", { class: "quiet" }, location.host)),
        element("div", { class: "codes" }, this.code, this.left)),
      element("details", {},
        element("summary", {}, "More"),
        element("p", { class: "quiet" }, `Known as ${account.label}, since ${new Date(account.since).toLocaleDateString()}.`),
        element("div", { class: "refuse" },
          button("Copy passcode", () => this.copy()),
          button("Send a test request", () => this.test()),
          button("Remove from this device", () => this.leave(changed), "deny"))),
      this.told);
  }

  async tick() {
    const now = serviceNow();
    const step = Math.floor(now / 30_000);
    this.left.textContent = `${secondsLeft(now)} s`;
    if (step === this.step) return;
    this.step = step;
    this.plain = await codeAt(this.account.codes, now);
    this.code.textContent = `${this.plain.slice(0, 3)} ${this.plain.slice(3)}`;
  }

  tell(message) {
    this.told.textContent = message;
  }

  async copy() {
    await navigator.clipboard.writeText(this.plain);
    announce("Passcode copied");
  }

  async test() {
    try {
      await ask(this.account, "test");
    } catch (error) {
      this.tell(error.message);
    }
  }

  async leave(changed) {
    const warning = "Remove this account from this device? You need another way to sign in, or a new activation code.";
    if (!confirm(warning)) return;
    try {
      await leave(this.account);
      changed(this.account.serial);
    } catch (error) {
      this.tell(error.message || "No connection. Try again.");
    }
  }
}

// A form for an activation code, open where there is no account yet.
export class Adding {
  constructor(place, added) {
    this.added = added;
    this.field = element("input", {
      id: "code", name: "code", autocomplete: "off", autocapitalize: "none", spellcheck: "false", required: true,
    });
    this.problem = element("p", { class: "problem", role: "alert" });
    this.submit = element("button", { class: "approve" }, "Activate");
    const send = (event) => { event.preventDefault(); this.claim(this.field.value); };
    this.box = element("details", { class: "card" },
      element("summary", {}, element("h2", {}, "Add an account")),
      element("form", { onsubmit: send },
        element("label", { for: "code" }, "Activation code, or the link that you were given"),
        this.field, this.problem, this.submit));
    place.replaceChildren(this.box);
  }

  open(isOpen) {
    this.box.open = isOpen;
  }

  async claim(text) {
    const code = text.trim().replace(/^.*[#/]/, "");
    this.submit.disabled = true;
    this.problem.textContent = "";
    try {
      const account = await activate(code);
      this.field.value = "";
      announce("This device is activated");
      await this.added(account);
    } catch (error) {
      this.open(true);
      this.problem.textContent = error.why ? error.message : "No connection. Try again.";
    } finally {
      this.submit.disabled = false;
    }
  }
}
