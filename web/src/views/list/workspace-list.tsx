import { useWorkspaces } from "../../state/context.ts";
import { workspacePath } from "../../state/router.ts";
import { Link } from "../../ui/link.tsx";

export function WorkspaceList() {
  return (
    <ul>
      {(useWorkspaces() ?? []).map(({ id, name }) => (
        <li key={id}>
          <Link to={workspacePath(id)}>{name}</Link>
        </li>
      ))}
    </ul>
  );
}
