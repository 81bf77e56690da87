import { randomInt } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import t, { type Test } from 'tap'
import { functionLabel } from '../../src/model/function/function.ts'
import { functionYaml, invoke } from '../support/functions/mesh.ts'
import { natsMissing, NatsServer } from '../support/functions/nats.ts'
import { bootstrapOf, call, eventually, startMesh, startSidecar } from '../support/mesh.ts'
import type { TestMesh } from '../support/mesh.ts'
import { freePorts, WeftProcess } from '../support/process.ts'

const host = '127.0.0.1'
const eventCount = 300
const callers = 8
/** More failures than this allows, and the caller's circuit breaker would open for seconds. */
const restMs = 100

/** A sidecar of the function `echo`, in a process of its own that can be killed and started again. */
class FunctionHostProcess implements AsyncDisposable {
  readonly admin: number
  readonly #command: readonly string[]
  readonly #folder: string
  #process: WeftProcess

  static async start(mesh: TestMesh, name: string): Promise<FunctionHostProcess> {
    const [admin = 0, inbound = 0, outbound = 0] = await freePorts(3)
    const bootstrap = await bootstrapOf(mesh, {
      name,
      labels: { [functionLabel]: 'echo' },
      overrides: {
        hostsFunction: true,
        admin: { host, port: admin },
        inbound: { host, port: inbound },
        outbound: { host, port: outbound },
      },
    })
    const file = join(mesh.folder, `${name}.json`)
    writeFileSync(file, JSON.stringify(bootstrap))
    return new FunctionHostProcess(admin, ['proxy', '--config', file], mesh.folder)
  }

  private constructor(admin: number, command: readonly string[], folder: string) {
    this.admin = admin
    this.#command = command
    this.#folder = folder
    this.#process = new WeftProcess(command, folder)
  }

  async kill(): Promise<void> {
    this.#process.signal('SIGKILL')
    await this.#process.exited
  }

  /** With what it has on disk. */
  restart(): void {
    this.#process = new WeftProcess(this.#command, this.#folder)
  }

  async events(): Promise<{ readonly enqueued: number; readonly delivered: number }> {
    const { body } = await call(this.admin, { path: '/function' })
    const { events } = JSON.parse(body) as {
      events: { enqueued: number; delivered: number } | null
    }
    return events ?? { enqueued: 0, delivered: 0 }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]()
  }
}

/** Puts events by number into a function that writes their numbers down, again and again until each is taken. */
class Putting {
  readonly #port: number
  readonly #file: string
  #next = 0
  #taken = 0
  readonly done: Promise<unknown>
  /** Answers other than 202. */
  refused = 0

  constructor(port: number, file: string) {
    this.#port = port
    this.#file = file
    this.done = Promise.all(Array.from({ length: callers }, () => this.#putAll()))
  }

  /** Answered with 202. */
  get taken(): number {
    return this.#taken
  }

  async #putAll(): Promise<void> {
    while (this.#next < eventCount) {
      const number = this.#next++
      while (!(await this.#put(number))) await new Promise(resolve => setTimeout(resolve, restMs))
      this.#taken++
    }
  }

  async #put(number: number): Promise<boolean> {
    const event = { action: 'append', file: this.#file, text: `${number}\n` }
    const headers = { 'x-amz-invocation-type': 'Event' }
    const answer = await invoke(this.#port, 'echo', { event, headers }).catch(() => undefined)
    if (answer?.status === 202) return true
    this.refused++
    return false
  }
}

function written(file: string): number[] {
  try {
    // The last line may be without its end yet.
    return readFileSync(file, 'utf8').split('\n').slice(0, -1).map(Number)
  } catch {
    return []
  }
}

const missing = (file: string): number[] => {
  const ran = new Set(written(file))
  return Array.from({ length: eventCount }, (_, number) => number).filter(
    number => !ran.has(number),
  )
}

async function hasTaken(putting: Putting, count: number): Promise<void> {
  await eventually(
    () => putting.taken,
    taken => taken >= count,
  )
}

async function startCaller(t: Test, mesh: TestMesh): Promise<number> {
  const { ports } = await startSidecar(t, mesh, { name: 'caller' })
  await eventually(
    () => invoke(ports.outbound, 'echo', { event: {} }),
    ({ status }) => status === 200,
  )
  return ports.outbound
}

t.test('a sidecar that is killed, twice, runs every event that it has taken', async t => {
  const mesh = await startMesh(t, functionYaml('echo', '  asynchronous: { backoff: 50ms }'))
  const file = join(mesh.folder, 'ran')
  const host = await FunctionHostProcess.start(mesh, 'echo')
  t.teardown(() => host[Symbol.asyncDispose]())
  const putting = new Putting(await startCaller(t, mesh), file)
  const kills = [randomInt(60, 140), randomInt(150, 290)]
  for (const at of kills) {
    await hasTaken(putting, at)
    await host.kill()
    host.restart()
  }
  await putting.done
  await eventually(
    () => missing(file),
    ({ length }) => length === 0,
  )
  const ran = written(file)
  t.comment(
    `killed at ${kills.join(' and ')}; ${putting.refused} refused, ${ran.length} runs of ${eventCount}`,
  )
  t.equal(new Set(ran).size, eventCount)
  t.ok(putting.refused > 0, 'it was away for a while')
})

/** As if a minute went by: leases of who is gone end. */
async function expireLeases(server: NatsServer): Promise<void> {
  const connection = await connect({ servers: server.address })
  const manager = await jetstreamManager(connection)
  await manager.consumers.update('weft-events', 'default_echo', { ack_wait: 1_000_000_000 })
  await connection.close()
}

t.test(
  'of two sidecars that share a queue each runs what the other took, also of one that was killed',
  { skip: natsMissing },
  async t => {
    const server = await NatsServer.start()
    t.teardown(() => server[Symbol.asyncDispose]())
    const mesh = await startMesh(
      t,
      `${functionYaml('echo', '  asynchronous: { backoff: 50ms, concurrency: 4 }')}
---
apiVersion: weft.dev/v1alpha1
kind: Mesh
metadata: { name: mesh }
spec: { eventQueue: { nats: { servers: ['${server.address}'] } } }
`,
    )
    const file = join(mesh.folder, 'ran')
    const first = await FunctionHostProcess.start(mesh, 'echo-a')
    t.teardown(() => first[Symbol.asyncDispose]())
    const port = await startCaller(t, mesh)
    const second = await FunctionHostProcess.start(mesh, 'echo-b')
    t.teardown(() => second[Symbol.asyncDispose]())
    await eventually(
      () => second.events().catch(() => undefined),
      events => events !== undefined,
    )
    const putting = new Putting(port, file)
    await hasTaken(putting, randomInt(100, 200))
    await first.kill()
    await putting.done
    await expireLeases(server)
    await eventually(
      () => missing(file),
      ({ length }) => length === 0,
    )
    const { enqueued, delivered } = await second.events()
    const ran = written(file)
    t.comment(
      `${putting.refused} refused, ${ran.length} runs; the survivor took ${enqueued} and ran ${delivered}`,
    )
    t.equal(new Set(ran).size, eventCount)
    // How many of them the first one had run by then is chance; that none is missing is not.
    t.ok(delivered > 0)
  },
)
