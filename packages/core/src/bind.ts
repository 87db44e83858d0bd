// Where a server listens: the grammar of a bind, read and printed.

/** A parsed bind. `systemd` names one socket of the activation by its FDNAME, or all of them. */
export type Bind =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'fd'; readonly fd: number }
  | { readonly kind: 'systemd'; readonly name?: string };
