// The scanner at the dock. Every scan is kept in the browser under a name of its own until the portal has answered
// it, so that a broken connection loses none and none is counted twice. What is kept is what was scanned or typed from
// a label, nothing else.
const banner = document.querySelector("[data-waiting]");
const refused = document.querySelector("[data-refused]");
const form = document.querySelector("form[data-receive]");
const field = form?.querySelector("[data-scan]");
const TONES = { good: [[880, 0.09]], look: [[880, 0.09], [660, 0.08]], ask: [[660, 0.08], [660, 0.08]], stop: [[220, 0.18], [165, 0.3]] };
const TYPED = "input:not([type=radio], [type=checkbox], [type=hidden]), textarea, select";
const AGAIN = 5_000;
const PATIENCE = 15_000;
const isOffline = banner?.dataset.waiting === "offline"; // the page that opens without a connection
let sound, sending = false, trouble = "", timer = 0;

// A list that the browser keeps; where it keeps nothing, as long as the page is open.
const shelf = (place) => {
  let memory = [];
  return {
    get: () => {
      try { return JSON.parse(localStorage.getItem(place)) ?? memory; } catch { return memory; }
    },
    set: (list) => {
      memory = list;
      try { localStorage.setItem(place, JSON.stringify(list)); } catch { /* kept in memory */ }
    },
  };
};
const waiting = shelf(`scans-${banner?.dataset.account}`);
const notCounted = shelf(`refused-${banner?.dataset.account}`);

const play = (name) => {
  sound ??= new AudioContext();
  let at = sound.currentTime;
  for (const [pitch, seconds] of TONES[name] ?? []) {
    const tone = new OscillatorNode(sound, { type: "square", frequency: pitch });
    const volume = new GainNode(sound, { gain: 0.06 });
    tone.connect(volume).connect(sound.destination);
    tone.start(at);
    tone.stop(at + seconds);
    at += seconds + 0.06;
  }
};

const say = (tone, words) => {
  if (form) form.dataset.tone = tone;
  const said = document.querySelector("[data-said]");
  if (said) said.textContent = words;
  play(tone);
};

const tell = () => {
  const count = waiting.get().length;
  banner.hidden = !count;
  const many = count === 1 ? "1 scan waits" : `${count} scans wait`;
  banner.querySelector(".notice-text").textContent = count ? trouble || `${many} for the connection. Kept in this browser, sent when it is back.` : "";
  const rows = notCounted.get().map(({ text, told }) => {
    const row = document.createElement("li");
    row.textContent = `${told} (${text})`;
    return row;
  });
  refused.hidden = !rows.length;
  refused.querySelector("ul").replaceChildren(...rows);
  clearTimeout(timer);
  if (count || isOffline) timer = setTimeout(send, AGAIN);
};

// The answer as a page, or nothing where the scan must wait.
const post = async ({ key, text, to, consignment, label = {} }, before) => {
  const token = document.querySelector("input[name=csrf_token]")?.value ?? "";
  const body = new URLSearchParams({ csrf_token: token, key, text, before, ...(consignment && { consignment: "y" }), ...label });
  try {
    const answer = await fetch(to, { method: "POST", body, headers: { "X-Scan": "1" }, redirect: "manual", signal: AbortSignal.timeout(PATIENCE) });
    trouble = "";
    if (answer.ok) return new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("counted");
    if (answer.status === 403 || answer.status === 404) {
      const gone = document.createElement("div");
      Object.assign(gone.dataset, { tone: "stop", told: "This was not counted: its order cannot be received by you.", before: "" });
      return gone;
    }
    if (answer.type === "opaqueredirect" || answer.status < 500) trouble = "Your scans are kept. Load this page again, sign in if asked, and they are sent.";
  } catch { trouble = ""; }
  return null;
};

// Whoever scans on does not see every answer: what was not counted stays in sight until it is dealt with.
const sort = (scan, { tone, told }) => {
  const isSeen = !scan.isLate && !waiting.get().length;
  if (!["good", "look"].includes(tone) && !isSeen) notCounted.set([...notCounted.get(), { text: scan.text, told }]);
};

