import { ApiError, Later, PermanentError } from '../errors.ts'

/** A service may carry out what it was asked a moment after the connection broke. */
const LOOK_AFTER_MS = [500, 2_000]

/**
 * Makes a change whose answer may be lost: then what is there decides. Throws what `make` threw where the service
 * refused, and `PermanentError` where nobody can tell.
 */
export async function makeSure<Made>(
  what: string,
  make: () => Promise<Made>,
  find: () => Promise<Made | undefined>,
): Promise<Made> {
  try {
    return await make()
  } catch (error) {
    if (!isUnknown(error)) throw error
    const found = await lookAgain(find)
    if (found !== undefined) return found
    throw new PermanentError(
      `it is not known whether ${what}: the answer was lost. Run setup again: it looks first`,
      { cause: error },
    )
  }
}

/** Removes something, also where it is gone already or the answer was lost. */
export async function removeSurely(
  what: string,
  remove: () => Promise<unknown>,
  isThere: () => Promise<boolean>,
): Promise<void> {
  const removeOnce = async () => {
    await remove().catch((error: unknown) => {
      if (!(error instanceof ApiError && error.status === 404)) throw error
    })
    return true
  }
  await makeSure(what, removeOnce, async () => ((await isThere()) ? undefined : true))
}

async function lookAgain<Made>(find: () => Promise<Made | undefined>): Promise<Made | undefined> {
  for (const waitMs of LOOK_AFTER_MS) {
    await Bun.sleep(waitMs)
    const found = await find().catch((error: unknown) => {
      if (isUnknown(error) || error instanceof Later) return undefined
      throw error
    })
    if (found !== undefined) return found
  }
  return undefined
}

const isUnknown = (error: unknown) => error instanceof ApiError && error.outcome === 'unknown'
