/** What an address asks for besides its path; whatever names the host. */
export const queryOf = ({ url }: { url: string }) => /\?[^#]*/.exec(url)?.[0] ?? ''
