import { ROUTES } from "../../api/routes.ts";

const PATTERNS = [...Map.groupBy(ROUTES, ({ path }) => path)].map(([path, routes]) => ({
  routes,
  methods: routes.map(({ method }) => method),
  pattern: new RegExp(
    `^${path.replace(/[.]/g, "\\.").replace(/\{(\w+)\}/g, (_, name: string) => `(?<${name}>[^/]+)`)}$`,
  ),
}));

/** The routes of a path, whatever the method, and its parameters as they are written. */
export function matchPath(path: string) {
  for (const { pattern, routes, methods } of PATTERNS) {
    const match = pattern.exec(path);
    if (match !== null) return { routes, methods, params: { ...match.groups } };
  }
  return undefined;
}

/** Of the header Allow. */
export function allowed(methods: readonly string[]): string {
  return [...methods, ...(methods.includes("GET") ? ["HEAD"] : []), "OPTIONS"].join(", ");
}

/** The path of a request's target, without its query. */
export function pathOf(target: string | undefined): string {
  return (target ?? "/").split("?", 1)[0] ?? "/";
}

/** A path may hold anything: it is told back in part. */
export function shown(path: string): string {
  return path.slice(0, 100);
}
