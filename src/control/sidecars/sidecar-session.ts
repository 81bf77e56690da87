import type { Now } from '../../base/clock.ts'
import type { Logger } from '../../base/log.ts'
import { ProtocolError } from '../../discovery/line-decoder.ts'
import type { ControlStream } from '../../discovery/control-stream.ts'
import { MessageStream } from '../../discovery/message-stream.ts'
import type {
  Ack,
  ControlMessage,
  Feature,
  FunctionLoad,
  Hello,
  Nack,
  Register,
  SidecarMessage,
  SignRequest,
  Subscribed,
} from '../../discovery/message.ts'
import { Subscription } from '../../discovery/subscription.ts'
import { functionLabel } from '../../model/function/function.ts'
import type { Admission, Admissions } from './admissions.ts'
import { AttestationPostponed } from './attestor.ts'
import type { ControlCounters } from '../control-counters.ts'
import type { Scaler } from '../scaling/scaler.ts'
import type { Fleet, Subscriber } from './fleet.ts'
import type { Publisher } from './publisher.ts'
import type { Registry } from './registry.ts'
import { maxSidecarLineBytes, maxStrangerLineBytes, readSidecarMessage } from './sidecar-message.ts'
import type { WaitingCaller } from '../scaling/function-scaler.ts'
import { denied, type Signing, type SigningOutcome } from './signing.ts'

/** What all sessions share. */
export interface SessionContext {
  readonly signing: Signing
  readonly admissions: Admissions
  readonly registry: Registry
  readonly fleet: Fleet
  readonly publisher: Publisher
  readonly scaler: Pick<Scaler, 'activate' | 'load' | 'disconnected'>
  readonly counters: ControlCounters
  readonly leaseMs: number
  /** Wall clock. */
  readonly now: Now
  readonly logger: Logger
}

/** Bound of the wait for the others' acks, see `leave`. */
const leaveTimeoutMs = 2000
/** Pings in a lease; as many may get lost before a side counts as gone. */
const pingsPerLease = 3
/** Time for a stranger to get its certificate. */
const anonymousTimeoutMs = 10_000
const features: readonly Feature[] = ['activation']

/** One sidecar's stream from the handshake to its end. Before `hello` it can only ask for a certificate. */
export class SidecarSession {
  readonly #context: SessionContext
  readonly #stream: ControlStream
  readonly #messages: MessageStream<ControlMessage>
  readonly #identity: string | undefined
  readonly #ping: NodeJS.Timeout
  readonly #silence: NodeJS.Timeout
  #expiry: NodeJS.Timeout | undefined
  #greeted: Greeted | undefined
  /** As the scaler knows it. */
  readonly #caller: WaitingCaller = { send: message => this.#messages.send(message) }
  #signing = false
  #leaving = false

