import type { IconName } from "../../ui/icon.tsx";

/** Where a workspace stands, in a word and a detail. */
export interface PlaceWords {
  readonly kind: PlaceKind;
  readonly word: string;
  readonly icon: IconName;
  /** Image, container, host; undefined where the word says it all. */
  readonly detail?: string | undefined;
}

export const PLACE_KINDS = ["local", "worktree", "docker", "ssh", "remote"] as const;
export type PlaceKind = (typeof PLACE_KINDS)[number];

export interface Config {
  readonly type: string;
  readonly [field: string]: unknown;
}

export function placeOf(config: Config): PlaceWords {
  const text = (field: string): string | undefined => {
    const value = config[field];
    return typeof value === "string" ? value : undefined;
  };
  switch (config.type) {
    case "local":
      return { kind: "local", word: "local", icon: "local" };
    case "docker":
      return { kind: "docker", word: "docker", icon: "docker", detail: text("image") ?? text("containerId") };
    case "ssh":
      return { kind: "ssh", word: "ssh", icon: "ssh", detail: sshHost(text, config.port) };
    case "remote":
      return { kind: "remote", word: "remote", icon: "remote", detail: hostOf(text("url")) };
    default:
      return { kind: "worktree", word: config.type, icon: "worktree" };
  }
}

function sshHost(text: (field: string) => string | undefined, port: unknown): string | undefined {
  const host = text("host");
  if (host === undefined || host.startsWith("ssh://")) return host;
  const user = text("user");
  const named = user === undefined || host.includes("@") ? host : `${user}@${host}`;
  return typeof port === "number" && port !== 22 ? `${named}:${port}` : named;
}

function hostOf(url: string | undefined): string | undefined {
  return url !== undefined && URL.canParse(url) ? new URL(url).host : url;
}

/** Whether its branches are the project's own: nothing has to be sent or fetched. */
export function sharesRepository({ type }: Config): boolean {
  return type === "local" || type === "worktree";
}

/** Whether Berth made the container, and so may stop it. */
export function isStoppable(config: Config): boolean {
  return config.type === "docker" && "image" in config;
}
