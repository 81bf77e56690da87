import { setTimeout as delay } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'
import type { Logger } from '../../base/log.ts'
import type { ActivationEvent } from '../../discovery/subscription-client.ts'
import type { IdentityMaterial } from '../../identity/identity.ts'
import type { Snapshot } from '../../model/snapshot.ts'
import type { BreakerSetting } from '../../resilience/circuit-breaker.ts'
import type { DataPlanePorts } from '../data-plane.ts'
import type { FromPlane, PlaneQuestion, ToPlane } from './plane-message.ts'

export interface PlaneHandleOptions {
  readonly logger: Logger
  readonly writeAccessLog: (line: string) => void
  readonly onRefusedByApplication: (port: number) => void
  readonly activate: (name: string, waiting: number) => void
  /** The thread has ended though nobody has closed it. */
  readonly onLost: () => void
}

/** A thread that is busier than that is not waited for. */
const answerTimeoutMs = 2000

/** A data plane on a thread, seen from the main one. */
export class PlaneHandle {
  readonly #worker: Worker
  readonly #options: PlaneHandleOptions
  readonly #listening = Promise.withResolvers<DataPlanePorts>()
  readonly #waiting = new Map<number, (value: unknown) => void>()
  #nextId = 0
  #closed = false

  constructor(worker: Worker, options: PlaneHandleOptions) {
    this.#worker = worker
    this.#options = options
    worker.on('message', (message: FromPlane) => this.#take(message))
    worker.on('error', error => options.logger.error({ error }, 'a thread has failed'))
    worker.on('exit', () => this.#lost())
    // Whoever starts it looks; a restart may not.
    this.#listening.promise.catch(() => {})
  }

  /** Rejects when it can't bind its ports. */
  get listening(): Promise<DataPlanePorts> {
    return this.#listening.promise
  }

  /** Resolves when it works by the snapshot, or is lost. */
  async apply(snapshot: Snapshot): Promise<void> {
    await this.#send(id => ({ kind: 'apply', id, snapshot }))
  }

  /** Undefined when it is lost, or does not answer within {@link answerTimeoutMs}. */
  ask(question: PlaneQuestion): Promise<unknown> {
    const answered = this.#send(id => ({ kind: 'ask', id, question }))
    return Promise.race([answered, delay(answerTimeoutMs, undefined, { ref: false })])
  }

  /** Whether it has such a cluster; undefined as of a question. */
  setBreaker(cluster: string, setting: BreakerSetting): Promise<unknown> {
    const answered = this.#send(id => ({ kind: 'breaker', id, cluster, setting }))
    return Promise.race([answered, delay(answerTimeoutMs, undefined, { ref: false })])
  }

  /** Resolves when it has drained, or is lost. */
  async drain(question: 'drainInbound' | 'drainOutbound'): Promise<void> {
    await this.#send(id => ({ kind: 'ask', id, question }))
  }

  renew(identity: IdentityMaterial): void {
    this.#worker.postMessage({ kind: 'identity', identity } satisfies ToPlane)
  }

  activation(event: ActivationEvent): void {
    this.#worker.postMessage({ kind: 'activation', event } satisfies ToPlane)
  }

  close(): void {
    this.#closed = true
    void this.#worker.terminate()
  }

  #send(message: (id: number) => ToPlane): Promise<unknown> {
    if (this.#closed) return Promise.resolve(undefined)
    const id = this.#nextId++
    const { promise, resolve } = Promise.withResolvers<unknown>()
    this.#waiting.set(id, resolve)
    this.#worker.postMessage(message(id))
    return promise
  }

  #take(message: FromPlane): void {
    const { logger, writeAccessLog, onRefusedByApplication, activate } = this.#options
    switch (message.kind) {
      case 'listening':
        return this.#listening.resolve(message.ports)
      case 'failed':
        return this.#listening.reject(new Error(message.message))
      case 'refused':
        return onRefusedByApplication(message.port)
      case 'activate':
        return activate(message.name, message.waiting)
      case 'access':
        return message.lines.forEach(writeAccessLog)
      case 'log':
        return logger[message.level](message.fields, message.message)
      case 'answer':
        this.#waiting.get(message.id)?.(message.value)
        this.#waiting.delete(message.id)
    }
  }

  #lost(): void {
    this.#listening.reject(new Error('a thread has ended before it listened'))
    for (const resolve of this.#waiting.values()) resolve(undefined)
    this.#waiting.clear()
    if (this.#closed) return
    this.#closed = true
    this.#options.onLost()
  }
}
