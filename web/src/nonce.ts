/** The nonce by which this document allows style elements; "" where it has none. */
export function styleNonce(): string {
  return document.querySelector<HTMLMetaElement>('meta[name="berth-nonce"]')?.content ?? "";
}

/** Terminal and editor make style elements of their own and know of no nonce: each one gets it as it is made. */
export function giveStylesTheirNonce(): void {
  const nonce = styleNonce();
  const create = document.createElement.bind(document) as (name: string, options?: unknown) => HTMLElement;
  document.createElement = ((name: string, options?: unknown) => {
    const element = create(name, options);
    if (element instanceof HTMLStyleElement) element.nonce = nonce;
    return element;
  }) as typeof document.createElement;
}
