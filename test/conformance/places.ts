import type { Capabilities } from "../../src/contract/capabilities.ts";
import { image } from "../fixtures/images.ts";
import type { Place } from "./case.ts";
import { fromImage, inContainer } from "./container-place.ts";
import { local } from "./local-place.ts";
import { FULL, NONE, ORDINARY } from "./place.ts";
import { bySsh } from "./ssh-place.ts";
export interface PlaceRecipe {
  /** For people, as in the matrix. */
  readonly title: string;
  /** What it has to be able to do: a place that can less is a failure, not a smaller place. */
  readonly expects: Omit<Capabilities, "reasons">;
  /** Run by an ordinary user of this machine who is in the docker group. */
  readonly asUser?: boolean;
  /** Seen to by root before an ordinary user needs it. */
  readonly prepare?: () => Promise<unknown>;
  readonly make: (stack: AsyncDisposableStack) => Promise<Place>;
}

export const PLACE_NAMES = [
  "local-root",
  "local-root-embedded",
  "local-user",
  "local-user-embedded",
  "debian",
  "debian-without-daemon",
  "busybox",
  "busybox-without-daemon",
  "nonroot",
  "nonroot-without-daemon",
  "readonly",
  "readonly-without-daemon",
  "image",
  "image-without-daemon",
  "ssh-openssh",
  "ssh-ssh2",
  "ssh-fish",
  "ssh-openssh-without-daemon",
  "ssh-ssh2-without-daemon",
  "workspace-worktree",
  "workspace-docker",
  "workspace-ssh",
  "remote-local",
  "remote-docker",
  "remote-ssh",
] as const;

export type PlaceName = (typeof PLACE_NAMES)[number];

export const PLACES: Readonly<Record<PlaceName, PlaceRecipe>> = {
  "local-root": {
    title: "local, root",
    expects: FULL,
    make: (stack) => local(stack, "local-root", "auto"),
  },
  "local-root-embedded": {
    title: "local, root, daemon: never",
    expects: { ...FULL, daemon: false },
    make: (stack) => local(stack, "local-root-embedded", "never"),
  },
  "local-user": {
    title: "local, ordinary user",
    expects: ORDINARY,
    asUser: true,
    make: (stack) => local(stack, "local-user", "auto"),
  },
  "local-user-embedded": {
    title: "local, ordinary user, daemon: never",
    expects: { ...ORDINARY, daemon: false },
    asUser: true,
    make: (stack) => local(stack, "local-user-embedded", "never"),
  },
  debian: {
    title: "Debian container",
    expects: FULL,
    make: (stack) => inContainer(stack, "debian", "debian", "auto"),
  },
  "debian-without-daemon": {
    title: "Debian container, daemon: never",
    expects: NONE,
    make: (stack) => inContainer(stack, "debian-without-daemon", "debian", "never"),
  },
  busybox: {
    title: "busybox container",
    expects: FULL,
    make: (stack) => inContainer(stack, "busybox", "busybox", "auto"),
  },
  "busybox-without-daemon": {
    title: "busybox container, daemon: never",
    expects: NONE,
    make: (stack) => inContainer(stack, "busybox-without-daemon", "busybox", "never"),
  },
  nonroot: {
    title: "container whose user is not root",
    expects: ORDINARY,
    make: (stack) => inContainer(stack, "nonroot", "debian-user", "auto"),
  },
  "nonroot-without-daemon": {
    title: "container whose user is not root, daemon: never",
    expects: NONE,
    make: (stack) => inContainer(stack, "nonroot-without-daemon", "debian-user", "never"),
  },
  readonly: {
    title: "container with a read-only root",
    expects: FULL,
    make: (stack) => inContainer(stack, "readonly", "debian", "auto", { readOnly: true }),
  },
  "readonly-without-daemon": {
    title: "container with a read-only root, daemon: never",
    expects: NONE,
    make: (stack) => inContainer(stack, "readonly-without-daemon", "debian", "never", { readOnly: true }),
  },
  image: {
    title: "container made from an image, by an ordinary user",
    expects: FULL,
    asUser: true,
    prepare: () => image("busybox"),
    make: (stack) => fromImage(stack, "image", "auto"),
  },
  "image-without-daemon": {
    title: "container made from an image, daemon: never",
    expects: NONE,
    make: (stack) => fromImage(stack, "image-without-daemon", "never"),
  },
  "ssh-openssh": {
    title: "SSH by OpenSSH, ordinary user, bash with start-up files that print",
    expects: ORDINARY,
    make: (stack) => bySsh(stack, "ssh-openssh", { transport: "openssh", shell: "bash" }),
  },
  "ssh-ssh2": {
    title: "SSH by ssh2, root",
    expects: FULL,
    make: (stack) => bySsh(stack, "ssh-ssh2", { transport: "ssh2", shell: "root" }),
  },
  "ssh-fish": {
    title: "SSH by OpenSSH, fish with start-up files that print",
    expects: ORDINARY,
    make: (stack) => bySsh(stack, "ssh-fish", { transport: "openssh", shell: "fish" }),
  },
  "ssh-openssh-without-daemon": {
    title: "SSH by OpenSSH, tcsh with start-up files that print, daemon: never",
    expects: NONE,
    make: (stack) =>
      bySsh(stack, "ssh-openssh-without-daemon", { transport: "openssh", shell: "tcsh", daemon: "never" }),
  },
  "ssh-ssh2-without-daemon": {
    title: "SSH by ssh2, bash with start-up files that print, daemon: never",
    expects: NONE,
    make: (stack) =>
      bySsh(stack, "ssh-ssh2-without-daemon", { transport: "ssh2", shell: "bash", daemon: "never" }),
  },
  "workspace-worktree": {
    title: "workspace in a worktree, root",
    expects: FULL,
    make: (stack) => local(stack, "workspace-worktree", "auto", { workspace: "direct" }),
  },
  "workspace-docker": {
    title: "workspace in a container made from an image whose user is not root",
    expects: ORDINARY,
    make: (stack) => fromImage(stack, "workspace-docker", "auto", { workspace: "direct" }),
  },
  "workspace-ssh": {
    title: "workspace on a host by SSH, ordinary user, bash with start-up files that print",
    expects: ORDINARY,
    make: (stack) =>
      bySsh(stack, "workspace-ssh", { transport: "openssh", shell: "bash", workspace: "direct" }),
  },
  "remote-local": {
    title: "workspace in a worktree, through a runner, root",
    expects: FULL,
    make: (stack) => local(stack, "remote-local", "auto", { workspace: "remote" }),
  },
  "remote-docker": {
    title: "workspace in a container whose user is not root, through a runner",
    expects: ORDINARY,
    make: (stack) => fromImage(stack, "remote-docker", "auto", { workspace: "remote" }),
  },
  "remote-ssh": {
    title: "workspace on a host by SSH, through a runner, ordinary user",
    expects: ORDINARY,
    make: (stack) => bySsh(stack, "remote-ssh", { transport: "openssh", shell: "bash", workspace: "remote" }),
  },
};
