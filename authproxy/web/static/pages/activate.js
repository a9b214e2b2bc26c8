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

const before = Number(line.dataset.since); // when the page was made: a phone may be faster than this script
say(line.dataset.waits);
for (;;) {
  const now = document.hidden ? null : await look();
  if (now && now.since !== before) {
    if (!now.is_untested) break;
    say(line.dataset.tests);
  }
  await wait(PAUSE);
}
say(line.dataset.done);
location.replace(line.dataset.home);
