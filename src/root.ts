import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The folder of the project, whether this runs from the sources or compiled (`install/compiled.ts`). */
export const ROOT = findRoot(import.meta.dir)

function findRoot(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : findRoot(dirname(folder))
}
