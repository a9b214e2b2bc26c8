// Waits for a phone: shows the page anew when there is something new to see.

const news = document.getElementById("news");
const look = () => location.replace(news.dataset.home);

if (news.dataset.news) {
  const source = new EventSource(news.dataset.news);
  source.addEventListener("changed", look);
  source.addEventListener("error", () => source.readyState === EventSource.CLOSED && look()); // nothing goes on any more
} else {
  const ask = async () => {
    try {
      const answer = await fetch(news.dataset.phone, { headers: { Accept: "application/json" } });
      if (answer.ok && (await answer.json()).stage !== news.dataset.stage) look();
    } catch {
      // no network just now
    }
  };
  setInterval(() => document.hidden || ask(), 2000);
}
