import { Command, InvalidArgumentError } from 'commander'

import { describeRehearsal, openRehearsal } from './rehearsal.ts'

const LAGO_PORT = 4010
const DODO_PORT = 4020
const BRIDGE_URL = 'http://localhost:3000'
const MAX_PORT = 65_535

type Options = {
  lagoPort: number
  dodoPort: number
  bridge: string
  host?: string
  webhooks: boolean
}

/** Both sandboxes until Ctrl-C: what the real services are to *Install it for real*. */
async function main() {
  const { lagoPort, dodoPort, bridge: bridgeUrl, host, webhooks } = readOptions()
  // A proxy for the outside world is of no use on this machine.
  process.env['NO_PROXY'] = ['127.0.0.1', 'localhost', host ?? []].flat().join(',')
  const ended = Promise.withResolvers<void>()
  process.on('SIGINT', ended.resolve).on('SIGTERM', ended.resolve).on('SIGHUP', ended.resolve)

  const options = { lagoPort, dodoPort, bridgeUrl, host, hasEndpoints: webhooks }
  const rehearsal = openRehearsal(options)
  const lines = describeRehearsal(rehearsal, options)
  process.stdout.write(`${lines.join('\n')}\n`)
  await ended.promise
  await rehearsal.stop()
}

function readOptions(): Options {
  return new Command('sandbox')
    .description('a Lago and a Dodo Payments on this machine, to install the bridge against')
    .option('--lago-port <port>', 'where Lago listens', readPort, LAGO_PORT)
    .option('--dodo-port <port>', 'where Dodo listens', readPort, DODO_PORT)
    .option('--bridge <url>', 'where the bridge is reached', readUrl, BRIDGE_URL)
    .option('--host <name>', 'listen to others too, who reach this machine by this name')
    .option('--no-webhooks', 'register no webhook endpoints')
    .parse()
    .opts<Options>()
}

function readPort(text: string): number {
  const port = Number(text)
  if (/^\d+$/.test(text) && port <= MAX_PORT) return port
  throw new InvalidArgumentError('Write a port, like 4010; 0 takes a free one.')
}

function readUrl(text: string): string {
  const url = URL.parse(text)
  if (url && /^https?:$/.test(url.protocol)) return text.replace(/\/+$/, '')
  throw new InvalidArgumentError('Write a full URL, like http://localhost:3000.')
}

/** Bun's own words name neither the service nor the way out. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const isTaken = 'code' in error && error.code === 'EADDRINUSE'
  return isTaken
    ? `${error.message} Choose others with --lago-port and --dodo-port.`
    : error.message
}

try {
  await main()
  process.exit(0)
} catch (error) {
  process.stderr.write(`${explain(error)}\n`)
  process.exit(1)
}
