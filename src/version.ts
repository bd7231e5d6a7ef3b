import manifest from '../package.json' with { type: 'json' }

/** The release of the bridge. */
export const VERSION: string = manifest.version
