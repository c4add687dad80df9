import { type ReactNode, useState } from "react";
import { useLink, useMayReachOut, useToken, useWorkspaces } from "../state/context.ts";
import { navigate, useRoute, workspacePath } from "../state/router.ts";
import { signOut } from "../state/session.ts";
import { Button, IconButton } from "../ui/button.tsx";
import { shortDuration } from "../ui/format.ts";
import { Icon } from "../ui/icon.tsx";
import { Link } from "../ui/link.tsx";
import { Menu } from "../ui/menu.tsx";
import { useNow } from "../ui/time.tsx";
import { sayError } from "../ui/toasts.tsx";
import { OperationTray } from "../views/list/operation-tray.tsx";
import { keysForPeople, useCommands } from "./commands.ts";
import css from "./frame.module.css";
import { Palette } from "./palette.tsx";
import { Shortcuts } from "./shortcuts.tsx";
import { toggleTheme } from "./theme.ts";

/** What stays around every view: where one is, whether the runner answers, and what can be done from everywhere. */
export function Frame({ children }: { readonly children: ReactNode }) {
  const [open, setOpen] = useState<"palette" | "shortcuts" | undefined>();
  const close = () => setOpen(undefined);
  const token = useToken();
  const workspaces = useWorkspaces() ?? [];
  const mayMake = useMayReachOut();
  useCommands([
    { id: "palette", title: "Show all commands", keys: "Mod+K", run: () => setOpen("palette") },
    { id: "shortcuts", title: "Show keyboard shortcuts", keys: "?", run: () => setOpen("shortcuts") },
    { id: "go-workspaces", title: "Go to workspaces", keys: "g w", group: "Go", run: () => navigate("/") },
    { id: "go-events", title: "Go to events", keys: "g e", group: "Go", run: () => navigate("/events") },
    {
      id: "go-access",
      title: "Go to tokens and sessions",
      keys: "g a",
      group: "Go",
      run: () => navigate("/access"),
    },
    ...(mayMake ? [{ id: "new", title: "New workspace", keys: "c", run: () => navigate("/new") }] : []),
    { id: "theme", title: "Change between light and dark", run: toggleTheme },
    { id: "sign-out", title: "Sign out", run: () => void signOut().catch(sayError) },
    ...workspaces.map(({ id, name, project }) => ({
      id: `open-${id}`,
      title: `${project.name}/${name}`,
      group: "Workspaces",
      run: () => navigate(workspacePath(id)),
    })),
  ]);
  return (
    <div className={css.frame}>
      <a href="#main" className={css.skip}>
        Skip to the content
      </a>
      <header className={css.top}>
        <Link to="/" className={css.brand} aria-label="Berth: workspaces">
          <img src="/favicon.svg" alt="" width={22} height={22} />
          <span className={css.name}>Berth</span>
        </Link>
        <Crumbs />
        <LinkState />
        <OperationTray />
        <Button kind="quiet" icon="search" className={css.find} onClick={() => setOpen("palette")}>
          <span className={css.findName}>Commands </span>
          <kbd className={css.wide}>{keysForPeople("Mod+K")}</kbd>
        </Button>
        <IconButton
          icon="keyboard"
          label="Keyboard shortcuts"
          className={css.wide}
          onClick={() => setOpen("shortcuts")}
        />
        <Menu
          label={`Signed in by ${token.name}`}
          icon="key"
          items={[
            { label: "Events", icon: "events", run: () => navigate("/events") },
            { label: "Tokens and sessions", icon: "shield", run: () => navigate("/access") },
            { label: "Light or dark", icon: "sun", run: toggleTheme },
            {
              label: "Sign out",
              icon: "signOut",
              separated: true,
              run: () => void signOut().catch(sayError),
            },
          ]}
        />
      </header>
      <main id="main" tabIndex={-1} className={css.main}>
        {children}
      </main>
      {open === "palette" && <Palette onClose={close} />}
      {open === "shortcuts" && <Shortcuts onClose={close} />}
    </div>
  );
}

function Crumbs() {
  const route = useRoute();
  const workspaces = useWorkspaces();
  const titles: Partial<Record<typeof route.name, string>> = {
    new: "New workspace",
    events: "Events",
    access: "Tokens and sessions",
    error: "Error",
  };
  const workspace = route.name === "workspace" ? workspaces?.find(({ id }) => id === route.id) : undefined;
  const title = workspace?.name ?? titles[route.name];
  return (
    <nav aria-label="Where you are" className={css.crumbs}>
      {workspace !== undefined && (
        <>
          <span className={css.soft}>{workspace.project.name}</span>
          <Icon name="chevronRight" size={12} />
        </>
      )}
      {title !== undefined && <span aria-current="page">{title}</span>}
    </nav>
  );
}

/** Says when what is shown may be old. */
function LinkState() {
  const link = useLink();
  const now = useNow(1000);
  if (link.state !== "lost") return null;
  return (
    <span className={css.lost} role="status">
      <Icon name="warning" /> The runner does not answer ({shortDuration(now - link.since)}); trying again
    </span>
  );
}
