/** What was given on the command line cannot be meant. */
export class BadOption extends Error {
  override name = 'BadOption' as const
}
