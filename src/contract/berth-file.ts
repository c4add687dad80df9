import * as z from "zod";
import {
  dockerContainerConfigSchema,
  dockerImageConfigSchema,
  localConfigSchema,
  worktreeConfigSchema,
} from "./config.ts";
import { remoteConfigSchema } from "./config-remote.ts";
import { sshConfigSchema } from "./config-ssh.ts";

/** Names of runtimes in `berth.yaml`. */
const runtimeName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, {
  message: "a name is letters, digits, dot, dash and underscore, starting with a letter or digit",
});

/** What git allows in a branch's name, without what only whole names can't be; `*` is for patterns. */
const REF_CHARACTERS =
  "(?!.*(?:\\.\\.|//|@\\{))[^\\s\\0-\\x1f\\x7f~^:?[\\\\*-][^\\s\\0-\\x1f\\x7f~^:?[\\\\*]*";

const branchName = z.string().regex(new RegExp(`^${REF_CHARACTERS}(?<![./])$`), {
  message: 'is not the name of a branch, such as "main"',
});

export const workspaceSettingsSchema = z.strictObject({
  /** Where a workspace is made when nothing else is asked for: a name of `runtimes`, or a URI. Default: `worktree:`. */
  runtime: z.string().min(1).optional(),
  /** Stands before the name of a workspace in the name of its branch, such as `agent/`. Default: nothing. */
  branchPrefix: z
    .string()
    .regex(new RegExp(`^${REF_CHARACTERS}$`), {
      message: 'can\'t start the name of a branch; for example "agent/"',
    })
    .optional(),
  /**
   * Branches that Berth never deletes: names, in which `*` stands for anything within a part and `**` for anything.
   * Trunk, the branch that is checked out in the project, `main`, `master`, `trunk` and `develop` always are.
   */
  protectedBranches: z.array(z.string().min(1)).optional(),
  /** The branch that new ones start from and that merged work is looked for in. Default: what `origin` says, else the first of `main`, `master`, `trunk` and `develop`. */
  trunk: branchName.optional(),
  /** Time for the `git pull --ff-only` of a new workspace, which may fail: `20s`; `0s` leaves it out. Default: `20s`. */
  updateTimeout: z
    .string()
    .regex(/^\d+(?:\.\d+)?(?:ms|s|m|h|d)$/, {
      message: "is not a duration: a number with its unit, such as 500ms, 20s, 2m",
    })
    .optional(),
});

/** Settings of Berth's own that no file gives. */
const BY_BERTH = { workspace: true } as const;

/** What a name of `runtimes` may stand for. */
export const namedRuntimeSchema = z.union([
  z
    .string()
    .regex(/^[a-z][a-z0-9+.-]*:/)
    .describe(
      "A URI: local:/directory, docker://CONTAINER/workdir, docker-image:NAME:TAG, ssh://USER@HOST/workdir, runner://HOST:PORT/WORKSPACE.",
    ),
  localConfigSchema.omit(BY_BERTH),
  worktreeConfigSchema.omit(BY_BERTH),
  dockerContainerConfigSchema.omit(BY_BERTH),
  dockerImageConfigSchema.omit(BY_BERTH),
  sshConfigSchema.omit(BY_BERTH),
  // Which secret goes to which runner is no matter of a file that somebody else may have written.
  remoteConfigSchema.omit({ token: true }),
]);

/** What `berth.yaml` of a project holds. */
export const berthFileSchema = z.strictObject({
  /** Runtimes by name: a URI, or a configuration with a `type`. */
  runtimes: z.record(runtimeName, namedRuntimeSchema).default({}),
  /** The runtime that is used when none is asked for: a name of `runtimes`, or a URI. */
  default: z.string().min(1).optional(),
  /** How workspaces of the project are made. */
  workspaces: workspaceSettingsSchema.default({}),
});

/** The same before its runtimes are read, each of which has an error of its own. */
export const unreadBerthFileSchema = berthFileSchema.extend({
  runtimes: z.record(runtimeName, z.unknown()).default({}),
});

/** The settings as they are written. */
export type WrittenWorkspaceSettings = z.infer<typeof workspaceSettingsSchema>;

/** The settings as they are used: times in milliseconds. */
export interface WorkspaceSettings extends Omit<WrittenWorkspaceSettings, "updateTimeout"> {
  readonly updateTimeoutMs?: number;
}
