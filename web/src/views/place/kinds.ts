import type { IconName } from "../../ui/icon.tsx";
import type { FormKind } from "./fields.ts";

/** A kind of place as it is offered for a new workspace. */
export interface KindWords {
  readonly kind: FormKind;
  readonly label: string;
  readonly icon: IconName;
  readonly words: string;
}

export const KINDS: readonly KindWords[] = [
  {
    kind: "worktree",
    label: "Worktree",
    icon: "worktree",
    words: "A checkout beside yours on the runner's machine. The fastest; shares its files and programs.",
  },
  {
    kind: "image",
    label: "New container",
    icon: "docker",
    words: "Berth makes one from an image, with limits, and removes it with the workspace.",
  },
  {
    kind: "container",
    label: "Running container",
    icon: "docker",
    words: "One of yours that runs already. Berth never stops or removes it.",
  },
  {
    kind: "ssh",
    label: "SSH host",
    icon: "ssh",
    words: "Another machine, reached as ssh reaches it. What runs there outlives the connection.",
  },
  {
    kind: "local",
    label: "The project's directory",
    icon: "local",
    words: "Your own checkout as it is: nothing is made, nothing is removed.",
  },
];
