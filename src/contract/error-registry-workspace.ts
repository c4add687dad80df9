import { type ErrorEntry, entry } from "./error-entry.ts";

/** What can go wrong with workspaces, their repositories and the way home (docs/workspaces.md). */
export const WORKSPACE_ERRORS = {
  "workspace.unknown": entry(404, "there is no workspace {name}", "berth workspace list shows them."),
  "workspace.ambiguous": entry(
    409,
    "several projects have a workspace {name}",
    "Give PROJECT/NAME, or its id; berth workspace list shows them.",
  ),
  "workspace.name_invalid": entry(
    400,
    "{name} is not a name of a workspace",
    "Letters, digits, dot, dash and underscore, starting with a letter or digit, at most 60.",
  ),
  "workspace.name_taken": entry(
    409,
    "the project has a workspace {name} already",
    "Choose another name, or delete that one: berth workspace delete {name}",
  ),
  "workspace.busy": entry(
    409,
    "another Berth (process {pid}) is working on {name} now: {operation}",
    "Wait until it is done.",
    true,
  ),
  "workspace.interrupted": entry(
    409,
    "{operation} of {name} did not come to its end",
    "berth gc completes or removes what is there.",
  ),
  "workspace.not_a_project": entry(
    400,
    "{path} is in no git repository",
    "Go to a checkout of the project, or make one: git init",
  ),
  "workspace.git_missing": entry(501, "{runtime} has no git", "Install git there."),
  "workspace.git_too_old": entry(
    501,
    "{runtime} has git {version}, which is too old",
    "Version {needed} or newer is needed there.",
  ),
  "workspace.git_failed": entry(
    500,
    "git of {runtime} did not succeed",
    "The end of what it said is in the details.",
  ),
  "workspace.branch_invalid": entry(
    400,
    "{branch} is not a name of a branch",
    "git check-ref-format tells the rules: no blanks, no .., no trailing dot or slash.",
  ),
  "workspace.branch_in_use": entry(
    409,
    "the branch {branch} is checked out in {path}",
    "Choose another branch, or work there.",
  ),
  "workspace.branch_exists": entry(
    409,
    "the branch {branch} exists already, at another commit than was asked for",
    "Leave --start out to continue that branch, or choose another name for the branch.",
  ),
  "workspace.start_unknown": entry(
    400,
    "{start} is no commit, branch or tag of the project",
    "git fetch, if it is newer than what is here.",
  ),
  "workspace.path_taken": entry(
    409,
    "{runtime} has {path} already, and Berth did not make it",
    "Move it away, or use it as it is: --existing {path}",
  ),
  "workspace.missing": entry(
    410,
    "the checkout of {name} is not at {path} any more",
    "Bring it back there, or forget the workspace: berth workspace delete --force {name}",
  ),
  "workspace.locked": entry(
    409,
    "git's lock {path} is held",
    "Another git works there. If it has died: berth doctor tells, and berth gc removes a lock that nobody holds.",
    true,
  ),
  "workspace.would_lose_work": entry(
    409,
    "deleting {name} would lose work",
    "Bring it home (berth workspace pull, apply), or give --force.",
  ),
  "workspace.diverged": entry(
    409,
    "{branch} has commits on both sides",
    "They are at {ref}: merge or rebase, and try again.",
  ),
  "workspace.apply_conflict": entry(
    409,
    "the work of {name} does not fit on what is here",
    "Nothing was changed. Commit or stash what is here, or get the commits by berth workspace pull.",
  ),
  "workspace.under_way": entry(409, "{operation} is under way in {path}", "Finish or abort it there first."),
  "workspace.partial_clone": entry(
    409,
    "the project is a partial clone, and objects that are needed are missing",
    "git fetch --refetch --no-filter gets all of them (git 2.36 or newer).",
  ),
  "workspace.submodule_missing": entry(
    409,
    "the submodule {path} is not in the project's checkout, or not at the commit that is recorded",
    "git submodule update --init --recursive",
  ),
  "workspace.not_stoppable": entry(
    400,
    "{name} has nothing to stop",
    "Only workspaces in containers that Berth made are stopped and started.",
  ),
  "workspace.init_running": entry(
    409,
    "the set-up of {name} still runs",
    "Wait for it; berth workspace show {name} tells.",
    true,
  ),
  "workspace.config_immutable": entry(
    409,
    "{field} says where the workspace stands and can't be changed",
    "Fork it to the other place: berth workspace fork {name} NEW -r RUNTIME",
  ),
  "workspace.not_trusted": entry(
    403,
    "{name} of {file} says {field}, and the project is not trusted",
    "Read the file; then berth trust, or berth workspace create --trust. -r RUNTIME takes another place.",
  ),
  "workspace.unsupported": entry(400, "{operation} is not possible here", "The message says why."),
  "store.newer": entry(
    409,
    "the database {path} was written by a newer Berth",
    "Use that version, or another state directory by BERTH_HOME.",
  ),
  "store.damaged": entry(
    500,
    "the database {path} can't be used",
    "Restore it from a backup, or move it away: workspaces themselves are not in it.",
  ),
  "store.unreachable": entry(
    503,
    "the database {path} can't be reached",
    "See whether its server runs, and whether user and password are right.",
    true,
  ),
  "store.busy": entry(
    503,
    "the database {path} is locked by another program",
    "Try again when it is done: a backup, perhaps.",
    true,
  ),
} as const satisfies Record<string, ErrorEntry>;
