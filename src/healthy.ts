import { connect } from 'node:net'

const DEFAULT_PORT = 3000
const TIMEOUT_MS = 4_000
const HOST = '127.0.0.1'

/**
 * Ends with 0 if the bridge of this container answers that it lives. Asked through a plain socket, as `fetch`
 * would ask the company's proxy where `HTTP_PROXY` is set.
 */
function askHealth(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect(port, HOST)
  let answer = ''
  socket.setTimeout(TIMEOUT_MS, () => resolve(false))
  socket.on('connect', () => {
    socket.write(`GET /health HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`)
  })
  socket.on('data', (chunk) => {
    answer += chunk.toString()
    if (answer.includes('\r\n')) resolve(/^HTTP\/1\.\d 200 /.test(answer))
  })
  socket.on('error', () => resolve(false))
  socket.on('close', () => resolve(false))
  return promise
}

process.exit((await askHealth(Number(process.env['PORT']) || DEFAULT_PORT)) ? 0 : 1)
