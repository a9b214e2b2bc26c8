// The accounts of this device: for each a key that cannot leave the browser, and what was told at its activation.
// Pages and the service worker share them.

const NAME = "phone";
const STORE = "accounts";
const CURVE = { name: "ECDSA", namedCurve: "P-256" };

function opened() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "serial" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function inStore(mode, work) {
  const database = await opened();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const request = work(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

export const accounts = () => inStore("readonly", (store) => store.getAll());
export const keep = (account) => inStore("readwrite", (store) => store.put(account));
export const forget = (serial) => inStore("readwrite", (store) => store.delete(serial));

export const newKey = () => crypto.subtle.generateKey(CURVE, false, ["sign", "verify"]);

export async function publicKeyOf(key) {
  return base64url(await crypto.subtle.exportKey("spki", key.publicKey));
}

// Codes are made of a secret that no script can read back.
export const codeKey = (secret) =>
  crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-1" }, false, ["sign"]);

// What a request of `account` carries: SERIAL:TIME:NONCE:SIGNATURE. `offset`: milliseconds to add to this device's
// clock to get the service's.
export async function authorization(account, path, body, offset) {
  const nonce = base64url(crypto.getRandomValues(new Uint8Array(18)));
  const time = Math.round(Date.now() + offset);
  const text = ["authproxy phone 1", path, account.serial, time, nonce, body].join("\n");
  const octets = new TextEncoder().encode(text);
  const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, account.key.privateKey, octets);
  return `Phone ${account.serial}:${time}:${nonce}:${base64url(signature)}`;
}

function base64url(buffer) {
  const text = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
