// Looks every few seconds whether the device has answered, and shows what comes next.

const PAUSE = 2000;
const line = document.getElementById("line");
const before = line.dataset.stage;
const stage = `${location.pathname}/stage`;
const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function current() {
  try {
    const answer = await fetch(stage, { headers: { Accept: "application/json" } });
    return answer.ok ? (await answer.json()).stage : before;
  } catch {
    return before; // no network just now
  }
}

line.textContent = line.dataset.waits;
document.getElementById("check").hidden = true;
let now = before;
while (now === before) {
  await wait(PAUSE);
  if (!document.hidden) now = await current();
}
if (now === "done") line.textContent = line.dataset.done;
location.replace(location.pathname);
