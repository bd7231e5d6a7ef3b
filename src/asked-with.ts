/** Beside what a service says against a key: whose it is, where there are several. */
export const sayAskedWith = (said: string, keyName: string) =>
  `${said}; it was asked with ${keyName}`

/** The name of that key; undefined where there is only one. */
export const readAskedWith = (detail: string): string | undefined =>
  /; it was asked with (.+)$/.exec(detail)?.[1]