  /** @param identity SPIFFE ID that the stream has proven; a stream without one can only sign. */
  constructor(stream: ControlStream, identity: string | undefined, context: SessionContext) {
    const { leaseMs } = context
    this.#context = context
    this.#stream = stream
    this.#identity = identity
    this.#messages = new MessageStream(stream, {
      maxLineBytes: identity === undefined ? maxStrangerLineBytes : maxSidecarLineBytes,
      pausesWhenFull: true,
      onMessage: value => this.#read(value),
      onClose: reason => this.#closed(reason),
    })
    this.#ping = setInterval(() => this.#messages.send({ type: 'ping' }), leaseMs / pingsPerLease)
    const silent = (): void => this.#messages.destroy(new Error('nothing heard for a whole lease'))
    this.#silence = setTimeout(silent, identity === undefined ? anonymousTimeoutMs : leaseMs)
  }

  /** No stream outlives the certificate that opened it. @param notAfter ms since 1970. */
  endAt(notAfter: number): void {
    const leftMs = Math.max(0, notAfter - this.#context.now())
    this.#expiry = setTimeout(() => this.#messages.end(), leftMs)
  }

  /** Says why, and ends the stream of whoever has not made itself known. */
  refuse(reason: string): void {
    const fatal = this.#greeted === undefined
    this.#context.counters.refused++
    this.#messages.send({ type: 'refused', reason, fatal })
    if (fatal) this.#messages.end()
  }

  #read(value: unknown): void {
    const { counters, logger } = this.#context
    try {
      this.#receive(readSidecarMessage(value))
    } catch (error) {
      if (!(error instanceof ProtocolError)) {
        logger.error({ error, identity: this.#identity }, 'could not serve a sidecar')
        throw error
      }
      // A sidecar of another version learns what it does wrong.
      counters.protocolErrors++
      this.#messages.send({ type: 'refused', reason: error.message, fatal: true })
      this.#messages.end()
    }
  }

  #receive(message: SidecarMessage): void {
    if (message.type === 'sign') {
      void this.#sign(message)
      return
    }
    if (this.#identity === undefined) {
      this.refuse('without a certificate only `sign` is possible')
      return
    }
    this.#silence.refresh()
    if (message.type === 'hello') this.#greet(message, this.#identity)
    else if (this.#greeted === undefined) throw new ProtocolError(`${message.type} before hello`)
    else this.#serve(message, this.#greeted)
  }

  #serve(
    message: Exclude<SidecarMessage, SignRequest | Hello>,
    { subscriber, admission }: Greeted,
  ): void {
    const { registry, publisher, scaler } = this.#context
    registry.renew(admission)
    switch (message.type) {
      case 'register':
        this.#register(message, subscriber.identity, admission)
        break
      case 'ready':
        if (!this.#leaving) registry.setReady(admission, message.ready)
        break
      case 'subscribe':
        subscriber.services = message.services
        publisher.refresh(subscriber)
        break
      case 'ack':
      case 'nack':
        this.#answered(message, subscriber)
        break
      case 'leave':
        // Once: each waits for the whole fleet.
        if (!this.#leaving) void this.#leave(subscriber)
        break
      case 'activate':
        scaler.activate(this.#caller, message)
        break
      case 'load':
        this.#load(subscriber, message)
        break
      case 'pong':
        break
    }
  }

  #answered(message: Ack | Nack, { subscription }: Subscriber): void {
    if (message.type === 'nack') {
      if (subscription.nacked(message)) this.#countNack(message)
    } else if (subscription.acked(message)) this.#context.counters.acks++
  }

  /** A sidecar speaks for the function that its join token names, and for no other. */
  #load({ hosts, workload }: Subscriber, message: FunctionLoad): void {
    if (message.function === `${hosts}.${workload.namespace}`)
      this.#context.scaler.load(workload, message)
  }

  #greet(hello: Hello, identity: string): void {
    const { admissions, fleet, publisher, now } = this.#context
    if (this.#greeted !== undefined) throw new ProtocolError('a second hello')
    const admission = admissions.find(hello.workload, identity)
    if (admission === undefined) {
      const { namespace, name } = hello.workload
      this.refuse(`${identity} was not admitted as ${namespace}/${name}`)
      return
    }
    const subscriber: SessionSubscriber = {
      workload: hello.workload,
      identity,
      build: hello.build,
      connectedAt: now(),
      services: hello.services,
      hosts: admission.labels[functionLabel],
      labels: admission.labels,
      subscription: this.#subscribe(hello.version),
      replaced: () => this.#messages.destroy(new Error('the sidecar has opened another stream')),
    }
    this.#greeted = { subscriber, admission }
    fleet.join(subscriber)
    publisher.refresh(subscriber)
  }

  #subscribe(version: string | undefined): Subscription {
    const { fleet, counters, leaseMs } = this.#context
    return new Subscription({
      version,
      answerTimeoutMs: leaseMs,
      send: push => {
        counters.pushes++
        this.#messages.send(push)
      },
      onStalled: () => {
        counters.stalled++
        this.#messages.destroy(new Error('a push was not answered for a whole lease'))
      },
      onAcked: () => fleet.progressed(),
    })
  }

  #register(message: Register, identity: string, admission: Admission): void {
    if (this.#leaving) return
    const { registry, leaseMs } = this.#context
    const { namespace, name, serviceAccount, labels } = admission
    const { address, ports, meshPort, zone, ready } = message
    registry.register({
      namespace,
      name,
      serviceAccount,
      labels,
      ...(zone !== undefined && { zone }),
      address,
      ports,
      meshPort,
      identity,
      ready,
    })
    this.#messages.send({ type: 'registered', leaseMs, features })
  }

  /** The sidecar keeps its own snapshot while it drains: its registration goes only with its stream. */
  async #leave(subscriber: Subscriber): Promise<void> {
    const { registry, publisher, fleet } = this.#context
    this.#leaving = true
    registry.setReady(subscriber.workload, false)
    publisher.publish()
    const acked = await fleet.settled(subscriber, leaveTimeoutMs)
    this.#messages.send({ type: 'left', acked })
  }

  async #sign(request: SignRequest): Promise<void> {
    const { signing, counters, logger } = this.#context
    if (this.#signing) {
      this.refuse('a request to sign is under way')
      return
    }
    this.#signing = true
    try {
      const outcome = await this.#requestCertificate(request, signing)
      if (outcome.type === 'signed') {
        counters.certificates++
        this.#messages.send(outcome)
      } else this.refuse(outcome.reason)
    } catch (error) {
      // Closed without a word it comes again; a refusal would be the last word.
      if (error instanceof AttestationPostponed) return this.#messages.end()
      logger.error({ error }, 'could not issue a certificate')
      this.refuse('the control plane failed')
    } finally {
      this.#signing = false
    }
  }

  async #requestCertificate(request: SignRequest, signing: Signing): Promise<SigningOutcome> {
    if (this.#identity === undefined) return signing.admit(request, this.#stream)
    if (this.#greeted === undefined) return denied('a renewal needs a hello before it')
    return signing.renew(request, this.#stream, this.#greeted.subscriber)
  }

  #closed(reason: Error | undefined): void {
    clearInterval(this.#ping)
    clearTimeout(this.#silence)
    clearTimeout(this.#expiry)
    const { fleet, registry, counters, logger, scaler } = this.#context
    if (reason instanceof ProtocolError) counters.protocolErrors++
    logger.debug({ identity: this.#identity, error: reason }, 'a sidecar has disconnected')
    if (this.#greeted === undefined) return
    const { subscriber } = this.#greeted
    subscriber.subscription.close()
    const current = fleet.part(subscriber)
    if (current && this.#leaving) registry.remove(subscriber.workload)
    scaler.disconnected(this.#caller, subscriber.workload, current ? subscriber.hosts : undefined)
  }

  #countNack({ version, problems }: Nack): void {
    const { counters, logger } = this.#context
    counters.nacks++
    logger.warn({ identity: this.#identity, version, problems }, 'a sidecar refused its snapshot')
  }
}

interface SessionSubscriber extends Subscriber {
  services: Subscribed
}

interface Greeted {
  readonly subscriber: SessionSubscriber
  readonly admission: Admission
}
