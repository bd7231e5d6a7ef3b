import { Socket } from 'node:net'

/**
 * Loaded before the bridge: told by SIGUSR2, it dies as the kernel kills, in the moment in which it would write to its
 * database for the so-manieth time. All that it waits for stands between two such writes.
 */
const at = Number(process.env['DIE_AT_WRITE'] ?? Infinity)
let writes = 0
let isTold = false

process.on('SIGUSR2', () => {
  isTold = true
})

// eslint-disable-next-line @typescript-eslint/unbound-method -- it is called on the socket that it is of.
const write = Socket.prototype.write as (...args: unknown[]) => boolean

Socket.prototype.write = function dieOrWrite(this: Socket, ...args: unknown[]) {
  if (isTold && (writes += 1) >= at) process.kill(process.pid, 'SIGKILL')
  return write.apply(this, args)
}
