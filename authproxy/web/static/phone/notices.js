// Notifications while the app is closed: the user's permission, and the subscription that goes with it.

import { button, element } from "./elements.js";
import { ask } from "./service.js";
import { text } from "./texts.js";

const canNotify = "Notification" in self && "PushManager" in self && "serviceWorker" in navigator;

export const permission = () => (canNotify ? Notification.permission : "unsupported");

export class Notices {
  constructor(place, accounts) {
    this.place = place;
    this.accounts = accounts; // gives them
    this.pushKey = "";
  }

  // Tells the service how this device is, and learns the key to subscribe with.
  async report() {
    const subscription = await this.subscription();
    for (const account of await this.accounts()) {
      const said = await ask(account, "contact", {
        clock: Date.now(), permission: permission(), ...(subscription === null ? {} : { subscription }),
      }).catch(() => null);
      if (said) this.pushKey = said.push_key;
    }
  }

  async subscription() {
    if (!canNotify) return null;
    if (Notification.permission !== "granted") return "";
    const registration = await navigator.serviceWorker.getRegistration("/phone/");
    const made = await registration?.pushManager.getSubscription();
    return made ? JSON.stringify(made) : null;
  }

  async subscribe() {
    if (Notification.permission !== "granted") await Notification.requestPermission();
    if (Notification.permission === "granted" && this.pushKey) {
      try {
        const registration = await navigator.serviceWorker.ready;
        await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: this.pushKey });
      } catch (error) {
        this.show(text("no-notices"));
        return;
      }
    }
    await this.report();
    await this.show();
  }

  async state() {
    if (permission() !== "granted") return permission();
    return (await this.subscription()) ? "granted" : "default";
  }

  async show(problem = "") {
    const accounts = await this.accounts();
    if (!accounts.length) {
      this.place.replaceChildren();
      return;
    }
    const state = await this.state();
    const told = problem || text(state === "denied" ? "denied-notices" : state);
    const wants = state === "default" || problem;
    this.place.replaceChildren(element("div", { class: "card" },
      element("h2", {}, text("notifications")), element("p", {}, told),
      wants ? button(text("turn-on"), () => this.subscribe()) : ""));
  }
}
