export function NewWorkspace({ project }: { readonly project?: string | undefined }) {
  return <h1>New workspace {project}</h1>;
}
