import { writeFileSync } from 'node:fs'
import {
  caseName,
  type BenchCase,
  loadName,
  loadsFor,
  type Protocol,
  protocols,
  type Topology,
} from './bench-case.ts'
import { loadGenerators } from './measure/load-generator.ts'
import { measureRounds } from './measure/round.ts'
import type { Row } from './measure/row.ts'
import { type BenchOptions, parseOptions } from './options.ts'
import { writeResults } from './report/results-file.ts'
import { resultsTables } from './report/results-table.ts'
import { type Backend, startBackend } from './setting/backend.ts'
import { issueCertificates } from './setting/certificates.ts'
import { versionOf } from './setting/installed.ts'
import { makeWorkFolder } from './setting/work-folder.ts'
import { subjects } from './subjects/catalog.ts'
import { type RunningSubject, runSubject, type Subject } from './subjects/subject.ts'

class Bench {
  readonly rows: Row[] = []
  /** Each subject that was asked for and has no figures, with the reason. */
  readonly notMeasured = new Set<string>()
  readonly #options: BenchOptions
  readonly #backend: Backend

  constructor(options: BenchOptions, backend: Backend) {
    this.#options = options
    this.#backend = backend
  }

  async run(): Promise<void> {
    for (const topology of this.#options.topologies) {
      for (const protocol of protocols) await this.#runCases(topology, protocol)
    }
  }

  async #runCases(topology: Topology, protocol: Protocol): Promise<void> {
    const payloads = this.#options.payloads.filter(payload => payload.protocol === protocol)
    const [first] = payloads
    if (first === undefined) return
    const present = await this.#rehearse({ topology, payload: first })
    for (const payload of payloads) await this.#runCase({ topology, payload }, present)
  }

  /**
   * The subjects that are here and carry a request, each started once and stopped again: the compiled code that
   * Node keeps from a first start makes later ones smaller, so none is measured on its first.
   */
  async #rehearse(benchCase: BenchCase): Promise<Subject[]> {
    const { topology, payload } = benchCase
    const { subjects: wanted } = this.#options
    const present: Subject[] = []
    for (const subject of subjects) {
      if (subject.topology !== topology || wanted?.includes(subject.name) === false) continue
      if (!subject.protocols.includes(payload.protocol)) continue
      const missing = subject.missing()
      if (missing !== undefined) {
        this.#skip(`${topology} ${subject.name}: ${missing}`)
        continue
      }
      const running = await this.#start(subject, benchCase)
      await running?.stop()
      if (running !== undefined) present.push(subject)
    }
    return present
  }

  /** Every case has its subjects started anew: none is measured on what another case left in its memory. */
  async #runCase(benchCase: BenchCase, present: readonly Subject[]): Promise<void> {
    const running: RunningSubject[] = []
    try {
      for (const subject of present) {
        const started = await this.#start(subject, benchCase)
        if (started !== undefined) running.push(started)
      }
      await this.#measureCase(benchCase, running)
    } finally {
      await Promise.all(running.map(subject => subject.stop()))
    }
  }

  async #start(subject: Subject, benchCase: BenchCase): Promise<RunningSubject | undefined> {
    try {
      const { payload } = benchCase
      return await runSubject(subject, this.#backend.ports[payload.protocol], payload)
    } catch (error) {
      return this.#skip(`${caseName(benchCase)} ${subject.name}: ${messageOf(error)}`)
    }
  }

  async #measureCase(benchCase: BenchCase, running: readonly RunningSubject[]): Promise<void> {
    const { loads, rounds, seconds } = this.#options
    for (const load of loadsFor(benchCase.payload, loads)) {
      console.log(`\n${caseName(benchCase)}, ${loadName(load)} connections`)
      const progress = (line: string) => console.log(`  ${line}`)
      const options = { rounds, seconds, progress }
      this.rows.push(...(await measureRounds(benchCase, load, running, options)))
    }
  }

  #skip(reason: string): undefined {
    this.notMeasured.add(reason)
    console.log(`skipped: ${reason}`)
  }
}

function checkTools(protocols: readonly Protocol[]): void {
  const clients = protocols.map(protocol => loadGenerators[protocol].program)
  for (const tool of [...clients, 'nginx', 'openssl'] as const) {
    if (versionOf(tool) === undefined) {
      throw new Error(
        `${tool} is not installed, and nothing can be measured without: npm run bench:peers`,
      )
    }
  }
}

function checkSubjects(names: readonly string[] = []): void {
  const known = [...new Set(subjects.map(({ name }) => name))]
  const unknown = names.find(name => !known.includes(name))
  if (unknown !== undefined) {
    throw new Error(`--subjects ${unknown}: give one or more of ${known.join(', ')}`)
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2))
  checkSubjects(options.subjects)
  const wanted = new Set(options.payloads.map(({ protocol }) => protocol))
  checkTools([...wanted])
  makeWorkFolder()
  issueCertificates()
  const backend = await startBackend([...wanted])
  const bench = new Bench(options, backend)
  await bench.run()
  await backend.stop()
  const tables = resultsTables(bench.rows)
  console.log(`\n${tables}`)
  if (options.json !== undefined) {
    writeFileSync(options.json, `${JSON.stringify(bench.rows, undefined, 2)}\n`)
  }
  if (options.write) writeResults(tables, [...bench.notMeasured], options)
}

// Debian keeps nginx and haproxy in sbin, which is not in everybody's PATH.
process.env['PATH'] += ':/usr/sbin'

// An exit, not a throw: what was started is ended by the exit's own listener.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

try {
  await main()
} catch (error) {
  console.error(messageOf(error))
  process.exit(1)
}
