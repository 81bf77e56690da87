import { backoff } from '../base/backoff.ts'
import type { Random } from '../base/random.ts'
import { snapshotVersion } from '../model/snapshot-version.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { RefusedError, signRequest, type CertificateRequest } from './certificate-request.ts'
import { maxControlLineBytes, readControlMessage } from './control-message.ts'
import type { ControlStream } from './control-stream.ts'
import type {
  Activation,
  ControlMessage,
  Feature,
  FunctionLoad,
  Hello,
  Problem,
  Push,
  Register,
  Registered,
  SidecarMessage,
  Signed,
  Subscribed,
} from './message.ts'
import { MessageStream } from './message-stream.ts'
import { nackOf } from './nack.ts'
import { receiveSnapshot } from './received-snapshot.ts'

export interface SubscriptionClientOptions {
  /** Opens a TLS connection with our certificate, and checks the peer's; rejects in bounded time. */
  readonly connect: () => Promise<ControlStream>
  readonly workload: Hello['workload']
  readonly build: string
  /** Without `address` it is the one that each stream comes from. */
  readonly registration: Omit<Register, 'type' | 'ready' | 'address'> &
    Partial<Pick<Register, 'address'>>
  readonly services: Subscribed
  /** Whether the application serves at the start; see {@link SubscriptionClient.setReady}. */
  readonly ready: boolean
  /** What the sidecar runs on already, from disk. */
  readonly initial?: Snapshot
  /** Takes a snapshot over, or changes nothing and says every reason. What it throws becomes a reason too. */
  readonly apply: (snapshot: Snapshot) => readonly Problem[] | Promise<readonly Problem[]>
  /** Told of each loss of the stream, and of each attempt that failed. */
  readonly onDisconnect?: (reason: Error | undefined) => void
  /** Told of what concerns functions that run nowhere. */
  readonly onActivation?: (event: ActivationEvent) => void
  readonly random: Random
  /** Silence after which the control plane counts as gone, until it tells its lease. Default 30000. */
  readonly silenceMs?: number
  /** Default 100 ms, doubled to 5 s. */
  readonly reconnect?: { readonly baseMs: number; readonly maxMs: number }
}

/** Whether there is somebody who can have functions started: no stream, one that cannot, one that can. */
export type ActivationLink = 'away' | 'unsupported' | 'ready'

export type ActivationEvent = Activation | { readonly type: 'link'; readonly state: ActivationLink }

const renewalTimeoutMs = 10_000
const activation: Feature = 'activation'

/** A stream, and what ends with it. */
interface Connection {
  readonly stream: ControlStream
  readonly messages: MessageStream<SidecarMessage>
}

interface Waiter<T> {
  readonly resolve: (value: T) => void
  readonly reject: (error: Error) => void
}

/** The sidecar's side of the push protocol: keeps one stream to the control plane, for as long as it is not closed. */
export class SubscriptionClient {
  readonly #options: SubscriptionClientOptions
  #services: Subscribed
  #ready: boolean
  #held: Snapshot | undefined
  #connection: Connection | undefined
  #failures = 0
  #silenceMs: number
  #silence: NodeJS.Timeout | undefined
  #link: ActivationLink = 'away'
  #reconnect: NodeJS.Timeout | undefined
  /** Pushes are taken one after the other, also when taking one waits. */
  #applying: Promise<void> = Promise.resolve()
  #renewal: Waiter<Signed> | undefined
  #leave: Waiter<boolean> | undefined
  #leaving = false
  #closed = false

  constructor(options: SubscriptionClientOptions) {
    this.#options = options
    this.#services = options.services
    this.#ready = options.ready
    this.#held = intact(options.initial)
    this.#silenceMs = options.silenceMs ?? 30_000
  }

  get connected(): boolean {
    return this.#connection !== undefined
  }

  /** Of the snapshot that was applied last; also of the one from disk, if it is what its version says. */
  get version(): string | undefined {
    return this.#held?.version
  }

  start(): void {
    void this.#connect()
  }

