// Looks every few seconds whether a phone that is being activated has answered, and leads back when it has.

const PAUSE = 2000;
const line = document.getElementById("line");
const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function since() {
  try {
    const answer = await fetch(line.dataset.state);
    return answer.ok ? (await answer.json()).since : null;
  } catch {
    return null; // no network just now
  }
}

line.textContent = line.dataset.waits;
const first = await since();
for (let now = first; now === first || now === null; ) {
  await wait(PAUSE);
  if (!document.hidden) now = await since();
}
line.textContent = line.dataset.done;
location.replace(line.dataset.home);
