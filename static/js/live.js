// One WebSocket for the page: notify, then pull. Elements say what they show with data-live-topics="a b"; each
// message {"event": "topics-changed", …} becomes the htmx trigger `live:topics-changed` on <body>, so a part with
// hx-trigger="live:topics-changed from:body" fetches itself again. {"event": "sample", …} goes to the charts as the
// DOM event `signalbox:sample`. The chip [data-live-chip] shows the state; its texts are data-text-<state>.

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30000;

let socket = null;
let topics = "";
let failures = 0;
let timer = 0;

function wanted() {
  const all = [...document.querySelectorAll("[data-live-topics]")].flatMap((part) =>
    part.dataset.liveTopics.split(/\s+/).filter(Boolean),
  );
  return [...new Set(all)].sort().join(",");
}

function show(state) {
  for (const chip of document.querySelectorAll("[data-live-chip]")) {
    chip.hidden = topics === "";
    chip.dataset.liveChip = state;
    chip.textContent = chip.dataset[`text${state[0].toUpperCase()}${state.slice(1)}`];
  }
}

function dispatch(message) {
  if (message.event === "sample") {
    document.dispatchEvent(new CustomEvent("signalbox:sample", { detail: message }));
  } else {
    window.htmx.trigger(document.body, `live:${message.event}`, message);
  }
}

/** What happened before the line was up, since the page was made too, is not sent again: every part fetches itself. */
function catchUp() {
  const names = new Set();
  for (const part of document.querySelectorAll('[hx-trigger*="live:"]')) {
    for (const [name] of part.getAttribute("hx-trigger").matchAll(/live:[\w-]+/g)) names.add(name);
  }
  for (const name of names) window.htmx.trigger(document.body, name, { event: name.slice(5) });
}

function connect() {
  clearTimeout(timer);
  const address = new URL("/ws/live/", location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  address.searchParams.set("topics", topics);
  const mine = new WebSocket(address);
  socket = mine;
  mine.addEventListener("open", () => {
    if (mine !== socket) return;
    catchUp();
    failures = 0;
    show("live");
  });
  mine.addEventListener("message", (event) => {
    if (mine === socket) dispatch(JSON.parse(event.data));
  });
  mine.addEventListener("close", () => {
    if (mine === socket) reconnectLater();
  });
}

function reconnectLater() {
  failures += 1;
  show(failures > 2 ? "offline" : "connecting");
  const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** failures);
  // Half fixed, half random: pages of a restarted console do not all come back in the same instant.
  timer = setTimeout(connect, longest / 2 + (Math.random() * longest) / 2);
}

function follow() {
  const now = wanted();
  if (now === topics) return;
  topics = now;
  const old = socket;
  socket = null;
  clearTimeout(timer);
  old?.close();
  show("connecting");
  if (topics) connect();
}

export function start() {
  follow();
  document.body.addEventListener("htmx:afterSettle", follow);
  addEventListener("online", () => {
    if (topics && socket?.readyState !== WebSocket.OPEN) connect();
  });
}
