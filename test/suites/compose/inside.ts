// The first process of the suite's own namespaces; main.ts starts it.
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Report } from '../report.ts'
import type { CaseContext } from './case.ts'
import { cases } from './cases.ts'
import { Engine } from './engine/engine.ts'
import { makeImages } from './engine/images.ts'

interface Plan {
  readonly cases: readonly string[]
  readonly folder: string
}

const plan = JSON.parse(process.argv[2] ?? '') as Plan
const report = new Report()
let skipped: string | undefined
try {
  await runAll()
} catch (error) {
  report.check('the engine has the images', false, (error as Error).message)
}
if (skipped !== undefined) console.log(`skipped: ${skipped}`)
report.print()
// Whatever still runs ends with this process.
process.exit(report.failed === 0 ? 0 : 1)

async function runAll(): Promise<void> {
  const { folder } = plan
  prepareNamespaces()
  await using engine = new Engine(folder)
  try {
    await engine.start()
  } catch (error) {
    skipped = `no engine starts here: ${(error as Error).message}`
    return
  }
  const begun = performance.now()
  await makeImages(engine, folder)
  report.figure('images made in', (performance.now() - begun) / 1000, 's')
  for (const name of plan.cases) {
    console.log(name)
    const own = join(folder, name)
    mkdirSync(own)
    await runCase(name, { engine, report, folder: own })
  }
}

async function runCase(name: string, context: CaseContext): Promise<void> {
  const begun = performance.now()
  try {
    await cases.find(each => each.name === name)?.run(context)
  } catch (error) {
    report.check(`${name} runs to its end`, false, (error as Error).stack)
  }
  report.figure(`${name} took`, (performance.now() - begun) / 1000, 's')
}

/** A machine that has no network yet, and on which no other engine is seen. */
function prepareNamespaces(): void {
  execFileSync('mount', ['--make-rprivate', '/'])
  execFileSync('mount', ['-t', 'tmpfs', 'run', '/run'])
  mkdirSync('/run/lock')
  execFileSync('ip', ['link', 'set', 'lo', 'up'])
  execFileSync('sysctl', ['-qw', 'net.ipv4.ip_forward=1'])
}
