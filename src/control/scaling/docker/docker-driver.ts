import { pause } from '../../../base/pause.ts'
import { backoff } from '../../../base/backoff.ts'
import type { Logger } from '../../../base/log.ts'
import type { Random } from '../../../base/random.ts'
import { functionEnvironment } from '../../../functions/runtime/environment.ts'
import { externalRuntimePort } from '../../../functions/runtime/external-sandbox.ts'
import { functionLabel, functionRegion } from '../../../model/function/function.ts'
import { qualify } from '../../../model/qualified-name.ts'
import type { HostAdmission } from '../host-admission.ts'
import type { ScaledFunction, WorkloadDriver } from '../workload-driver.ts'
import {
  containerName,
  hostBootstrap,
  hostLabel,
  roleLabel,
  runtimeContainer,
  sidecarContainer,
  sidecarFolder,
  type HostPlan,
} from './container-spec.ts'
import { DockerEngine, type EngineContainer, type EngineEvent } from '../../docker/docker-engine.ts'
import type { DockerSettings } from './docker-settings.ts'
import { tarArchive } from './tar-archive.ts'

export interface DockerDriverOptions {
  readonly settings: DockerSettings
  readonly admission: HostAdmission
  readonly random: Random
  readonly logger: Logger
}

/** Between tries to hear of deaths again. */
const reconnect = { baseMs: 200, maxMs: 10_000 }
/** For taking back what was begun, whatever ended the call. */
const undoMs = 10_000
/** Code that nobody calls any more has nothing to finish; AWS gives it as long to end. */
const codeStopSeconds = 2
/** For the last word of one that died; it may be removed already. */
const lastLineMs = 2000
/** Beyond what a container has to end in. */
const stopGraceMs = 5000

/** A sidecar, and the code beside it. */
const rolesOfHost = 2
const aliveStates: ReadonlySet<string> = new Set(['running', 'paused', 'restarting'])

/** The containers of one host. */
interface Host {
  readonly name: string
  readonly containers: readonly EngineContainer[]
}

/** Hosts are pairs of containers of one Docker Engine: a sidecar, and the code beside it, on its loopback. */
export class DockerDriver implements WorkloadDriver {
  readonly instancesPerHost: number
  readonly #options: DockerDriverOptions
  readonly #engine: DockerEngine
  readonly #closed = new AbortController()
  #following: Promise<void> | undefined

  constructor(options: DockerDriverOptions) {
    this.#options = options
    this.instancesPerHost = options.settings.instancesPerHost
    this.#engine = new DockerEngine(options.settings.socket)
  }

