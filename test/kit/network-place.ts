/** Where a server of the kit runs: an address, and a network namespace when it has one of its own. */
export interface NetworkPlace {
  /** The IPv4 address that it binds, and that others reach it at. */
  readonly host: string;
  /** What stands before its command, to start it there: `nsenter --net=...`. */
  readonly enter: readonly string[];
}

/** This machine, as this process sees it. */
export const HERE: NetworkPlace = { host: '127.0.0.1', enter: [] };

/** The command line that runs a program at a place. `nsenter` becomes the program: one process id. */
export function commandAt(
  place: NetworkPlace,
  command: string,
  args: readonly string[],
): { readonly command: string; readonly args: readonly string[] } {
  const [first, ...rest] = [...place.enter, command];
  return { command: first ?? command, args: [...rest, ...args] };
}
