import { ROUTES } from "../../api/routes.ts";

const PATTERNS = [...Map.groupBy(ROUTES, ({ path }) => path)].map(([path, routes]) => ({
  methods: routes.map(({ method }) => method),
  pattern: new RegExp(`^${path.replaceAll(".", "\\.").replace(/\{\w+\}/g, "[^/]+")}$`),
}));

/** The methods that a path takes; undefined: there is no such path. */
export function methodsOf(path: string): readonly string[] | undefined {
  return PATTERNS.find(({ pattern }) => pattern.test(path))?.methods;
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