const send = async () => {
  if (sending) return;
  sending = true;
  if (isOffline) await open();
  let before = form?.elements.before?.value ?? "";
  for (let scan = waiting.get()[0]; scan && !isOffline; scan = waiting.get()[0]) {
    const answer = await post(scan, before);
    if (!answer) {
      waiting.set(waiting.get().map((one) => ({ ...one, isLate: true })));
      break;
    }
    waiting.set(waiting.get().filter((one) => one.key !== scan.key));
    before = answer.dataset.before;
    const here = form && scan.to === form.action;
    if (here) {
      form.elements.before.value = before;
      if (answer.id) document.getElementById("counted").replaceWith(document.adoptNode(answer));
    }
    sort(scan, answer.dataset);
    say(answer.dataset.tone, answer.dataset.told);
  }
  sending = false;
  tell();
};

// Without a connection this page only keeps; the real one opens, and sends, as soon as the portal answers.
const open = async () => {
  try {
    await fetch(location.href, { headers: { "X-Background": "1" }, redirect: "manual", cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
    if (!field?.value) location.reload();
  } catch { /* not yet */ }
};

const take = (text, label = {}) => {
  if (!text.trim()) return;
  const consignment = form.elements.consignment.checked;
  waiting.set([...waiting.get(), { key: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`, to: form.action, text, consignment, label }]);
  if (isOffline || !navigator.onLine) say("ask", "Kept. It is counted when the connection is back.");
  tell();
  send();
};

const takeTyped = () => {
  const text = field.value;
  field.value = "";
  field.focus();
  take(text);
};

if (form) {
  form.addEventListener("keydown", (event) => {
    const ends = event.key === "Enter" || (event.key === "Tab" && !event.shiftKey && field.value);
    if (event.target !== field || !ends) return;
    event.preventDefault();
    takeTyped();
  });
  form.querySelector("[data-count]").addEventListener("click", (event) => { event.preventDefault(); takeTyped(); });
  // What a barcode lacks and a person typed from the label goes the same way.
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-label-form]")) return;
    event.preventDefault();
    const { text, csrf_token, key, ...label } = Object.fromEntries(new FormData(event.target));
    field.focus();
    take(text, label);
  });
  // A scan lands in its field wherever the focus is.
  document.addEventListener("keydown", (event) => {
    const plain = event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (plain && !event.target.closest?.(TYPED)) field.focus();
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-check]") || !waiting.get().length) return;
    event.preventDefault();
    say("stop", "Some scans still wait for the connection. Check once they are counted.");
  });
}

// The camera, where the browser reads barcodes itself.
const camera = form?.querySelector("[data-camera]");
const video = form?.querySelector("[data-video]");
let stream = null;

const look = async (detector, seen = "", at = 0) => {
  if (!stream) return;
  const [code] = await detector.detect(video).catch(() => []);
  const now = Date.now();
  if (code && (code.rawValue !== seen || now - at > 2_000)) {
    take(code.rawValue);
    [seen, at] = [code.rawValue, now];
  }
  setTimeout(look, 150, detector, seen, at);
};

const shut = () => {
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  video.hidden = true;
  camera.setAttribute("aria-pressed", "false");
};

if (camera && "BarcodeDetector" in window && navigator.mediaDevices?.getUserMedia) {
  camera.hidden = false;
  camera.addEventListener("click", async () => {
    if (stream) return shut();
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    } catch {
      return say("ask", "The camera cannot be used. Allow it for this page, or type the number.");
    }
    video.srcObject = stream;
    video.hidden = false;
    camera.setAttribute("aria-pressed", "true");
    video.play().catch(() => {}); // it plays with the first picture
    look(new window.BarcodeDetector());
  });
  addEventListener("pagehide", shut);
}

if (banner) {
  refused.querySelector("button").addEventListener("click", () => { notCounted.set([]); tell(); field?.focus(); });
  addEventListener("online", send);
  if (isOffline && /\/scan$/.test(location.pathname)) {
    form.action = location.pathname;
    form.hidden = false;
    field.focus();
  }
  tell();
  if (waiting.get().length) send();
  // Opens this page again where there is no connection.
  if (!isOffline) navigator.serviceWorker?.register(banner.dataset.worker, { scope: banner.dataset.scope })
    .then(() => navigator.serviceWorker.ready)
    .then((worker) => worker.active.postMessage("keep"))
    .catch(() => {}); // as before: scans are kept, the page is not
}
