// Requests to the service: signed, and in its time.

import { accounts, authorization, codeKey, forget, keep, newKey, publicKeyOf } from "./keyring.js";

const API = "/phone/api/";
const EVENTS = API + "events";

let offset = 0; // milliseconds from this device's clock to the service's

export const serviceNow = () => Date.now() + offset;
export const knowOffset = (milliseconds) => { offset = milliseconds; };
export const knownOffset = () => offset;

export class Refused extends Error {
  constructor(why, message) {
    super(message);
    this.why = why;
  }
}

export async function ask(account, name, fields = {}) {
  try {
    return await once(account, name, fields);
  } catch (error) {
    if (error.why !== "clock") throw error;
    return once(account, name, fields); // it has told its time
  }
}

async function once(account, name, fields) {
  const path = API + name;
  const body = JSON.stringify(fields);
  const headers = {
    "Content-Type": "application/json",
    Authorization: await authorization(account, path, body, offset),
  };
  const began = Date.now();
  const response = await fetch(path, { method: "POST", headers, body, credentials: "omit", cache: "no-store" });
  const said = await response.json().catch(() => ({}));
  if (said.now) offset = said.now - (began + Date.now()) / 2;
  if (!response.ok) throw new Refused(said.error || "unavailable", said.message || "");
  return said;
}

export async function activate(code) {
  const key = await newKey();
  const claimed = await ask({ serial: "", key }, "claim", {
    code,
    key: await publicKeyOf(key),
    platform: platform(),
  });
  const account = {
    serial: claimed.serial,
    key,
    codes: await codeKey(Uint8Array.from(claimed.secret.match(/../g), (octet) => parseInt(octet, 16))),
    label: claimed.label,
    usernames: claimed.usernames,
    since: Date.now(),
  };
  await keep(account);
  return account;
}

export async function leave(account) {
  try {
    await ask(account, "leave");
  } catch (error) {
    if (error.why !== "unknown-phone" && error.why !== "disabled") throw error;
  }
  await forget(account.serial);
}

function platform() {
  if (/iPhone|iPad|iPod/.test(navigator.userAgent)) return "apple ios";
  return /Android/.test(navigator.userAgent) ? "google android" : "generic smartphone";
}

// One stream for all accounts. `changed(serial)` for each that should look, `line(isOpen)` when it opens or breaks.
// Runs until `signal` aborts.
export async function listen(signal, changed, line) {
  let wait = 500;
  while (!signal.aborted) {
    try {
      const known = await accounts();
      const phones = await Promise.all(known.map((account) => authorization(account, EVENTS, "", offset)));
      const body = JSON.stringify({ phones });
      const response = await fetch(EVENTS, { method: "POST", body, signal, credentials: "omit", cache: "no-store" });
      if (!response.ok) throw new Refused("unavailable", "");
      line(true);
      wait = 500;
      await follow(response.body.getReader(), changed);
    } catch (error) {
      if (signal.aborted) return;
    }
    line(false);
    await new Promise((resolve) => setTimeout(resolve, wait * (0.75 + Math.random() / 2)));
    wait = Math.min(wait * 2, 20_000);
  }
}

async function follow(reader, changed) {
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += decoder.decode(value, { stream: true });
    const events = text.split("\n\n");
    text = events.pop();
    for (const event of events) {
      const serial = /^data: (.*)$/m.exec(event);
      if (serial) changed(serial[1]);
    }
  }
}
