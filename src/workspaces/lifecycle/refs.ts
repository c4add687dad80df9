/** Keeps what a workspace starts at in a repository, until its branch does. */
export function startRef(id: string): string {
  return `refs/berth/start/${id}`;
}

/** Keeps what was pushed into a workspace, until its branch has it. */
export function pushedRef(id: string): string {
  return `refs/berth/pushed/${id}`;
}

/** Keeps what came home from a workspace, until the branch here has it. People may have to type it. */
export function pulledRef(name: string): string {
  return `refs/berth/pulled/${name}`;
}