  async ensure(fn: ScaledFunction, count: number, signal: AbortSignal): Promise<void> {
    const hosts = await this.#hosts(fn, signal)
    const whole = hosts.filter(host => this.#isWhole(host))
    const broken = hosts.filter(host => !whole.includes(host))
    const surplus = [...broken, ...whole.slice(count)]
    const taken = new Set(hosts.map(({ name }) => name))
    const missing = freeNames(fn.name, taken, Math.max(0, count - whole.length))
    await settled([
      ...surplus.map(host => this.#end(host, signal)),
      ...missing.map(host => this.#begin({ fn, host }, signal)),
    ])
  }

  /** Code that finds no Runtime API ends, and is started again ever later. */
  async hostReady(fn: ScaledFunction, workload: string, signal: AbortSignal): Promise<void> {
    const hosts = await this.#hosts(fn, signal)
    const host = hosts.find(({ name }) => name === workload)
    for (const { id, state, labels } of host?.containers ?? [])
      if (labels[roleLabel] === 'runtime' && state === 'created')
        await this.#engine.start(id, signal)
  }

  async current(fn: ScaledFunction, signal: AbortSignal): Promise<number> {
    const hosts = await this.#hosts(fn, signal)
    return hosts.filter(host => this.#isWhole(host)).length
  }

  watch(onLost: (name: string, why: string) => void): void {
    this.#following = this.#follow(onLost)
  }

  /** Takes the processor from the code of all hosts; their sidecars go on. */
  async freeze(fn: ScaledFunction, signal: AbortSignal): Promise<void> {
    const containers = await this.#code(fn, 'running', signal)
    await settled(containers.map(({ id }) => this.#engine.pause(id, signal)))
  }

  async thaw(fn: ScaledFunction, signal: AbortSignal): Promise<void> {
    const containers = await this.#code(fn, 'paused', signal)
    await settled(containers.map(({ id }) => this.#engine.unpause(id, signal)))
  }

  /** Containers go on. */
  async close(): Promise<void> {
    this.#closed.abort()
    await this.#following
    await this.#engine.close()
  }

  async #hosts(fn: ScaledFunction, signal: AbortSignal): Promise<Host[]> {
    const containers = await this.#engine.list(`${functionLabel}=${qualify(fn)}`, signal)
    const byHost = Map.groupBy(containers, ({ labels }) => labels[hostLabel] ?? '')
    return [...byHost].map(([name, list]) => ({ name, containers: list }))
  }

  async #code(fn: ScaledFunction, state: string, signal: AbortSignal): Promise<EngineContainer[]> {
    const hosts = await this.#hosts(fn, signal)
    return hosts
      .flatMap(({ containers }) => containers)
      .filter(container => container.labels[roleLabel] === 'runtime' && container.state === state)
  }

  /** A frozen one is as good as one that runs, and code that waits for its sidecar too. */
  #isWhole({ containers }: Host): boolean {
    const alive = containers.filter(
      ({ state, labels }) =>
        aliveStates.has(state) || (state === 'created' && labels[roleLabel] === 'runtime'),
    )
    return alive.length === rolesOfHost
  }

  async #begin(plan: HostPlan, signal: AbortSignal): Promise<void> {
    const { settings } = this.#options
    const made: string[] = []
    try {
      const environment = await this.#environmentOf(plan)
      const archive = await this.#filesOf(plan)
      const body = sidecarContainer(plan, settings)
      const sidecar = await this.#engine.create(containerName(plan, 'sidecar'), body, signal)
      made.push(sidecar)
      await this.#engine.upload(sidecar, archive, signal)
      const code = runtimeContainer(plan, settings, { sidecarId: sidecar, environment })
      made.push(await this.#engine.create(containerName(plan, 'runtime'), code, signal))
      await this.#engine.start(sidecar, signal)
    } catch (error) {
      await this.#undo(made)
      throw error
    }
  }

  #environmentOf({ fn: { spec } }: HostPlan): Promise<Record<string, string>> {
    const { outboundPort } = this.#options.settings.sidecar.bootstrap
    return functionEnvironment({
      // Where the images of AWS have the code.
      spec: { ...spec, directory: spec.directory === '' ? '/var/task' : spec.directory },
      port: spec.port ?? externalRuntimePort,
      invokeUrl: `http://127.0.0.1:${outboundPort}`,
      region: functionRegion,
      instance: 1,
      own: {},
    })
  }

  async #filesOf(plan: HostPlan): Promise<Buffer> {
    const { settings, admission } = this.#options
    const { fn, host: name } = plan
    const { token, trustBundle, trustDomain } = await admission.admit({
      name,
      namespace: fn.namespace,
      serviceAccount: fn.serviceAccount,
      labels: { [functionLabel]: fn.name },
    })
    const bootstrap = hostBootstrap(plan, settings, trustDomain)
    const [uid = 0, gid = 0] = (settings.sidecar.user ?? '0').split(':').map(Number)
    const files = {
      'bootstrap.json': JSON.stringify(bootstrap),
      'trust-bundle.pem': trustBundle,
      'join-token': token,
    }
    return tarArchive(
      Object.entries(files).map(([file, content]) => ({
        path: `${sidecarFolder}/${file}`,
        content,
        mode: 0o600,
        uid,
        gid,
      })),
    )
  }

  /** The sidecar first: it takes itself out of the mesh and finishes what it has, for which it needs the code. */
  async #end({ containers }: Host, signal: AbortSignal): Promise<void> {
    const { stopTimeout } = this.#options.settings
    const sorted = containers.toSorted(
      (a, b) =>
        Number(b.labels[roleLabel] === 'sidecar') - Number(a.labels[roleLabel] === 'sidecar'),
    )
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(stopTimeout * 1000 + stopGraceMs)])
    for (const { id, state, labels } of sorted) {
      const seconds = labels[roleLabel] === 'sidecar' ? stopTimeout : codeStopSeconds
      // Some engines refuse to stop what is paused.
      if (state === 'paused') await this.#engine.unpause(id, bounded)
      await this.#engine.stop(id, seconds, bounded)
    }
    for (const { id } of sorted.toReversed()) await this.#engine.remove(id, bounded)
  }

  /** Nothing half made stays, though the call may have been given up. */
  async #undo(made: readonly string[]): Promise<void> {
    const signal = AbortSignal.timeout(undoMs)
    for (const id of made.toReversed())
      await this.#engine
        .remove(id, signal)
        .catch((error: unknown) =>
          this.#options.logger.warn({ error, container: id }, 'could not remove a container'),
        )
  }

  async #follow(onLost: (name: string, why: string) => void): Promise<void> {
    const { signal } = this.#closed
    const { random, logger } = this.#options
    for (let failures = 1; !signal.aborted; failures++) {
      const tell = (event: EngineEvent): void => {
        failures = 0
        void this.#tell(event, onLost)
      }
      await this.#engine.deaths(functionLabel, tell, signal).catch((error: unknown) => {
        if (!signal.aborted) logger.warn({ error }, 'hears nothing of containers that die')
      })
      await pause(backoff(Math.max(1, failures), reconnect, random), signal)
    }
  }

  async #tell(
    { container, labels, exitCode }: EngineEvent,
    onLost: (name: string, why: string) => void,
  ): Promise<void> {
    const name = labels[functionLabel]
    if (name === undefined) return
    const signal = AbortSignal.any([this.#closed.signal, AbortSignal.timeout(lastLineMs)])
    const line = await this.#engine.lastLine(container, signal).catch(() => '')
    const said = line === '' ? '' : `; it said: ${line}`
    onLost(
      name,
      `the container of its ${labels[roleLabel]} ended with code ${exitCode ?? 'unknown'}${said}`,
    )
  }
}

/** The same names again and again: each that has ever been is remembered until its certificate has ended. */
function freeNames(name: string, taken: ReadonlySet<string>, count: number): string[] {
  const names: string[] = []
  for (let slot = 0; names.length < count; slot++) {
    const host = `${name}-host-${slot}`
    if (!taken.has(host)) names.push(host)
  }
  return names
}

/** Waits for all, so that nothing goes on behind; then throws what the first that failed did. */
async function settled(work: readonly Promise<void>[]): Promise<void> {
  const outcomes = await Promise.allSettled(work)
  const failed = outcomes.find(outcome => outcome.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}
