import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import type { createLuck } from '../suites/suite.ts'
import type { OwnDatabase } from './database.ts'
import type { Stage } from './stage.ts'

type Struck = {
  stage: Stage
  database: OwnDatabase
  luck: ReturnType<typeof createLuck>
  /** Until when it may go on. */
  untilMs: number
  /** What was done, and where: counted by its name. */
  count: (what: string) => void
}
export type Scenario = {
  name: string
  strike: (struck: Struck) => Promise<void>
  /** Whether the ledger forgets by it what it has acknowledged. */
  isLedgerOlder?: boolean
  /** Whether its database lies on a small disk of its own. */
  isOnSmallDisk?: boolean
}

const CLOCK = fileURLToPath(new URL('clock.ts', import.meta.url))
const REPLICAS = 3
const MOST_CALLS_PER_LIFE = 6
const MOST_MS_PER_LIFE = 4_000
const HOUR_MS = 3_600_000

/** Between two blows: somebody is billed, somebody pays, and now and then a merchant gives back a part. */
async function goOn({ stage, luck }: Struck, forMs: number) {
  stage.bill()
  stage.pay()
  if (luck.next() < 0.3) stage.refundOne()
  await Bun.sleep(forMs)
  stage.pay()
}

const left = ({ untilMs }: Struck) => performance.now() < untilMs

/**
 * As a call reaches a service, once it was carried out and before the answer leaves, or wherever it is after some
 * milliseconds.
 */
async function killAtCalls(struck: Struck) {
  const { stage, luck, count } = struck
  do {
    const died = Promise.withResolvers<string>()
    let callsLeft = 1 + luck.below(MOST_CALLS_PER_LIFE)
    const isAfter = luck.next() < 0.5
    let isDead = false
    const server = await stage.start()
    const strikeAt = (where: string) => {
      isDead = true
      process.kill(server.pid, 'SIGKILL')
      died.resolve(where)
    }
    stage.onCalls((where) => {
      if (isDead) return where.startsWith('before')
      if (where.startsWith('before')) callsLeft -= 1
      const isNow = callsLeft <= 0 && where.startsWith(isAfter ? 'after' : 'before')
      if (isNow) strikeAt(where)
      return isNow && !isAfter
    })
    const timer = setTimeout(
      () => (isDead ? undefined : strikeAt('wherever it was')),
      500 + luck.below(MOST_MS_PER_LIFE),
    )
    stage.bill()
    stage.pay()
    if (luck.next() < 0.3) stage.refundOne()
    count(`killed ${await died.promise}`)
    clearTimeout(timer)
    stage.onCalls(undefined)
    await stage.kill(0)
  } while (left(struck))
}

async function killInTurn(struck: Struck) {
  const { stage, count } = struck
  for (let nth = 0; nth < REPLICAS; nth += 1) await stage.start(nth)
  for (let nth = 0; ; nth = (nth + 1) % REPLICAS) {
    await goOn(struck, 1_500)
    await stage.kill(nth)
    count('replicas killed')
    await goOn(struck, 500)
    await stage.start(nth)
    if (!left(struck) && nth === REPLICAS - 1) return
  }
}

async function endSessions(struck: Struck) {
  const { stage, database, luck, count } = struck
  await stage.start()
  do {
    await goOn(struck, 200)
    for (let nth = 0; nth < 5; nth += 1) {
      if (await database.endOneSession(luck.below(50))) count('sessions of Postgres ended')
      await Bun.sleep(100 + luck.below(200))
    }
  } while (left(struck))
}

async function stopPostgres(struck: Struck) {
  const { stage, database, luck, count } = struck
  await stage.start()
  do {
    await goOn(struck, 500 + luck.below(1_000))
    const how = luck.next() < 0.5 ? 'SIGINT' : 'SIGQUIT'
    await database.stopServer(how)
    count(how === 'SIGINT' ? 'Postgres stopped' : 'Postgres killed')
    await goOn(struck, 3_000)
  } while (left(struck))
}

/** Nothing comes back, and nobody says so; in the end every connection is cut. */
async function halfOpen(struck: Struck) {
  const { stage, database, luck, count } = struck
  await stage.start()
  do {
    await goOn(struck, 500 + luck.below(1_000))
    database.proxy.behaviour.isSilent = true
    await goOn(struck, 5_000 + luck.below(10_000))
    database.proxy.behaviour.isSilent = false
    database.proxy.cut()
    count('connections half-open')
    await goOn(struck, 2_000)
  } while (left(struck))
}

/** All that the ledger learnt since is forgotten, and both services know it. */
async function restoreBackup(struck: Struck) {
  const { stage, database, count } = struck
  const { inside } = database.at(database.name)
  for (let nth = 0; nth < 3 || left(struck); nth += 1) {
    await stage.start()
    await goOn(struck, 3_000)
    await stage.kill(0)
    await stage.lookInto(inside)
    const backup = `backup_${nth}_${database.name}`
    const isAlone = `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${database.name}'`
    await database.command(isAlone, `create database ${backup} template ${database.name}`)
    await stage.start()
    for (let more = 0; more < 3; more += 1) await goOn(struck, 2_000)
    await stage.kill(0)
    await database.command(
      isAlone,
      `alter database ${database.name} rename to gone_${nth}_${database.name}`,
      `alter database ${backup} rename to ${database.name}`,
    )
    count('older backups restored')
    await stage.lookInto(inside)
  }
}

/** The clock of the machine that the bridge runs on; the database's and both services' are right. */
async function jumpClock(struck: Struck) {
  const { stage, count } = struck
  const folder = await mkdtemp(join(tmpdir(), 'bridge-clock-'))
  const file = join(folder, 'off')
  try {
    await stage.start(0, { preload: CLOCK, env: { CLOCK_FILE: file } })
    do {
      for (const offMs of [HOUR_MS, 0, -HOUR_MS, 0]) {
        await goOn(struck, 1_500)
        await writeFile(file, String(offMs))
        count('jumps of the clock by an hour')
        await goOn(struck, 1_500)
      }
    } while (left(struck))
    await stage.kill(0)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Not a byte more fits on the disk of the database, which may stop for it; then somebody makes room. */
async function fillDisk(struck: Struck) {
  const { stage, database, count } = struck
  await stage.start()
  do {
    await goOn(struck, 1_500)
    await database.fillDisk()
    count('disks full')
    for (let nth = 0; nth < 4; nth += 1) await goOn(struck, 1_500)
    await database.makeRoom()
    await goOn(struck, 3_000)
  } while (left(struck))
}

export const SCENARIOS: readonly Scenario[] = [
  { name: 'killed at a call, or wherever it is', strike: killAtCalls },
  { name: 'three replicas, killed in turn', strike: killInTurn },
  { name: 'sessions of Postgres ended one by one', strike: endSessions },
  { name: 'Postgres stopped, or killed, and started', strike: stopPostgres },
  { name: 'connections that are half-open, and then cut', strike: halfOpen },
  { name: 'an older backup restored', strike: restoreBackup, isLedgerOlder: true },
  { name: 'the clock an hour ahead, and an hour behind', strike: jumpClock },
  { name: 'the disk full', strike: fillDisk, isOnSmallDisk: true },
]
