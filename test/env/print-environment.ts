import { loadProcessEnvironment } from '../../src/env/process-environment.ts'

/** What a process of ours takes for its environment, and what is left for Bun itself to read. */
const { environment, problems } = loadProcessEnvironment()
process.stdout.write(JSON.stringify({ environment, problems, own: process.env }))
