import { keep, kept } from "../state/kept.ts";

const KEY = "berth.theme";

/** As was chosen here before; else as the system is. */
export function applyTheme(): void {
  const chosen = kept(KEY);
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
}

export function isDark(): boolean {
  const { theme } = document.documentElement.dataset;
  return theme === undefined ? matchMedia("(prefers-color-scheme: dark)").matches : theme === "dark";
}

/** To the other one of the two; what follows the system anyway is not kept. */
export function toggleTheme(): void {
  const next = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  if (next === system) {
    delete document.documentElement.dataset.theme;
    keep(KEY, null);
  } else keep(KEY, next);
  window.dispatchEvent(new Event("berth-theme"));
}

/** Told when light becomes dark or dark light, whoever did it. */
export function onTheme(listener: () => void): () => void {
  const query = matchMedia("(prefers-color-scheme: dark)");
  query.addEventListener("change", listener);
  window.addEventListener("berth-theme", listener);
  return () => {
    query.removeEventListener("change", listener);
    window.removeEventListener("berth-theme", listener);
  };
}
