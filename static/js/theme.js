// Light or dark before the first paint: the cookie set by the switch, else the system's wish.
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  root.classList.add("js");
  const chosen = root.dataset.bsTheme;
  if (!chosen) root.dataset.bsTheme = system.matches ? "dark" : "light";
  system.addEventListener("change", () => {
    if (!document.cookie.includes("theme=")) root.dataset.bsTheme = system.matches ? "dark" : "light";
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest?.("[data-theme-switch]")) return;
    root.dataset.bsTheme = root.dataset.bsTheme === "dark" ? "light" : "dark";
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `theme=${root.dataset.bsTheme}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
  });
})();