  /** Whether the application takes traffic. The control plane is told now, and again on each new stream. */
  setReady(ready: boolean): void {
    if (this.#leaving || this.#ready === ready) return
    this.#ready = ready
    this.#send({ type: 'ready', ready })
  }

  subscribe(services: Subscribed): void {
    this.#services = services
    this.#send({ type: 'subscribe', services })
  }

  /** Has a function started that requests wait for. Without effect unless the link is `ready`. */
  activate(name: string, waiting: number): void {
    if (this.#link === 'ready') this.#send({ type: 'activate', function: name, waiting })
  }

  /** Says what the hosted function has to do. As {@link activate}. @returns whether it was said. */
  reportLoad(load: Omit<FunctionLoad, 'type'>): boolean {
    if (this.#link === 'ready') this.#send({ type: 'load', ...load })
    return this.#link === 'ready'
  }

  /** Asks for the next certificate over the live stream. Rejects without one, or without an answer. */
  async renew(request: CertificateRequest): Promise<Signed> {
    const connection = this.#connection
    if (connection === undefined) throw new Error('not connected to the control plane')
    if (this.#renewal !== undefined) throw new Error('a renewal is under way')
    const { promise, resolve, reject } = Promise.withResolvers<Signed>()
    this.#renewal = { resolve, reject }
    const late = new Error('no answer from the control plane')
    const timer = setTimeout(() => reject(late), renewalTimeoutMs)
    try {
      this.#send(signRequest(request, connection.stream))
      return await promise
    } finally {
      clearTimeout(timer)
      this.#renewal = undefined
    }
  }

  /** Ends our traffic: true when no connected sidecar sends us any more, false when that is not known in time. */
  async leave(timeoutMs: number): Promise<boolean> {
    this.#leaving = true
    this.#ready = false
    if (this.#connection === undefined) return false
    const { promise, resolve, reject } = Promise.withResolvers<boolean>()
    this.#leave = { resolve, reject }
    const timer = setTimeout(() => resolve(false), timeoutMs)
    this.#send({ type: 'leave' })
    try {
      return await promise
    } catch {
      // The stream broke: who has heard of our leaving is not known.
      return false
    } finally {
      clearTimeout(timer)
      this.#leave = undefined
    }
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#reconnect)
    clearTimeout(this.#silence)
    const connection = this.#connection
    this.#connection = undefined
    connection?.messages.destroy()
  }

  async #connect(): Promise<void> {
    // What the last stream brought is taken over or refused by then: `hello` says which.
    await this.#applying
    if (this.#closed) return
    try {
      const stream = await this.#options.connect()
      if (this.#closed) stream.destroy()
      else this.#open(stream)
    } catch (error) {
      this.#retry(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #open(stream: ControlStream): void {
    const messages = new MessageStream<SidecarMessage>(stream, {
      maxLineBytes: maxControlLineBytes,
      onMessage: value => this.#receive(readControlMessage(value), messages),
      onClose: reason => this.#disconnected(reason),
    })
    this.#connection = { stream, messages }
    this.#listenForSilence()
    const { workload, build, registration } = this.#options
    // A stream that has none any more has ended: nobody reads this.
    const { address = stream.localAddress ?? '' } = registration
    const version = this.version
    const services = this.#services
    this.#send({
      type: 'hello',
      protocol: 1,
      workload,
      services,
      build,
      ...(version !== undefined && { version }),
    })
    if (this.#leaving) this.#send({ type: 'leave' })
    else this.#send({ type: 'register', ...registration, address, ready: this.#ready })
  }

  #disconnected(reason: Error | undefined): void {
    this.#connection = undefined
    clearTimeout(this.#silence)
    this.#linkIs('away')
    const lost = reason ?? new Error('the stream to the control plane ended')
    this.#renewal?.reject(lost)
    this.#leave?.reject(lost)
    this.#retry(reason)
  }

  #retry(reason: Error | undefined): void {
    if (this.#closed) return
    const { onDisconnect, random, reconnect = { baseMs: 100, maxMs: 5000 } } = this.#options
    this.#failures++
    const delayMs = backoff(this.#failures, reconnect, random)
    this.#reconnect = setTimeout(() => void this.#connect(), delayMs)
    onDisconnect?.(reason)
  }

  /** A peer that vanished without a word leaves the stream open for minutes. */
  #listenForSilence(): void {
    clearTimeout(this.#silence)
    const silent = new Error(`nothing heard from the control plane for ${this.#silenceMs} ms`)
    const stop = (): void => this.#connection?.messages.destroy(silent)
    this.#silence = setTimeout(stop, this.#silenceMs)
  }

  #send(message: SidecarMessage): void {
    this.#connection?.messages.send(message)
  }

  #receive(message: ControlMessage, messages: MessageStream<SidecarMessage>): void {
    switch (message.type) {
      case 'push':
        this.#applying = this.#applying.then(() => this.#take(message, messages))
        break
      case 'ping':
        this.#send({ type: 'pong' })
        break
      case 'registered':
        this.#registered(message)
        break
      case 'activation':
        this.#options.onActivation?.(message)
        break
      case 'signed':
        this.#renewal?.resolve(message)
        break
      case 'left':
        this.#leave?.resolve(message.acked)
        break
      case 'refused':
        this.#refused(message)
        break
    }
    this.#listenForSilence()
  }

  #registered({ leaseMs, features = [] }: Registered): void {
    // Only now is the stream of use: a control plane that ends each one at once is not hurried.
    this.#failures = 0
    this.#silenceMs = leaseMs
    this.#linkIs(features.includes(activation) ? 'ready' : 'unsupported')
  }

  #linkIs(state: ActivationLink): void {
    if (this.#link === state) return
    this.#link = state
    this.#options.onActivation?.({ type: 'link', state })
  }

  #refused({ reason, fatal }: Extract<ControlMessage, { type: 'refused' }>): void {
    const error = new RefusedError(reason)
    this.#renewal?.reject(error)
    if (fatal) this.#connection?.messages.destroy(error)
  }

  /** Answers one push. When its stream ends meanwhile the answer leads nowhere, what was applied stays. */
  async #take(push: Push, messages: MessageStream<SidecarMessage>): Promise<void> {
    if (this.#connection?.messages !== messages) return
    const received = receiveSnapshot(push, this.#held)
    if ('problem' in received) {
      messages.send({ ...nackOf(push, [received.problem]), wants: 'snapshot' })
      return
    }
    const problems = await this.#apply(received.snapshot)
    if (problems.length > 0) {
      messages.send(nackOf(push, problems))
      return
    }
    this.#held = received.snapshot
    messages.send({ type: 'ack', nonce: push.nonce, version: push.version })
  }

  async #apply(snapshot: Snapshot): Promise<readonly Problem[]> {
    try {
      return await this.#options.apply(snapshot)
    } catch (error) {
      return [{ path: '', message: error instanceof Error ? error.message : String(error) }]
    }
  }
}

/** A file that was changed by hand must not pass for what the control plane once sent. */
function intact(stored: Snapshot | undefined): Snapshot | undefined {
  if (stored === undefined || snapshotVersion(stored) !== stored.version) return undefined
  return stored
}
