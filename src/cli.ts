import { Command } from 'commander'

import { migrateOnce, openBridge, type Bridge } from './bridge.ts'
import { createLog } from './log.ts'
import { forget } from './privacy/forget.ts'
import { listAttention } from './report/attention.ts'
import { explain } from './report/explain.ts'
import { readPeriod, type GivenPeriod } from './report/period.ts'
import { reconcile } from './report/reconcile.ts'
import { statement } from './report/statement.ts'
import { explainFailure, readProcessSettings, runServer } from './run.ts'
import { dismiss } from './billers/lago/dismiss.ts'

const STANDARD_ERROR = 2
/** Two at work, one that listens; one for locks only where something is created. */
const COMMAND_CONNECTIONS = 4
/** What 128 + SIGINT stands for in a shell. */
const INTERRUPTED = 130

const write = (line: string) => void process.stdout.write(`${line}\n`)
const progress = (line: string) => void process.stderr.write(`${line}\n`)
const now = () => new Date()

/** Runs one command on the bridge's own database, beside a running server or without one. */
async function withBridge(run: (bridge: Bridge) => Promise<number>): Promise<number> {
  const { config, isPublicUrlGiven } = readProcessSettings()
  const log = createLog('warn', process.stderr.isTTY, STANDARD_ERROR)
  const connections = COMMAND_CONNECTIONS
  const options = { log, now, fetch: globalThis.fetch, isPublicUrlGiven, connections }
  const bridge = await openBridge(config, options)
  const interrupted = Promise.withResolvers<number>()
  const interrupt = () => interrupted.resolve(INTERRUPTED)
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt)
  try {
    return await Promise.race([run(bridge), interrupted.promise])
  } finally {
    await bridge.close()
  }
}

/** A process that waits for its output to be read, and for nothing else. */
async function end(exitCode: number) {
  await Promise.all(
    [process.stdout, process.stderr].map(
      (stream) => new Promise((resolve) => stream.write('', resolve)),
    ),
  )
  process.exit(exitCode)
}

const asExitCode =
  <Args extends unknown[]>(command: (...args: Args) => Promise<number>) =>
  async (...args: Args) =>
    end(await command(...args))

const program = new Command('bridge').description(
  'Collects Lago invoices through Dodo Payments and keeps both ledgers in agreement',
)

program
  .command('serve')
  .description('serve HTTP and work the queue, as `bun run start` does (the default)')
  .action(runServer)

program
  .command('migrate')
  .description('bring the schema up to date, as the role that owns it; a start does so as well')
  .option('--grant <role>', 'let this role read and write everything, and create nothing')
  .action(
    asExitCode(async ({ grant }: { grant?: string }) => {
      const config = readProcessSettings().config
      const log = createLog('warn', process.stderr.isTTY, STANDARD_ERROR)
      await migrateOnce(config, { log, grantTo: grant })
      write('The schema is up to date.')
      return 0
    }),
  )

program
  .command('explain <invoice>')
  .description(
    'everything that happened to one invoice (id or number) and why, and what will happen next; ' +
      'also of a payment request or a customer (id), and of an id of Dodo (pay_…, ref_…, dp_…, cks_…)',
  )
  .action(
    asExitCode((idOrNumber: string) => withBridge(({ deps }) => explain(deps, idOrNumber, write))),
  )

program
  .command('dismiss <invoice>')
  .description('puts aside the reason for attention that an invoice (id or number) shows')
  .option('--undo', 'show again what was put aside', false)
  .action(
    asExitCode((idOrNumber: string, { undo }: { undo: boolean }) =>
      withBridge(({ deps }) => dismiss(deps, idOrNumber, { isUndo: undo, write })),
    ),
  )

program
  .command('reconcile')
  .description('one sweep now; prints what it found and mended')
  .option('--dry-run', 'only look', false)
  .action(
    asExitCode(({ dryRun }: { dryRun: boolean }) =>
      withBridge((bridge) => reconcile(bridge, { isDryRun: dryRun }, { write, progress })),
    ),
  )

program
  .command('attention')
  .description('what a person must look at, with the reason; exit code 1 if there is anything')
  .action(asExitCode(() => withBridge(({ deps }) => listAttention(deps, write))))

program
  .command('forget <customer>')
  .description(
    'lets go of the name, the e-mail address and the webhooks of one customer (id) at once',
  )
  .action(asExitCode((payerKey: string) => withBridge(({ deps }) => forget(deps, payerKey, write))))

program
  .command('statement')
  .description('both ledgers side by side; exit code 1 if a difference has no explanation')
  .option('--from <date>', 'first day (default: 30 days)')
  .option('--to <date>', 'last day (default: today)')
  .option('--month <month>', 'a whole month, like 2026-08')
  .option('--tz <zone>', 'whose days they are, like Europe/Paris', 'UTC')
  .option('--csv', 'one row for each payment, refund and dispute', false)
  .action(
    asExitCode(async ({ csv, ...given }: GivenPeriod & { csv: boolean }) => {
      const period = readPeriod(given, now())
      return withBridge(({ deps }) => statement(deps, { period, isCsv: csv }, write))
    }),
  )

const fail = (error: unknown) => {
  progress(explainFailure('could not go on', error))
  return end(1)
}
process
  .on('uncaughtException', (error) => void fail(error))
  .on('unhandledRejection', (error) => void fail(error))

try {
  const args = process.argv.slice(2)
  await program.parseAsync(args.length === 0 ? ['serve'] : args, { from: 'user' })
} catch (error) {
  await fail(error)
}
