/** Kinds of places that a workspace can be made in, as the form offers them. */
export const FORM_KINDS = ["worktree", "image", "container", "ssh", "local"] as const;
export type FormKind = (typeof FORM_KINDS)[number];

export interface FieldSpec {
  /** As in berth.yaml; "engine.host" is a field of a field. */
  readonly name: string;
  readonly label: string;
  readonly hint?: string;
  readonly kind:
    | "text"
    | "number"
    | "seconds"
    | "bytes"
    | "choice"
    | "flag"
    | "pathMap"
    | "mounts"
    | "ports"
    | "env"
    | "secret";
  readonly placeholder?: string;
  readonly options?: readonly { readonly value: string; readonly label: string }[];
  readonly suggest?: "hosts" | "containers" | "images";
  readonly required?: boolean;
  /** Rarely needed: behind "More". */
  readonly more?: boolean;
  /** Says where the workspace stands, and so can't be changed once it is made. */
  readonly fixed?: boolean;
}

const choice = (...pairs: readonly (readonly [value: string, label: string])[]) =>
  pairs.map(([value, label]) => ({ value, label }));

const ENV: FieldSpec = {
  name: "env",
  label: "Environment",
  kind: "env",
  hint: "Added to the environment of every command.",
};

const BASE_DIR: FieldSpec = {
  name: "baseDir",
  label: "Directory for workspaces",
  kind: "text",
  placeholder: "~/berth",
  hint: "In the place. Each project has a directory in it, and the checkout there is the working directory.",
  fixed: true,
};

const COMMON: readonly FieldSpec[] = [
  {
    name: "daemon",
    label: "Daemon",
    kind: "choice",
    more: true,
    options: choice(["", "Automatic"], ["never", "Never: nothing is installed there"]),
    hint: "Without it nothing outlives a connection, and no output is kept.",
  },
  {
    name: "stateDir",
    label: "Directory of the daemon's state",
    kind: "text",
    placeholder: "/data/berth",
    more: true,
    hint: "Where the default in the home directory does not fit.",
  },
  {
    name: "processLogDir",
    label: "Directory of kept output",
    kind: "text",
    placeholder: "/data/logs",
    more: true,
    hint: "Default: in the daemon's state.",
  },
];

const PATH_MAP: FieldSpec = {
  name: "pathMap",
  label: "Path map",
  kind: "pathMap",
  hint: "Directories of this machine as they are called in the container; the longest prefix counts.",
  fixed: true,
};

const ENGINE: readonly FieldSpec[] = [
  {
    name: "engine.host",
    label: "Docker engine",
    kind: "text",
    placeholder: "unix:///var/run/docker.sock",
    more: true,
    fixed: true,
    hint: "As DOCKER_HOST: unix://, tcp:// or ssh://. Default: that of the runner's environment.",
  },
  {
    name: "engine.context",
    label: "Docker context",
    kind: "text",
    more: true,
    fixed: true,
  },
];

const USER_IN_CONTAINER: FieldSpec = {
  name: "user",
  label: "User",
  kind: "text",
  placeholder: "the container's own",
  hint: "Who runs the commands.",
  fixed: true,
};

