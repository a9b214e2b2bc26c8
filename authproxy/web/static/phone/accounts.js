// Accounts on this device, their passcodes, and how one is added.

import { codeAt, secondsLeft } from "./code.js";
import { announce, button, element } from "./elements.js";
import { activate, ask, leave, serviceNow } from "./service.js";
import { language, refusal, text } from "./texts.js";

export class Accounts {
  constructor(place, changed) {
    this.place = place;
    this.changed = changed; // called when an account has gone
    this.rows = [];
  }

  show(accounts) {
    this.rows = accounts.map((account) => new Row(account, this.changed));
    const heading = element("h2", {}, text(accounts.length > 1 ? "accounts" : "account"));
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
        element("summary", {}, text("more")),
        element("p", { class: "quiet" }, text("known-as", { label: account.label, day: dayOf(account.since) })),
        element("div", { class: "refuse" },
          button(text("copy"), () => this.copy()),
          button(text("send-test"), () => this.test()),
          button(text("remove"), () => this.leave(changed), "deny"))),
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
    announce(text("copied"));
  }

  async test() {
    try {
      await ask(this.account, "test");
    } catch (error) {
      this.tell(failure(error));
    }
  }

  async leave(changed) {
    if (!confirm(text("remove-warning"))) return;
    try {
      await leave(this.account);
      changed(this.account.serial);
    } catch (error) {
      this.tell(failure(error));
    }
  }
}

const dayOf = (milliseconds) => new Date(milliseconds).toLocaleDateString(language);

const failure = (error) => (error.why ? refusal(error) : text("no-connection"));

// A form for an activation code, open where there is no account yet.
export class Adding {
  constructor(place, added) {
    this.added = added;
    this.field = element("input", {
      id: "code", name: "code", autocomplete: "off", autocapitalize: "none", spellcheck: "false", required: true,
    });
    this.problem = element("p", { class: "problem", role: "alert" });
    this.submit = element("button", { class: "approve" }, text("activate"));
    const send = (event) => { event.preventDefault(); this.claim(this.field.value); };
    this.box = element("details", { class: "card" },
      element("summary", {}, element("h2", {}, text("add"))),
      element("form", { onsubmit: send },
        element("label", { for: "code" }, text("code")),
        this.field, this.problem, this.submit));
    place.replaceChildren(this.box);
  }

  open(isOpen) {
    this.box.open = isOpen;
  }

  async claim(typed) {
    const code = typed.trim().replace(/^.*[#/]/, "");
    this.submit.disabled = true;
    this.problem.textContent = "";
    try {
      const account = await activate(code);
      this.field.value = "";
      announce(text("activated"));
      await this.added(account);
    } catch (error) {
      this.open(true);
      this.problem.textContent = failure(error);
    } finally {
      this.submit.disabled = false;
    }
  }
}
