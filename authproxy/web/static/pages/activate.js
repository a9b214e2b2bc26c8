// Looks every few seconds how far a phone is that is being activated, and leads back when it has answered its test.

const PAUSE = 2000;
const line = document.getElementById("line");
const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function look() {
  try {
    const answer = await fetch(line.dataset.state);
    return answer.ok ? await answer.json() : null;
  } catch {
    return null; // no network just now
  }
}

const say = (text) => line.textContent === text || (line.textContent = text);

say(line.dataset.waits);
let first = await look();
let now = first;
while (!first || now.since === first.since || now.is_untested) {
  await wait(PAUSE);
  if (document.hidden) continue;
  now = (await look()) ?? now;
  first ??= now;
  if (first && now.since !== first.since) say(now.is_untested ? line.dataset.tests : line.dataset.done);
}
location.replace(line.dataset.home);
