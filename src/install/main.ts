import { join } from 'node:path'

import { ROOT } from '../root.ts'
import { findCompiled } from './compiled.ts'
import { findMisfit } from './fits.ts'
import { withInstallLock } from './lock.ts'

const LOCK = join(ROOT, 'node_modules/.install-lock')

const isForDevelopment = process.argv.includes('--development')
const say = (line: string) => void process.stderr.write(`${line}\n`)

/** Installs what `bun.lock` names, unless it is there: a start asks nobody for packages that it has. */
async function install(): Promise<number> {
  // Whoever waited for another's installation finds nothing left to do.
  const misfit = findMisfit(ROOT, { isForDevelopment })
  if (misfit === undefined) return 0
  say(`installing what bun.lock names (${misfit} is not there) …`)
  // Without the tools for development, whose links are what two installations stumble over.
  const scope = isForDevelopment ? [] : ['--production']
  const child = Bun.spawn([process.execPath, 'install', '--frozen-lockfile', ...scope], {
    cwd: ROOT,
    stdio: ['ignore', 2, 2],
  })
  const exitCode = await child.exited
  if (exitCode !== 0) say(`the installation failed (exit code ${exitCode})`)
  else if (findMisfit(ROOT, { isForDevelopment })) {
    say(`${misfit} is still not as bun.lock says: remove node_modules, and start again`)
  }
  return exitCode
}

/** In a process of its own: this one has looked for packages before they were installed, and remembers that. */
async function compile() {
  const script = join(import.meta.dir, 'compile.ts')
  const child = Bun.spawn([process.execPath, '--no-env-file', script], {
    cwd: ROOT,
    stdio: ['ignore', 2, 2],
  })
  await child.exited
}

try {
  if (findMisfit(ROOT, { isForDevelopment }) !== undefined) {
    process.exitCode = await withInstallLock(LOCK, say, install)
  }
  if (!process.exitCode && findCompiled() === undefined) await compile()
} catch (error) {
  say(`could not install: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}
