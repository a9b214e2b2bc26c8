// The phone's app: puts its parts together and keeps them up to date.

import { Accounts, Adding } from "./accounts.js";
import { accounts, keep } from "./keyring.js";
import { Notices } from "./notices.js";
import { Requests } from "./requests.js";
import { ask, listen, serviceNow } from "./service.js";
import { refusal, text, translate } from "./texts.js";

translate(document);
const place = (id) => document.getElementById(id);
const requests = new Requests(place("requests"));
const shown = new Accounts(place("accounts"), removed);
const adding = new Adding(place("add"), added);
const notices = new Notices(place("settings"), accounts);
let listening = new AbortController();

const newest = new Map(); // by serial: which look was the last whose answer was shown
let looks = 0;

async function look(serial) {
  const mine = ++looks;
  const account = (await accounts()).find((each) => each.serial === serial);
  if (!account) return;
  try {
    const view = await ask(account, "pushes");
    if (mine < (newest.get(serial) ?? 0)) return; // overtaken by a later one: what it says is no more so
    newest.set(serial, mine);
    requests.show(account, view.pushes);
    shown.refuse(serial, "");
    if (String(view.usernames) !== String(account.usernames) || view.label !== account.label) {
      await keep({ ...account, usernames: view.usernames, label: view.label });
      await shown.show(await accounts());
    }
  } catch (error) {
    if (error.why) shown.refuse(serial, refusal(error));
    if (error.why === "unknown-phone" || error.why === "disabled") requests.drop(serial);
  }
}

function line(isOpen) {
  place("line").textContent = text(isOpen ? "connected" : "connecting");
  place("line").className = isOpen ? "line open" : "line";
}

async function restart() {
  listening.abort();
  const known = await accounts();
  document.body.classList.toggle("fresh", !known.length);
  adding.open(!known.length);
  await shown.show(known);
  await notices.show();
  if (!known.length) {
    place("line").textContent = "";
    return;
  }
  listening = new AbortController();
  listen(listening.signal, look, line);
  notices.report().then(() => notices.show());
}

async function added() {
  await restart();
}

async function removed(serial) {
  requests.drop(serial);
  await restart();
}

async function begin() {
  const code = location.pathname.endsWith("/activate") ? location.hash.slice(1) : "";
  if (location.pathname.endsWith("/activate")) history.replaceState(null, "", "/phone/");
  await navigator.serviceWorker?.register("/phone/sw.js", { type: "module", scope: "/phone/" }).catch(() => null);
  await navigator.storage?.persist?.();
  if (code) await adding.claim(code);
  else await restart();
  if (code && !(await accounts()).length) await restart();
  setTimeout(tick, 1000 - (serviceNow() % 1000));
}

function tick() {
  requests.tick();
  shown.tick();
  setTimeout(tick, 1000 - (serviceNow() % 1000));
}

document.addEventListener("visibilitychange", async () => {
  if (document.visibilityState === "visible") for (const account of await accounts()) look(account.serial);
});

begin();
