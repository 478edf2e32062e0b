// Opens the page that scans where there is no connection. Always the network first; kept are one page without any
// order, person or token in it, and the files it names. Scans are kept by that page, not here.
const KEPT = "receiving-offline";
const PAGE = `${registration.scope}/offline`;
const FILES = /(?:src|href)="(\/[^"#]*static\/[^"#]+)/g;

// Once more after every visit, so that what is kept is as new as the portal.
const keep = async () => {
  const page = await fetch(PAGE, { cache: "no-store", redirect: "error" });
  if (!page.ok) return;
  const files = [...(await page.clone().text()).matchAll(FILES)].map(([, file]) => new URL(file, location).href);
  const cache = await caches.open(KEPT);
  const had = new Set((await cache.keys()).map((request) => request.url));
  await cache.addAll(files.filter((file, at) => !had.has(file) && files.indexOf(file) === at));
  await cache.put(PAGE, page);
  await Promise.all([...had].filter((url) => url !== PAGE && !files.includes(url)).map((url) => cache.delete(url)));
};

const orKept = async (request, address) => {
  try {
    return await fetch(request);
  } catch (error) {
    const kept = await caches.match(address);
    if (kept) return kept;
    throw error;
  }
};

addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("message", (event) => event.waitUntil(keep().catch(() => {})));
addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET") return;
  if (request.mode === "navigate") event.respondWith(orKept(request, PAGE));
  else if (new URL(request.url).pathname.includes("/static/")) event.respondWith(orKept(request, request.url));
});
