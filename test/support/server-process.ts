import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const KIB = 1024

/** The bridge as merchants run it: a process of its own, which says when it is ready. */
export async function startServer(
  env: Record<string, string>,
  { preload, main = MAIN }: { preload?: string; main?: string } = {},
) {
  const loading = preload === undefined ? [] : ['--preload', preload]
  const child = Bun.spawn([process.execPath, ...loading, '--no-env-file', main], {
    cwd: '/',
    env: { PATH: process.env['PATH'] ?? '', PORT: '0', NO_PROXY: '127.0.0.1', ...env },
    stdout: 'pipe',
    stderr: 'inherit',
  })
  const lines: Record<string, unknown>[] = []
  const ready = Promise.withResolvers<number>()
  const read = async () => {
    let text = ''
    for await (const piece of child.stdout.pipeThrough(new TextDecoderStream())) {
      const whole = (text + piece).split('\n')
      text = whole.pop() ?? ''
      for (const line of whole) hear(JSON.parse(line) as Record<string, unknown>)
    }
    ready.reject(new Error(`it did not become ready: ${JSON.stringify(lines)}`))
  }
  function hear(line: Record<string, unknown>) {
    lines.push(line)
    if (line['msg'] === 'bridge ready') ready.resolve(Number(line['port']))
  }
  const reading = read()
  const port = await ready.promise
  return {
    port,
    pid: child.pid,
    died: child.exited,
    /** As a machine dies: nothing is finished. */
    killAtOnce: () => child.kill('SIGKILL'),
    lines,
    /** The most memory that it ever held, in MiB. */
    peakMib() {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
      return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / KIB
    },
    async stop() {
      child.kill('SIGTERM')
      await child.exited
      await reading
    },
  }
}
