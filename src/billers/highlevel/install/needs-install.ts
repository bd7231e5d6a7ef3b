import { PermanentError } from '../../../errors.ts'

/** HighLevel takes no token of a location or agency, or we have none: a person must install the app there again. */
export class NeedsInstall extends PermanentError {
  constructor(owner: string, options: ErrorOptions = {}) {
    super(`HighLevel takes no token of ${owner}: install the app there again`, {
      ...options,
      code: 'needs_install',
    })
  }
}
