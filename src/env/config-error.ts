/** The configuration is wrong. The message lists every problem and how to mend each. */
export class ConfigError extends Error {
  override name = 'ConfigError' as const
}