/** Fields of each kind in the order of the form; meanings are those of docs/runtimes.md. */
export const FIELDS: Readonly<Record<FormKind, readonly FieldSpec[]>> = {
  worktree: [
    {
      ...BASE_DIR,
      more: true,
      placeholder: "in Berth's own state",
      hint: "On the runner's machine. Each project has a directory in it.",
    },
    { ...ENV, more: true },
    ...COMMON,
  ],
  local: [{ ...ENV, more: true }, ...COMMON],
  container: [
    {
      name: "containerId",
      label: "Container",
      kind: "text",
      placeholder: "web",
      required: true,
      suggest: "containers",
      hint: "Name or id of one that runs. Berth never stops or removes it.",
      fixed: true,
    },
    BASE_DIR,
    USER_IN_CONTAINER,
    PATH_MAP,
    ENV,
    ...ENGINE,
    ...COMMON,
  ],
  image: [
    {
      name: "image",
      label: "Image",
      kind: "text",
      placeholder: "node:24",
      required: true,
      suggest: "images",
      hint: "Has git and /bin/sh. Berth makes a container of it, and removes it with the workspace.",
      fixed: true,
    },
    {
      name: "pull",
      label: "Pull the image",
      kind: "choice",
      options: choice(["", "When it is missing"], ["always", "Always"], ["never", "Never"]),
    },
    { ...BASE_DIR, hint: "In the container: the volume of the checkout is mounted there." },
    USER_IN_CONTAINER,
    { name: "cpus", label: "CPUs", kind: "number", placeholder: "no limit", hint: "Fractions too: 1.5" },
    { name: "memoryBytes", label: "Memory", kind: "bytes", placeholder: "no limit", hint: "Such as 2 GiB" },
    { name: "pidsLimit", label: "Processes at most", kind: "number", placeholder: "4096" },
    {
      name: "network",
      label: "Network",
      kind: "text",
      placeholder: "the engine's own",
      hint: 'A network of the engine, or "none".',
    },
    { name: "mounts", label: "Mounts", kind: "mounts", hint: "Directories of this machine, and volumes." },
    { name: "ports", label: "Ports", kind: "ports", hint: "Of the container, listened on by this machine." },
    PATH_MAP,
    ENV,
    {
      name: "readOnly",
      label: "The image's own files can't be changed",
      kind: "flag",
    },
    {
      name: "registryCredentials",
      label: "Credentials of the registry",
      kind: "choice",
      more: true,
      options: choice(["", "Those of docker login"], ["none", "None: anonymous"]),
    },
    {
      name: "entrypoint",
      label: "Entrypoint",
      kind: "choice",
      more: true,
      options: choice(["", "None"], ["image", "The image's own, beside the daemon"]),
    },
    {
      name: "delivery",
      label: "How the daemon gets in",
      kind: "choice",
      more: true,
      options: choice(["", "Automatic"], ["mount", "By a mount"], ["image", "In an image made of it"]),
    },
    ...ENGINE,
    ...COMMON,
  ],
  ssh: [
    {
      name: "host",
      label: "Host",
      kind: "text",
      placeholder: "dev@box",
      required: true,
      suggest: "hosts",
      hint: "A name, an address or an alias of the ssh configuration; also user@host:port.",
      fixed: true,
    },
    {
      name: "user",
      label: "User",
      kind: "text",
      placeholder: "as the ssh configuration says",
      fixed: true,
    },
    { name: "port", label: "Port", kind: "number", placeholder: "22", fixed: true },
    {
      name: "identityFile",
      label: "Private key",
      kind: "text",
      placeholder: "~/.ssh/id_ed25519",
      hint: "A file of the runner's machine. Default: the agent's keys and those of the ssh configuration.",
    },
    BASE_DIR,
    {
      name: "transport",
      label: "Transport",
      kind: "choice",
      options: choice(
        ["", "Automatic"],
        ["openssh", "The machine's own ssh"],
        ["ssh2", "Built in (ssh2): for passwords"],
      ),
    },
    {
      name: "hostKeys",
      label: "Host keys",
      kind: "choice",
      options: choice(
        ["", "Strict: only hosts that are known"],
        ["accept-new", "Accept new: unknown ones are recorded"],
      ),
      hint: "A key that has changed is refused by both.",
    },
    ENV,
    {
      name: "password",
      label: "Password",
      kind: "secret",
      more: true,
      hint: "Where it is found; the password itself is in no configuration.",
    },
    { name: "passphrase", label: "Passphrase of the key", kind: "secret", more: true },
    {
      name: "connectTimeoutMs",
      label: "Time to connect, in seconds",
      kind: "seconds",
      placeholder: "15",
      more: true,
    },
    {
      name: "maxConnections",
      label: "Connections at most",
      kind: "number",
      placeholder: "4",
      more: true,
      hint: "1 to 16; for hosts without the daemon.",
    },
    {
      name: "knownHostsFile",
      label: "File of known hosts",
      kind: "text",
      placeholder: "~/.ssh/known_hosts",
      more: true,
      hint: "In place of the user's, for hosts that live for an hour.",
    },
    {
      name: "configFile",
      label: "ssh configuration",
      kind: "text",
      placeholder: "~/.ssh/config",
      more: true,
      hint: "In place of the user's; jump hosts are given there by ProxyJump.",
    },
    {
      name: "forwardAgent",
      label: "The agent of the runner's machine can be used there",
      kind: "flag",
      more: true,
    },
    ...COMMON,
  ],
};

/** Which form a configuration has; undefined for what no form is there for. */
export function formKindOf(config: { readonly type: string }): FormKind | undefined {
  if (config.type === "docker") return "image" in config ? "image" : "container";
  return FORM_KINDS.find((kind) => kind === config.type);
}

export function typeOfKind(kind: FormKind): string {
  return kind === "image" || kind === "container" ? "docker" : kind;
}
