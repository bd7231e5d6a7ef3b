/** What an address asks for beyond its path, from the `?` on. Where the host is garbled, or not named, it is no URL. */
export function searchOf({ url }: Pick<Request, 'url'>): string {
  const at = url.indexOf('?')
  return at === -1 ? '' : url.slice(at).replace(/#.*/s, '')
}
