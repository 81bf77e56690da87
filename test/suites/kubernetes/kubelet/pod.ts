import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ApiError, keyOf, type Api } from '../cluster/api.ts'
import { addresses, PodNetwork } from '../cluster/network.ts'
import type { Container, Pod } from '../cluster/objects.ts'
import { ManagedContainer, timestamp } from './container.ts'
import { Environment, expand } from './environment.ts'
import { hostsFile, logOf, resolvConf } from './files.ts'
import { findImage } from './images.ts'
import type { Exit, Mount, ProcessOptions } from './process.ts'
import { statusOf, type PodState } from './status.ts'
import { privilegesOf, userOf } from './users.ts'
import { Volumes } from './volumes.ts'

/** How often what comes from the API is written anew into volumes; the kubelet's minute is too long here. */
const volumePeriodMs = 1000

export interface PodContext {
  readonly api: Api
  /** Of the whole node. */
  readonly folder: string
  /** Of its network: no two the same. */
  readonly index: number
  onEvent(container: string, what: string): void
}

/** One pod on this node, from its binding to its end, in the order that Kubernetes 1.34 gives it. */
export class RunningPod {
  /** Resolves when nothing of it is left on the node. */
  readonly done: Promise<void>
  readonly #context: PodContext
  readonly #containers = new Map<string, ManagedContainer>()
  readonly #stopping = new AbortController()
  readonly #startTime = timestamp()
  readonly #folder: string
  #pod: Pod
  #network: PodNetwork | undefined
  #volumes: Volumes | undefined
  #initialized = false
  #phase: PodState['phase'] = 'Pending'
  #stopped: Promise<void> | undefined
  #writing: Promise<void> | undefined
  #dirty = false

  constructor(pod: Pod, context: PodContext) {
    this.#pod = pod
    this.#context = context
    this.#folder = join(context.folder, 'pods', pod.metadata.uid ?? '')
    this.done = this.#run()
  }

  get phase(): PodState['phase'] {
    return this.#phase
  }

  get address(): string {
    return this.#network?.address ?? addresses.node
  }

  /** Of its main process. */
  pidOf(container: string): number | undefined {
    return this.#containers.get(container)?.pid
  }

  /** The object has changed. */
  update(pod: Pod): void {
    this.#pod = pod
    if (pod.metadata.deletionTimestamp === undefined) return
    const grace = pod.metadata.deletionGracePeriodSeconds ?? this.#grace
    this.#stopped ??= this.#stop(grace)
  }

  /** The object has gone without us. */
  remove(): void {
    this.#stopped ??= this.#stop(1)
  }

