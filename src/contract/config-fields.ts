import * as z from "zod";

export const absolutePath = z.string().regex(/^\/[^\0]*$/, {
  message: "has to be an absolute path, such as /work",
});

/** A path of this machine; `~/` is the home directory of who runs Berth. */
export const ownPath = z.string().regex(/^(?:\/|~\/)[^\0]*$/, {
  message: "has to be an absolute path, or start with ~/",
});

/** A path of the place; `~/` is the home directory of its user. */
export const placePath = z.string().regex(/^(?:\/|~\/)[^\0]*$/, {
  message: "has to be an absolute path in the place, or start with ~/",
});

/** Ids of workspaces: "w" and ten letters and digits. */
export const WORKSPACE_ID = /^w[0-9a-z]{10}$/;

const environmentName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, {
  message: "a name is letters, digits and _, not starting with a digit",
});
const environmentValue = z.string().regex(/^[^\0]*$/, { message: "a value has no NUL" });

/** Environment variables: names validated, values kept exactly. */
export const environmentSchema = z.record(environmentName, environmentValue);

/** Where a secret is found; the secret itself is in no configuration. */
export const secretReferenceSchema = z.union(
  [
    /** Name of a variable in the environment of who runs Berth. */
    z.strictObject({ env: environmentName }),
    /** A file that only its owner can read; one newline at its end does not count. */
    z.strictObject({ file: ownPath }),
    /** A program that prints it, such as ["pass", "show", "box"]; one newline at its end does not count. */
    z.strictObject({ command: z.array(z.string()).min(1) }),
  ],
  {
    error:
      'is a reference and never the secret itself: { env: "NAME" }, { file: "/path" } or { command: ["pass", "show", "box"] }',
  },
);

/** Fields of every runtime. */
export const common = {
  /** Working directory in the place; relative paths start there. */
  workdir: z.string().min(1).optional(),
  /** "never": no daemon is installed; fewer capabilities, nothing outlives the caller. */
  daemon: z.enum(["auto", "never"]).optional(),
  /** Directory in the place for the daemon's state; default: under the user's state directory. */
  stateDir: absolutePath.optional(),
  /** Added to the environment of every command. */
  env: environmentSchema.optional(),
  /**
   * Directory in the place for the output of processes, made with mode 0700; default: in the daemon's state. `~/` is the
   * home directory of the daemon's user. Without a daemon no output is kept.
   */
  processLogDir: placePath.optional(),
  /**
   * Id of the workspace that the place is of: names and lists of processes are its own. Set by Berth when it opens a
   * workspace.
   */
  workspace: z.string().regex(WORKSPACE_ID, { message: "is not the id of a workspace" }).optional(),
};

/** Where workspaces stand in a place; each project has a directory of its own there. */
export const baseDir = placePath.optional();
