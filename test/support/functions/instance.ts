import { randomUUID } from 'node:crypto'
import type { Test } from 'tap'
import { monotonicNow, wallNow } from '../../../src/base/clock.ts'
import type { FunctionFault } from '../../../src/functions/fault.ts'
import { functionEnvironment } from '../../../src/functions/runtime/environment.ts'
import { Instance, type RuntimeEndpoint } from '../../../src/functions/runtime/instance.ts'
import type { RuntimeSession } from '../../../src/functions/runtime/runtime-session.ts'
import type { Driver } from '../../../src/functions/runtime/sandbox.ts'
import { defaultLimits } from '../../../src/http/limits.ts'
import type { FunctionSpec } from '../../../src/model/function/function.ts'
import { RuntimeApi } from '../../../src/proxy/functions/runtime-api.ts'
import { createPlainListener } from '../../../src/proxy/listener/plain-listener.ts'

/** An instance with a Runtime API of its own, and no host that would replace it. */
export interface TestInstance {
  readonly instance: Instance
  readonly lines: string[]
  /** Its start is over; what went wrong. */
  readonly ready: Promise<FunctionFault | undefined>
  readonly ended: Promise<FunctionFault | undefined>
  /** Waits until the instance has room. @returns its result, as JSON says it. @throws Error as of its fault. */
  readonly invoke: (event: unknown) => Promise<unknown>
  /** Resolves when it can take an event. */
  readonly room: () => Promise<void>
  /** How often it could so far. */
  readonly rooms: () => number
}

let instances = 0

export function testInstance(t: Test, spec: FunctionSpec, driver: Driver): TestInstance {
  const number = ++instances
  const lines: string[] = []
  const ready = Promise.withResolvers<FunctionFault | undefined>()
  const ended = Promise.withResolvers<FunctionFault | undefined>()
  const waiting: (() => void)[] = []
  let rooms = 0
  const instance = new Instance({
    number,
    spec,
    driver,
    open: openRuntimeApi,
    environment: ({ port }) =>
      functionEnvironment({
        spec,
        port,
        invokeUrl: 'http://127.0.0.1:1',
        region: 'local',
        instance: number,
        own: { PATH: process.env['PATH'] },
      }),
    onLine: (_, text) => lines.push(text),
    onReady: () => ready.resolve(undefined),
    onDone: () => {},
    onRoom: () => {
      rooms++
      waiting.shift()?.()
    },
    onEnd: (_, fault) => {
      ready.resolve(fault)
      ended.resolve(fault)
    },
    now: monotonicNow,
    wallNow,
  })
  t.teardown(async () => {
    instance.kill()
    await ended.promise
  })
  const room = async (): Promise<void> => {
    if (!instance.hasRoom) await new Promise<void>(resolve => waiting.push(resolve))
  }
  return {
    instance,
    lines,
    ready: ready.promise,
    ended: ended.promise,
    room,
    rooms: () => rooms,
    invoke: async event => {
      await room()
      return dispatch(instance, event)
    },
  }
}

function dispatch(instance: Instance, event: unknown): Promise<unknown> {
  return new Promise((resolve, reject) =>
    instance.dispatch({
      id: randomUUID(),
      payload: Buffer.from(JSON.stringify(event)),
      functionArn: 'arn',
      traceId: undefined,
      clientContext: undefined,
      deadlineAt: Number.POSITIVE_INFINITY,
      receiver: {
        onResult: result => resolve(JSON.parse(result.toString())),
        onFault: ({ errorType, message }) => reject(new Error(`${errorType}: ${message}`)),
        onStreamHead: () => {},
        onStreamChunk: () => true,
        onStreamEnd: () => {},
      },
    }),
  )
}

async function openRuntimeApi(session: RuntimeSession, port = 0): Promise<RuntimeEndpoint> {
  const listener = createPlainListener({
    purpose: 'test',
    address: { host: '127.0.0.1', port },
    limits: defaultLimits,
    onRequest: new RuntimeApi(session).handle,
    onRefused: () => {},
    now: monotonicNow,
  })
  await listener.listen()
  return { port: listener.port, close: () => listener.close() }
}
