import net from 'node:net'

import { clean } from './env/clean.ts'

const DEFAULT_PORT = '3000'
const PATIENCE_MS = 4_000

/**
 * Asks the bridge in this container whether it lives, and ends with 0 if it does. Over a bare socket, because
 * `fetch` would ask the proxy that is meant for the outside world. A process of its own, and a small one: a
 * container starts it every ten seconds.
 */
function check(port: number) {
  const socket = net.connect({ port, host: '127.0.0.1', timeout: PATIENCE_MS })
  let answer = ''
  const end = () => process.exit(/^HTTP\/1\.\d 200 /.test(answer) ? 0 : 1)
  socket.on('connect', () =>
    socket.write('GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n'),
  )
  socket.on('data', (piece) => {
    answer += piece.toString('latin1')
    if (answer.includes('\r\n')) end()
  })
  socket.on('timeout', end).on('error', end).on('close', end)
}

const cleaned = clean(process.env['PORT'] ?? '')
check(Number(('value' in cleaned && cleaned.value) || DEFAULT_PORT))
