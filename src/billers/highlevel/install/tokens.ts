import { and, eq, isNotNull, isNull, like } from 'drizzle-orm'

import type { Database, Executor } from '../../../db/client.ts'
import { highlevelTokens } from '../../../db/schema.ts'
import type { TokenAnswer } from '../../../highlevel/objects.ts'
import { Unsealable, type Seal } from '../../../highlevel/sealed.ts'

const COMPANY = 'company:'

/** Whose tokens they are, as `HIGHLEVEL_LOCATIONS` writes it: a location's id, or an agency's. */
export const ownerOfCompany = (companyId: string) => `${COMPANY}${companyId}`
export const companyOf = (owner: string): string | undefined =>
  owner.startsWith(COMPANY) ? owner.slice(COMPANY.length) : undefined

export type Tokens = {
  accessToken: string
  /** None for a location whose token its agency makes. */
  refreshToken: string | undefined
  issuedAt: Date
  expiresAt: Date
}

export type TokenStore = ReturnType<typeof createTokenStore>

const aboutAccess = (owner: string) => `access token of ${owner}`
const aboutRefresh = (owner: string) => `refresh token of ${owner}`

/** Those that were read, whichever key has sealed them since. */
const isStill = (owner: string, { expiresAt }: Tokens) =>
  and(eq(highlevelTokens.owner, owner), eq(highlevelTokens.expiresAt, expiresAt))

/** The tokens of locations and agencies, sealed at rest with the newest key as soon as they are read. */
export function createTokenStore({ db, seal, now }: { db: Database; seal: Seal; now: () => Date }) {
  const toRow = (owner: string, answer: TokenAnswer, refreshToken: string | undefined) => {
    const issuedAt = now()
    return {
      accessToken: seal.seal(answer.access_token, aboutAccess(owner)),
      refreshToken:
        refreshToken === undefined ? null : seal.seal(refreshToken, aboutRefresh(owner)),
      scope: answer.scope ?? null,
      issuedAt,
      expiresAt: new Date(issuedAt.getTime() + answer.expires_in * 1_000),
      refusedAt: null,
    }
  }

  /** What somebody consented to, or an agency's token has made. */
  async function keep(executor: Executor, owner: string, answer: TokenAnswer) {
    const values = toRow(owner, answer, answer.refresh_token)
    await executor
      .insert(highlevelTokens)
      .values({ owner, ...values })
      .onConflictDoUpdate({ target: highlevelTokens.owner, set: values })
  }

  /**
   * Both at once, since the old ones are dead; an answer without a refresh token leaves that one in force. False when
   * the owner was let go meanwhile, or has installed the app anew: then nothing of before comes back.
   */
  async function replace(owner: string, answer: TokenAnswer, before: Tokens): Promise<boolean> {
    const rows = await db
      .update(highlevelTokens)
      .set(toRow(owner, answer, answer.refresh_token ?? before.refreshToken))
      .where(isStill(owner, before))
      .returning({ owner: highlevelTokens.owner })
    return rows.length > 0
  }

  /**
   * Nothing takes them any more; that they were there is remembered. False when others are there by now, or some that
   * no key of ours opens: the right key may come back, and a refresh token never does.
   */
  async function refuse(executor: Executor, owner: string, before: Tokens | undefined) {
    const isNone = and(eq(highlevelTokens.owner, owner), isNull(highlevelTokens.accessToken))
    const rows = await executor
      .update(highlevelTokens)
      .set({ accessToken: null, refreshToken: null, refusedAt: now() })
      .where(before ? isStill(owner, before) : isNone)
      .returning({ owner: highlevelTokens.owner })
    return rows.length > 0
  }

  /** What there is; undefined where nothing is, it was refused, or no key of ours opens it. */
  async function read(owner: string): Promise<Tokens | undefined> {
    const [row] = await db.select().from(highlevelTokens).where(eq(highlevelTokens.owner, owner))
    if (row?.accessToken == null) return undefined
    try {
      const access = seal.open(row.accessToken, aboutAccess(owner))
      const refresh =
        row.refreshToken === null ? undefined : seal.open(row.refreshToken, aboutRefresh(owner))
      if (access.isOld || refresh?.isOld) await sealAnew(row, access.text, refresh?.text)
      const { issuedAt, expiresAt } = row
      return { accessToken: access.text, refreshToken: refresh?.text, issuedAt, expiresAt }
    } catch (error) {
      if (error instanceof Unsealable) return undefined
      throw error
    }
  }

  /** A key that is to be given up must not be the only one that opens something. */
  async function sealAnew(
    row: typeof highlevelTokens.$inferSelect,
    accessToken: string,
    refreshToken: string | undefined,
  ) {
    const { owner, accessToken: sealed } = row
    await db
      .update(highlevelTokens)
      .set({
        accessToken: seal.seal(accessToken, aboutAccess(owner)),
        refreshToken:
          refreshToken === undefined ? null : seal.seal(refreshToken, aboutRefresh(owner)),
      })
      .where(and(eq(highlevelTokens.owner, owner), eq(highlevelTokens.accessToken, sealed ?? '')))
  }

  return {
    keep,
    replace,
    read,
    refuse,
    drop: (executor: Executor, owner: string) =>
      executor.delete(highlevelTokens).where(eq(highlevelTokens.owner, owner)),
    /** The agencies whose tokens are here. */
    async listCompanies(): Promise<string[]> {
      const rows = await db
        .select({ owner: highlevelTokens.owner })
        .from(highlevelTokens)
        .where(
          and(like(highlevelTokens.owner, `${COMPANY}%`), isNotNull(highlevelTokens.accessToken)),
        )
      return rows.flatMap(({ owner }) => companyOf(owner) ?? [])
    },
  }
}
