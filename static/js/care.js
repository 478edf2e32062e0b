// The scanner stays open: whatever is typed anywhere lands in the scan field, scans that come too fast wait in a row,
// and each answer is heard as well as seen.
const form = document.querySelector("form[data-care]");
const scan = form?.querySelector("[data-scan]");
const TONES = { good: [[880, 0.09]], ask: [[660, 0.08], [660, 0.08]], stop: [[220, 0.18], [165, 0.3]] };
const TYPED = "input:not([type=radio], [type=checkbox], [type=hidden]), textarea, select";
const waiting = [];
let sound;

const play = (name) => {
  const tones = TONES[name];
  if (!tones) return;
  sound ??= new AudioContext();
  let at = sound.currentTime;
  for (const [pitch, seconds] of tones) {
    const tone = new OscillatorNode(sound, { type: "square", frequency: pitch });
    const volume = new GainNode(sound, { gain: 0.06 });
    tone.connect(volume).connect(sound.destination);
    tone.start(at);
    tone.stop(at + seconds);
    at += seconds + 0.06;
  }
};

const say = () => {
  const live = document.getElementById("live");
  const words = [...live.querySelectorAll(".notice-title, .notice-text"), live.querySelector(".care-hand h2")];
  form.querySelector("[data-said]").textContent = words.map((one) => one?.textContent ?? "").join(" ");
  play(live.dataset.sound);
};

const look = () => form.requestSubmit(form.querySelector("[data-look]"));

const next = () => {
  if (!waiting.length || form.hasAttribute("data-sent")) return;
  const typed = scan.value; // the scan after it may be half typed
  scan.value = waiting.shift();
  look();
  scan.value = typed;
};

if (scan) {
  // Scanners end with Enter or Tab; with nothing typed Tab moves on. A scan while another is on its way waits; a
  // second tap on a button does nothing (see forms.js).
  form.addEventListener("keydown", (event) => {
    const ends = event.key === "Enter" || (event.key === "Tab" && !event.shiftKey && scan.value);
    if (event.target !== scan || !ends) return;
    event.preventDefault();
    if (!form.hasAttribute("data-sent") && !waiting.length) return look();
    if (scan.value) waiting.push(scan.value);
    scan.value = "";
  });
  // A scan lands in its field wherever the focus is; its group separator, Ctrl+], too (see scan.js).
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey && event.key === "]") {
      event.preventDefault();
      scan.setRangeText("\u241d", scan.selectionStart, scan.selectionEnd, "end");
    } else if (event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey && !event.altKey && !event.target.closest?.(TYPED)) {
      scan.focus();
    }
  });
  form.addEventListener("htmx:configRequest", (event) => { if (event.target === form) scan.value = ""; });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.id !== "live" && event.detail.elt?.id !== "live") return;
    scan.focus();
    say();
  });
  document.addEventListener("htmx:afterRequest", () => setTimeout(next));
}
