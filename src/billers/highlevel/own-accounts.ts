import { randomBytes } from 'node:crypto'

import { and, eq, isNull } from 'drizzle-orm'

import type { AccountKeys, StoredAccounts } from '../../accounts.ts'
import { DODO_API_URLS, type Config } from '../../config.ts'
import type { Database, Executor } from '../../db/client.ts'
import { dodoAccounts } from '../../db/schema.ts'
import { createSeal, Unsealable } from '../../highlevel/sealed.ts'

type Row = typeof dodoAccounts.$inferSelect
type Seal = ReturnType<typeof createSeal>
/** Whose account it is, and for which mode. */
type Owner = Pick<Row, 'source' | 'tenant' | 'mode'>

const ACCOUNT_BYTES = 16
const WEBHOOK_SECRET_BYTES = 32

/** The id of a new account: 128 random bits, since it is part of the address of its webhooks. */
export const newAccountId = () => randomBytes(ACCOUNT_BYTES).toString('hex')

const aboutKey = (account: string) => `dodo account ${account}: api key`
const aboutSecret = (account: string) => `dodo account ${account}: webhook secret`

/** Where Dodo is reached in a mode; a sandbox's address holds for the locations' accounts, too. */
export function dodoUrlOf(
  { dodo, dodoTest }: Pick<Config, 'dodo' | 'dodoTest'>,
  mode: Row['mode'],
) {
  if (dodo.environment === mode) return dodo.url
  return mode === 'test' && dodoTest ? dodoTest.url : DODO_API_URLS[mode]
}

/** The Dodo accounts that locations have entered, their secrets sealed with HIGHLEVEL_SECRET. */
export function createOwnAccounts({
  db,
  config,
  seal,
}: {
  db: Database
  config: Pick<Config, 'dodo' | 'dodoTest'>
  seal: Seal
}): StoredAccounts {
  /** Undefined for what no key opens any more: nothing can be done on it. */
  function open({ account: id, tenant, mode, ...sealed }: Row): AccountKeys | undefined {
    const { apiKey, webhookSecret } = sealed
    try {
      const [key, secret] = [
        seal.open(apiKey, aboutKey(id)),
        seal.open(webhookSecret, aboutSecret(id)),
      ]
      // A key that is to be given up must not be the only one that opens something.
      if (key.isOld || secret.isOld)
        void sealAnew(id, apiKey, { key: key.text, secret: secret.text })
      return {
        id,
        mode,
        url: dodoUrlOf(config, mode),
        apiKey: key.text,
        keyName: keyNameOf({ tenant, mode }),
        webhookSecrets: [secret.text],
      }
    } catch (error) {
      if (error instanceof Unsealable) return undefined
      throw error
    }
  }

  /** It is sealed with an old key as long as this does not work, and tried each time it is used. */
  async function sealAnew(
    id: string,
    old: string,
    { key, secret }: Record<'key' | 'secret', string>,
  ) {
    await db
      .update(dodoAccounts)
      .set({
        apiKey: seal.seal(key, aboutKey(id)),
        webhookSecret: seal.seal(secret, aboutSecret(id)),
      })
      .where(and(eq(dodoAccounts.account, id), eq(dodoAccounts.apiKey, old)))
      .catch(() => undefined)
  }

  return {
    async find(id) {
      // Strangers make up addresses, and no text of Postgres has a NUL.
      if (id.includes('\0')) return undefined
      const [row] = await db.select().from(dodoAccounts).where(eq(dodoAccounts.account, id))
      return row && open(row)
    },
    async list() {
      const rows = await db.select().from(dodoAccounts)
      return rows.flatMap((row) => open(row) ?? [])
    },
  }
}

/** As people read it: no variable holds it. */
const keyNameOf = ({ tenant, mode }: Pick<Row, 'tenant' | 'mode'>) =>
  `the key that location ${tenant} entered for ${mode} mode`

const isCurrent = ({ source, tenant, mode }: Owner) =>
  and(
    eq(dodoAccounts.source, source),
    eq(dodoAccounts.tenant, tenant),
    eq(dodoAccounts.mode, mode),
    isNull(dodoAccounts.endedAt),
  )

