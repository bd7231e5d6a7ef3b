import net from 'node:net'

const PATIENCE_MS = 5_000

/** Sends exactly these bytes over a socket, and returns what comes back until the head of an answer is there. */
export function exchange(port: number, ...parts: (string | Uint8Array)[]): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const socket = net.connect(port, '127.0.0.1')
  const timer = setTimeout(() => finish(''), PATIENCE_MS)
  let received = ''
  function finish(text: string) {
    clearTimeout(timer)
    socket.destroy()
    resolve(text)
  }
  socket.on('data', (bytes) => {
    received += bytes.toString('latin1')
    if (received.includes('\r\n\r\n')) setTimeout(finish, 20, received)
  })
  socket.on('error', reject)
  socket.on('close', () => finish(received))
  for (const part of parts) socket.write(part)
  return promise
}

/** The status of an answer, and its text. */
export const statusOf = (answer: string) => Number(answer.split(' ')[1])
