import { Component, type ReactNode } from "react";
import { Button } from "../ui/button.tsx";
import { ErrorNote } from "../ui/notes.tsx";

interface FailureProps {
  readonly children: ReactNode;
}

/** A defect in one part of the page costs that part. */
export class Failure extends Component<FailureProps, { readonly error: unknown }> {
  override state: { readonly error: unknown } = { error: undefined };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    const { error } = this.state;
    if (error === undefined) return this.props.children;
    return (
      <ErrorNote
        error={error}
        actions={<Button onClick={() => location.reload()}>Load the page anew</Button>}
      />
    );
  }
}
