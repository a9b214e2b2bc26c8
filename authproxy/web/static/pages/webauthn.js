// Security keys: every form with data-webauthn asks the browser for a key before it is sent.
//
//   <form method="post" action="/where/the/answer/goes" data-webauthn="login" data-begin="/where/options/come/from">
//     (the CSRF field) <input type="hidden" name="credential">
//     <p role="status" data-waits="..." data-failed="..." data-unable="..."></p>
//     <button>...</button>
//   </form>
//
// data-webauthn: "login" or "register". The form's fields are posted to data-begin, which answers with
// {"publicKey": {...}}; the key's answer goes into the field "credential", as JSON, and the form is sent.
// With data-now, the key is asked for as soon as the page is there. A form stays hidden where there are no keys.

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const listed = (keys) => (keys ?? []).map((key) => ({ ...key, id: bytes(key.id) }));

const asks = {
  register: (options) =>
    navigator.credentials.create({
      publicKey: {
        ...options,
        challenge: bytes(options.challenge),
        user: { ...options.user, id: bytes(options.user.id) },
        excludeCredentials: listed(options.excludeCredentials),
      },
    }),
  login: (options) =>
    navigator.credentials.get({
      publicKey: {
        ...options,
        challenge: bytes(options.challenge),
        allowCredentials: listed(options.allowCredentials),
      },
    }),
};

function said(credential) {
  const { response } = credential;
  const parts = { clientDataJSON: text(response.clientDataJSON) };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (response[name]) parts[name] = text(response[name]);
  }
  if (response.getTransports) parts.transports = response.getTransports();
  const id = text(credential.rawId);
  const clientExtensionResults = credential.getClientExtensionResults();
  return JSON.stringify({ id, rawId: id, type: credential.type, response: parts, clientExtensionResults });
}

async function prove(form, line) {
  line.textContent = line.dataset.waits;
  const body = new URLSearchParams(new FormData(form));
  const answer = await fetch(form.dataset.begin, { method: "POST", body, headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`${answer.status}`);
  const { publicKey } = await answer.json();
  form.elements.credential.value = said(await asks[form.dataset.webauthn](publicKey));
}

for (const form of document.querySelectorAll("form[data-webauthn]")) {
  const line = form.querySelector("[role=status]");
  const button = form.querySelector("button");
  const start = async () => {
    button.disabled = true;
    try {
      await prove(form, line);
      HTMLFormElement.prototype.submit.call(form); // without the event that led here
    } catch {
      line.textContent = line.dataset.failed;
      button.disabled = false;
      button.focus();
    }
  };
  if (!window.PublicKeyCredential || !navigator.credentials) {
    line.textContent = line.dataset.unable;
    button.disabled = true;
    continue;
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    start();
  });
  if ("now" in form.dataset) start();
}