  async #run(): Promise<void> {
    mkdirSync(this.#folder, { recursive: true })
    try {
      await this.#prepare()
      this.#changed()
      if (await this.#initialize()) await this.#runMain()
      await this.#stopped
    } catch (error) {
      this.#note('', `failed: ${(error as Error).message}`)
      this.#phase = 'Failed'
    }
    // Sidecars, after a Job's last container.
    if (this.#stopped === undefined) await (this.#stopped = this.#stop(this.#grace))
    await this.#finish()
  }

  async #prepare(): Promise<void> {
    const { spec } = this.#pod
    if (spec.hostNetwork !== true) {
      this.#network = await PodNetwork.create(this.#context.index)
      for (const { name, value } of spec.securityContext?.sysctls ?? [])
        await this.#network.set(name, value)
    }
    const { namespace = '', name } = this.#pod.metadata
    writeFileSync(join(this.#folder, 'resolv.conf'), resolvConf(spec, namespace))
    writeFileSync(join(this.#folder, 'hosts'), hostsFile(spec, name, this.address))
    writeFileSync(join(this.#folder, 'hostname'), `${name}\n`)
    const folder = join(this.#folder, 'volumes')
    this.#volumes = new Volumes(this.#context.api, this.#pod, { podIp: this.address, folder })
  }

  /** @returns whether the main containers may start. */
  async #initialize(): Promise<boolean> {
    for (const spec of this.#pod.spec.initContainers ?? []) {
      if (this.#stopping.signal.aborted) return false
      const isSidecar = spec.restartPolicy === 'Always'
      const container = this.#start(spec, isSidecar ? 'Always' : this.#initPolicy)
      if (isSidecar) await container.startedOnce
      else await container.done
      if (!isSidecar && container.exit?.code !== 0) return this.#fail()
    }
    this.#initialized = true
    return !this.#stopping.signal.aborted
  }

  async #runMain(): Promise<void> {
    const { containers, restartPolicy = 'Always' } = this.#pod.spec
    const main: ManagedContainer[] = []
    for (const spec of containers) {
      if (this.#stopping.signal.aborted) break
      const container = this.#start(spec, restartPolicy)
      main.push(container)
      await container.launched
    }
    if (!this.#stopping.signal.aborted) this.#phase = 'Running'
    this.#changed()
    const refreshed = this.#refreshVolumes()
    await Promise.all(main.map(container => container.done))
    const failed = main.some(container => container.exit?.code !== 0)
    this.#stopped ??= this.#stop(this.#grace)
    await Promise.all([this.#stopped, refreshed])
    this.#phase = failed ? 'Failed' : 'Succeeded'
  }

  get #initPolicy(): string {
    return this.#pod.spec.restartPolicy === 'Never' ? 'Never' : 'OnFailure'
  }

  get #grace(): number {
    return this.#pod.spec.terminationGracePeriodSeconds ?? 30
  }

  #fail(): boolean {
    if (!this.#stopping.signal.aborted) this.#phase = 'Failed'
    return false
  }

  #start(spec: Container, restartPolicy: string): ManagedContainer {
    const container = new ManagedContainer(spec, {
      address: this.address,
      restarts: ({ code }: Exit) =>
        restartPolicy === 'Always' || (restartPolicy === 'OnFailure' && code !== 0),
      prepare: () => this.#prepareContainer(spec),
      onEvent: what => this.#note(spec.name, what),
    })
    this.#containers.set(spec.name, container)
    this.#changed()
    return container
  }

  async #prepareContainer(container: Container): Promise<ProcessOptions> {
    const { spec, metadata } = this.#pod
    const image = findImage(container.image)
    if (image === undefined) throw new Error(`image ${container.image} is not on this node`)
    if (this.#volumes === undefined) throw new Error('there are no volumes')
    await this.#volumes.write()
    const environment = await new Environment(this.#context.api, this.#pod, this.address).of(
      container,
    )
    const filled = (words: readonly string[]): string[] =>
      words.map(word => expand(word, environment))
    const command = container.command ?? image.entrypoint
    const args = container.args ?? (container.command ? [] : image.arguments)
    const user = userOf(spec, container, image.user)
    return {
      hostname: metadata.name,
      network: this.#network?.path,
      command: [...filled(command), ...filled(args)],
      environment,
      workingDirectory: container.workingDir,
      privileges: privilegesOf(user, spec, container),
      mounts: [...this.#ownFiles(), ...this.#volumes.mountsOf(container)],
      readOnlyRoot: container.securityContext?.readOnlyRootFilesystem === true,
      folder: join(this.#folder, container.name),
      log: logOf(this.#context.folder, keyOf(this.#pod), container.name),
    }
  }

  #ownFiles(): Mount[] {
    return ['resolv.conf', 'hosts', 'hostname'].map(name => ({
      source: join(this.#folder, name),
      target: `/etc/${name}`,
      readOnly: false,
    }))
  }

  async #refreshVolumes(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      await sleep(volumePeriodMs, undefined, { signal }).catch(() => {})
      // What can't be read now is written next time.
      await this.#volumes?.write().catch(() => {})
    }
  }

  /** Main containers at once; each sidecar after those, and after the sidecars behind it. */
  async #stop(graceSeconds: number): Promise<void> {
    this.#stopping.abort()
    const { containers, initContainers = [] } = this.#pod.spec
    const sidecars = initContainers.filter(each => each.restartPolicy === 'Always')
    const doneOf = async ({ name }: Container): Promise<void> => this.#containers.get(name)?.done
    const stopped: Promise<void>[] = []
    for (const { spec } of this.#containers.values()) {
      const place = sidecars.findIndex(({ name }) => name === spec.name)
      const before = place < 0 ? [] : [...containers, ...sidecars.slice(place + 1)]
      const turn = Promise.all(before.map(doneOf))
      const container = this.#containers.get(spec.name)
      if (container) stopped.push(container.stop(graceSeconds * 1000, turn))
    }
    await Promise.all(stopped)
  }

  async #finish(): Promise<void> {
    this.#note('', 'ended')
    await this.#network?.remove()
    rmSync(this.#folder, { recursive: true, force: true })
    this.#changed()
    await this.#writing
    await this.#deleteWhenAsked()
  }

  /** The object goes when its time has come: at once, or when somebody deletes what has ended by itself. */
  async #deleteWhenAsked(): Promise<void> {
    const { namespace, name, uid } = this.#pod.metadata
    const path = `/api/v1/namespaces/${namespace}/pods/${name}`
    for (;;) {
      const found = await this.#context.api.find<Pod>(path).catch(() => this.#pod)
      if (found?.metadata.uid !== uid) return
      if (found?.metadata.deletionTimestamp !== undefined) {
        const preconditions = { uid }
        const options = { gracePeriodSeconds: 0, preconditions }
        const gone = await this.#context.api.delete(path, options).then(
          () => true,
          () => false,
        )
        if (gone) return
      }
      await sleep(200)
    }
  }

  #note(container: string, what: string): void {
    this.#context.onEvent(container, what)
    this.#changed()
  }

  /** Written soon, and what changes meanwhile with it. */
  #changed(): void {
    this.#dirty = true
    this.#writing ??= this.#write().finally(() => (this.#writing = undefined))
  }

  async #write(): Promise<void> {
    const { namespace, name, uid } = this.#pod.metadata
    const path = `/api/v1/namespaces/${namespace}/pods/${name}/status`
    while (this.#dirty) {
      await sleep(5)
      this.#dirty = false
      const status = statusOf(this.#pod, this.#state)
      try {
        // The uid: not to the next one of the same name.
        this.#pod = await this.#context.api.patch<Pod>(path, { metadata: { uid }, status })
      } catch (error) {
        if (error instanceof ApiError && [404, 409, 422].includes(error.status)) return
        this.#dirty = true
        await sleep(200)
      }
    }
  }

  get #state(): PodState {
    return {
      phase: this.#phase,
      podIp: this.#network?.address,
      startTime: this.#startTime,
      initialized: this.#initialized,
      statuses: new Map(
        Array.from(this.#containers, ([name, container]) => [name, container.status]),
      ),
    }
  }
}
