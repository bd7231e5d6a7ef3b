import { createStage } from '../model/live.ts'
import { WALKS } from '../walks.ts'

/** Tells one walk, by its name, and says what came of it; 1 when a rule was broken. */
const [name] = process.argv.slice(2)
const walk = WALKS.find((one) => one.name === name)
if (!walk) throw new Error(`there is no walk ${name}`)
const stage = createStage()
const said = await stage.live(walk.setting, walk.acts)
process.stdout.write(`${said}\n`)
process.exit(stage.isGood(said) ? 0 : 1)