/** The account that an owner's new orders are opened on; undefined when they have none of their own. */
export async function findOwnAccount(db: Executor, owner: Owner): Promise<Row | undefined> {
  const [row] = await db.select().from(dodoAccounts).where(isCurrent(owner))
  return row
}

/** Those that new orders are opened on, with their keys; a key is undefined that none of HIGHLEVEL_SECRET opens. */
export async function listCurrentAccounts(db: Executor, seal: Seal) {
  const rows = await db.select().from(dodoAccounts).where(isNull(dodoAccounts.endedAt))
  return rows.map(({ account, tenant, mode, apiKey: sealed }) => {
    try {
      return { account, tenant, mode, apiKey: seal.open(sealed, aboutKey(account)).text }
    } catch (error) {
      if (!(error instanceof Unsealable)) throw error
      return { account, tenant, mode, apiKey: undefined }
    }
  })
}

/** Keeps an account that was tried, in place of the one that its owner had. */
export async function keepOwnAccount(
  db: Database,
  seal: Seal,
  {
    owner,
    account,
    apiKey,
    webhookSecret,
    dodoEndpointId,
    at,
  }: {
    owner: Owner
    account: string
    apiKey: string
    webhookSecret: string
    dodoEndpointId: string | null
    at: Date
  },
): Promise<void> {
  await db.transaction(async (tx) => {
    await forgetOwnAccount(tx, owner, at)
    await tx.insert(dodoAccounts).values({
      ...owner,
      account,
      apiKey: seal.seal(apiKey, aboutKey(account)),
      webhookSecret: seal.seal(webhookSecret, aboutSecret(account)),
      dodoEndpointId,
      createdAt: at,
    })
  })
}

/** Nothing new is opened on it. What was opened stays there, refunds included, so its secrets are kept. */
export async function forgetOwnAccount(db: Executor, owner: Owner, at: Date): Promise<void> {
  await db.update(dodoAccounts).set({ endedAt: at }).where(isCurrent(owner))
}

/** All accounts that an owner has ever entered, ended ones included: what was opened on one stays there. */
export const listOwnAccounts = (db: Executor, { source, tenant, mode }: Owner) =>
  db
    .select({ account: dodoAccounts.account, endedAt: dodoAccounts.endedAt })
    .from(dodoAccounts)
    .where(
      and(
        eq(dodoAccounts.source, source),
        eq(dodoAccounts.tenant, tenant),
        eq(dodoAccounts.mode, mode),
      ),
    )

type Entering = { owner: Owner; account: string; apiKey: string; at: Date }

/**
 * Writes down that an account is about to be registered at Dodo, where it can then be found again by its id. It serves
 * nothing yet: a secret that nobody knows verifies its webhooks, never none.
 */
export async function intendOwnAccount(
  db: Executor,
  seal: Seal,
  { owner, account, apiKey, at }: Entering,
): Promise<void> {
  const nobodys = `whsec_${randomBytes(WEBHOOK_SECRET_BYTES).toString('base64')}`
  await db
    .insert(dodoAccounts)
    .values({
      ...owner,
      account,
      apiKey: seal.seal(apiKey, aboutKey(account)),
      webhookSecret: seal.seal(nobodys, aboutSecret(account)),
      createdAt: at,
      endedAt: at,
    })
    .onConflictDoNothing()
}

/** From now on the owner's new orders are opened on it, with this key and secret. */
export async function useOwnAccount(
  tx: Executor,
  seal: Seal,
  {
    owner,
    account,
    apiKey,
    webhookSecret,
    dodoEndpointId,
    at,
  }: Entering & { webhookSecret: string; dodoEndpointId: string },
): Promise<void> {
  await forgetOwnAccount(tx, owner, at)
  await tx
    .update(dodoAccounts)
    .set({
      apiKey: seal.seal(apiKey, aboutKey(account)),
      webhookSecret: seal.seal(webhookSecret, aboutSecret(account)),
      dodoEndpointId,
      endedAt: null,
    })
    .where(and(eq(dodoAccounts.account, account), eq(dodoAccounts.tenant, owner.tenant)))
}
