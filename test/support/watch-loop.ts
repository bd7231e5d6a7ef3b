/**
 * Preloaded into a process: says on standard output when its main thread worked for long before it came back to the
 * event loop. Time of the processor, not of the clock: what else the machine does is no fault of ours.
 */
import { isMainThread } from 'node:worker_threads'

const TOLD_MS = 10
const LOOK_MS = 1

const spentMs = () => {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}

if (isMainThread) {
  let before = spentMs()
  setInterval(() => {
    const heldMs = spentMs() - before
    if (heldMs > TOLD_MS) process.stdout.write(`${JSON.stringify({ msg: 'loop held', heldMs })}\n`)
    before = spentMs()
  }, LOOK_MS).unref()
}
