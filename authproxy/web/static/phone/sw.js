// The part of the app that is there when no page is: shows notifications, and the app when the network is away.

import { accounts } from "./keyring.js";
import { ask } from "./service.js";
import { text } from "./texts.js";

const CACHE = "phone-1";
const SHELL = [
  "/phone/", "/phone/phone.css", "/phone/main.js", "/phone/keyring.js", "/phone/service.js", "/phone/code.js",
  "/phone/requests.js", "/phone/accounts.js", "/phone/notices.js", "/phone/elements.js", "/phone/texts.js",
  "/phone/icon.svg",
];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(SHELL)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(cleaned().then(() => self.clients.claim()));
});

async function cleaned() {
  for (const name of await caches.keys()) if (name !== CACHE) await caches.delete(name);
}

// The network first: what is kept is only for when there is none.
self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== location.origin) return;
  const path = url.pathname === "/phone/activate" ? "/phone/" : url.pathname;
  if (SHELL.includes(path)) event.respondWith(fresh(event.request, path));
});

async function fresh(request, path) {
  const cache = await caches.open(CACHE);
  try {
    const response = await fetch(request);
    if (response.ok) await cache.put(path, response.clone());
    return response;
  } catch (error) {
    const kept = await cache.match(path);
    if (kept) return kept;
    throw error;
  }
}

self.addEventListener("push", (event) => event.waitUntil(notify(event.data ? event.data.json() : {})));

// What is asked is not in the message: it is fetched with the phone's key.
async function notify(message) {
  let body = text("notice-open");
  for (const account of await accounts()) {
    try {
      const view = await ask(account, "pushes");
      const push = view.pushes.find((each) => each.id === message.push);
      if (!push) continue;
      body = text("notice-who", { user: push.username, application: push.application }) + (push.location ? `, ${push.location}` : "");
      await ask(account, "delivered", { push: push.id });
    } catch (error) {
      // shown without its details
    }
  }
  await self.registration.showNotification(text("notice"), {
    body, tag: message.push || "push", icon: "/phone/icon-192.png", requireInteraction: true,
  });
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(shown());
});

async function shown() {
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const page = pages.find((each) => new URL(each.url).pathname.startsWith("/phone/"));
  return page ? page.focus() : self.clients.openWindow("/phone/");
}

// The browser has made a new subscription on its own.
self.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(renewed(event)));

async function renewed(event) {
  const old = event.oldSubscription;
  const made = event.newSubscription || (old && (await self.registration.pushManager.subscribe(old.options)));
  for (const account of await accounts()) {
    const subscription = made ? JSON.stringify(made) : "";
    await ask(account, "contact", { clock: Date.now(), permission: Notification.permission, subscription });
  }
}
